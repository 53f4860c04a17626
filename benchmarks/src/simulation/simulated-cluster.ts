import { RfaasError, type LeaseHeld } from '@rfaas/core';
import { Cluster, forgetfulRows, seededRandom, type LeaseRecord, type Random } from '@rfaas/resource-manager';
import { exponential } from './distributions.ts';
import type { RunRecorder } from './run-recorder.ts';
import { totalCores, type SimulationSettings } from './settings.ts';
import { SimulatedNodes } from './simulated-nodes.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { Job } from './workload.ts';

interface Running {
  record: LeaseRecord;
  readonly job: Job;
  readonly start: number;
  isOver: boolean;
}

/** The time of the resource manager's clock when virtual time begins. */
const EPOCH = Date.UTC(2026, 0, 1);
/** How long a node takes on average until nothing runs any more under a lease that is to end. */
const CONFIRM_MS = 50;
/** When a client notices that an executor of its is gone. */
const NOTICE_MS = 1000;
const DAY_MS = 24 * 3_600_000;

/** A real resource manager's decisions with simulated nodes and clients around them. */
export class SimulatedCluster {
  readonly nodes: SimulatedNodes;
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #cluster: Cluster;
  readonly #running = new Map<string, Running>();
  readonly #waiting = new Map<string, Job>();
  #recorder: RunRecorder | undefined;
  #sweepAt = Infinity;

  constructor(time: VirtualTime, { seed, policy, nodes, tenantShare }: SimulationSettings) {
    this.#time = time;
    this.#random = seededRandom(seed + 2);
    this.nodes = new SimulatedNodes(nodes);
    this.#cluster = new Cluster({
      clock: () => EPOCH + time.now,
      random: seededRandom(seed + 3),
      policy,
      maxLeaseMs: 30 * DAY_MS,
      leaseSkewMs: 5000,
      clientGraceMs: 0,
      nodeTimeoutMs: 60_000,
      maxQueued: 100_000,
      queuePatienceMs: 60_000,
      defaultLimits: tenantShare === 0 ? {} : { cores: Math.floor(tenantShare * totalCores(nodes)) },
      rows: forgetfulRows,
      events: {
        leaseEnd: (node, leaseId) => {
          this.#leaseEnd(node, leaseId);
        },
        nodeDrain: () => undefined,
        nodeResume: () => undefined,
        nodeDismissed: () => undefined,
        changed: () => {
          this.#planSweep();
        },
      },
    });
    for (const name of this.nodes.names) this.#register(name, []);
  }

  /** Notes everything from now on, or nothing. */
  measure(recorder: RunRecorder | undefined): void {
    this.#recorder = recorder;
    this.#noteState();
  }

  /** How many requests wait. */
  get queued(): number {
    return this.#waiting.size;
  }

  /** Whether nothing runs and nothing waits. */
  get isIdle(): boolean {
    return this.#running.size === 0 && this.#waiting.size === 0;
  }

  /** A tenant asks for what it needs. Returns whether it got that at once. */
  submit(job: Job): boolean {
    const { tenant, request } = job;
    const asked = this.#time.now;
    try {
      const outcome = this.#call('request', () =>
        this.#cluster.request(tenant, 1, request, {
          granted: (record) => {
            this.#waiting.delete(request.leaseId);
            this.#granted(record, job, this.#time.now - asked);
          },
          refused: (error) => {
            this.#waiting.delete(request.leaseId);
            this.#recorder?.refused(job, `${error.code} after waiting`);
          },
          moved: () => undefined,
        }),
      );
      if (outcome.kind === 'granted') this.#granted(outcome.record, job, 0);
      else this.#waiting.set(request.leaseId, job);
      return outcome.kind === 'granted';
    } catch (error) {
      if (!(error instanceof RfaasError)) throw error;
      const { reason } = error.details;
      this.#recorder?.refused(job, typeof reason === 'string' ? reason : error.code);
      return false;
    } finally {
      this.#noteState();
    }
  }

  /** A node fails, or its connection does, and comes back after a while. */
  fail(name: string): void {
    if (!this.nodes.isUp(name)) return;
    if (this.#recorder !== undefined) this.#recorder.nodeFailures += 1;
    const isCut = this.#random() < 0.5;
    const lost = isCut ? [] : this.nodes.held(name);
    this.nodes.fail(name, isCut);
    for (const leaseId of lost) {
      this.#forgetIfFree(leaseId);
      this.#time.after(NOTICE_MS, () => {
        this.#release(leaseId);
      });
    }
    this.#call('node lost', () => {
      this.#cluster.nodeGone(name);
    });
    this.#time.after(exponential(this.#random, isCut ? 10_000 : 600_000), () => {
      this.#comeBack(name);
    });
    this.#noteState();
  }

  /** @throws Error if the resource manager still holds anything, of itself or of its nodes */
  requireEmpty(): void {
    const { views } = this.#cluster;
    const [leases, queue] = [views.leases().length, views.queue().length];
    if (leases > 0 || queue > 0) throw new Error(`${leases} leases and ${queue} requests were left over`);
    for (const { name, cores, memoryMiB, gpus, free } of views.nodes()) {
      if (free.cores !== cores || free.memoryMiB !== memoryMiB || free.gpus !== gpus) {
        throw new Error(`not everything of ${name} is free in the end: ${JSON.stringify(free)}`);
      }
    }
  }

  #granted(record: LeaseRecord, job: Job, waitMs: number): void {
    this.nodes.take(record);
    const { leaseId } = record;
    const now = this.#time.now;
    this.#running.set(leaseId, { record, job, start: now, isOver: false });
    this.#recorder?.granted(job, coresOf(record), waitMs);
    this.#time.after(job.workMs, () => {
      this.#release(leaseId);
    });
    if (job.renews) this.#planRenewal(leaseId);
  }

  #planRenewal(leaseId: string): void {
    const running = this.#running.get(leaseId);
    if (running === undefined || running.record.expiry - EPOCH >= running.start + running.job.workMs) return;
    const { durationMs } = running.job.request;
    this.#time.after(0.8 * durationMs, () => {
      if (running.isOver) return;
      if (this.#recorder !== undefined) this.#recorder.renewals += 1;
      const renewed = this.#call('renew', () => this.#cluster.renew(running.job.tenant, leaseId, durationMs));
      running.record = renewed;
      this.#planRenewal(leaseId);
    });
  }

  #release(leaseId: string): void {
    const running = this.#running.get(leaseId);
    if (running === undefined || running.isOver) return;
    this.#call('release', () => this.#cluster.release(running.job.tenant, leaseId));
  }

  /** The resource manager tells a node to end a lease; it confirms when that is done. */
  #leaseEnd(node: string, leaseId: string): void {
    this.#markOver(leaseId);
    this.#time.after(exponential(this.#random, CONFIRM_MS), () => {
      if (!this.nodes.isUp(node)) return;
      const running = this.#running.get(leaseId);
      if (running !== undefined) this.nodes.free(running.record, node);
      this.#forgetIfFree(leaseId);
      this.#call('ended', () => {
        this.#cluster.leaseEnded(node, leaseId);
      });
      this.#noteState();
    });
  }

  #markOver(leaseId: string): void {
    const running = this.#running.get(leaseId);
    if (running !== undefined) running.isOver = true;
  }

  #forgetIfFree(leaseId: string): void {
    const running = this.#running.get(leaseId);
    if (running?.record.shares.every(({ node }) => !this.nodes.holds(node, leaseId)) === true) {
      this.#markOver(leaseId);
      this.#running.delete(leaseId);
    }
  }

  #comeBack(name: string): void {
    for (const leaseId of this.nodes.held(name)) {
      // A node ends by itself what expires while it is cut off.
      const record = this.#running.get(leaseId)?.record;
      if (record !== undefined && record.expiry <= EPOCH + this.#time.now) {
        this.nodes.free(record, name);
        this.#forgetIfFree(leaseId);
      }
    }
    this.nodes.comeBack(name);
    this.#register(
      name,
      this.nodes.held(name).flatMap((leaseId) => this.#heldShare(leaseId, name)),
    );
    this.#noteState();
  }

  #register(name: string, held: readonly LeaseHeld[]): void {
    const { endings } = this.#call('register', () =>
      this.#cluster.register(this.nodes.description(name), this.nodes.incarnation(name), held),
    );
    for (const { leaseId } of endings) this.#leaseEnd(name, leaseId);
  }

  #heldShare(leaseId: string, name: string): readonly LeaseHeld[] {
    const running = this.#running.get(leaseId);
    const share = running?.record.shares.find(({ node }) => node === name);
    if (running === undefined || share === undefined) return [];
    const { generation, expiry, tenant } = running.record;
    const { cores, memoryMiB, gpus } = share;
    return [{ leaseId, tenant, generation, expiry, cores, memoryMiB, gpus }];
  }

  #planSweep(): void {
    const deadline = this.#cluster.nextDeadline();
    const at = deadline === undefined ? Infinity : deadline - EPOCH;
    if (at >= this.#sweepAt) return;
    this.#sweepAt = at;
    this.#time.at(at, () => {
      if (this.#sweepAt !== at) return;
      this.#sweepAt = Infinity;
      this.#call('sweep', () => {
        this.#cluster.sweep();
      });
      this.#planSweep();
      this.#noteState();
    });
  }

  #call<T>(name: string, act: () => T): T {
    return this.#recorder === undefined ? act() : this.#recorder.time(name, act);
  }

  #noteState(): void {
    this.#recorder?.state(this.#time.now, this.#waiting.size);
  }
}

function coresOf({ shares }: LeaseRecord): number {
  return shares.reduce((sum, { cores }) => sum + cores, 0);
}
