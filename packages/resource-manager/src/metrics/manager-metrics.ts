import type { LeaseEndReason } from '@rfaas/core';
import { durationBuckets, omittedProcessMetrics, processMetricsOptions } from '@rfaas/core/http';
import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';
import type { ClusterReadings, ClusterObserver, LeaseView } from '../cluster/cluster-view.ts';
import { addClusterGauges, addLeaderGauge } from './cluster-gauges.ts';
import { RecentDurations, type DurationSummary } from './recent-durations.ts';

/** How far back the live figures look. */
const recentMs = 60_000;

/** Counters since the start, for live views that show rates. */
export interface ManagerTotals {
  readonly granted: number;
  readonly refused: number;
  readonly renewed: number;
  readonly ended: number;
}

/** What is counted and measured of a resource manager, in the words of Prometheus. */
export class ManagerMetrics implements ClusterObserver {
  readonly #registry = new Registry();
  readonly #recentGrants = new RecentDurations(4096);
  readonly #totals = { granted: 0, refused: 0, renewed: 0, ended: 0 };
  readonly #granted = this.#counter('rfaas_leases_granted_total', 'Leases that were granted');
  readonly #refused = this.#counter('rfaas_leases_refused_total', 'Lease requests that were refused', [
    'code',
  ]);
  readonly #queued = this.#counter('rfaas_lease_requests_queued_total', 'Lease requests that had to wait');
  readonly #renewed = this.#counter('rfaas_leases_renewed_total', 'Renewals of leases');
  readonly #ended = this.#counter('rfaas_leases_ended_total', 'Leases that began to end', ['reason']);
  readonly #nodeChanges = this.#counter('rfaas_node_changes_total', 'Changes of the state of nodes', [
    'state',
  ]);
  readonly #errors = this.#counter('rfaas_errors_total', 'Requests that were answered with an error', [
    'interface',
    'code',
  ]);
  readonly #requests = this.#histogram(
    'rfaas_request_duration_seconds',
    'Time from the arrival of a message of a client to its answer',
    ['request'],
  );
  readonly #waits = this.#histogram(
    'rfaas_lease_queue_wait_seconds',
    'Time that granted requests have waited in the queue',
  );
  readonly #commits = this.#histogram(
    'rfaas_store_commit_duration_seconds',
    'Time until a decision was durable',
  );
  readonly #committedRows = this.#counter('rfaas_store_rows_total', 'Rows that were made durable');
  readonly #http = this.#histogram(
    'http_server_request_duration_seconds',
    'Time from the arrival of an HTTP request to its answer',
    ['http_request_method', 'http_route', 'http_response_status_code'],
  );

  constructor() {
    collectDefaultMetrics({ register: this.#registry, ...processMetricsOptions });
    omittedProcessMetrics.forEach((name) => this.#registry.removeSingleMetric(name));
  }

  /**
   * Adds what is read from the cluster whenever somebody asks: nodes, cores, leases, queue, usage; and whether this resource
   * manager leads it.
   */
  watch(console: ClusterReadings, leads: () => boolean): void {
    addClusterGauges(this.#registry, console);
    addLeaderGauge(this.#registry, leads);
  }

  granted(_lease: LeaseView, waitedMs: number): void {
    this.#waits.observe(waitedMs / 1000);
  }

  /** Counted where the request is answered. */
  refused(): void {
    // See answered().
  }

  queued(): void {
    this.#queued.inc();
  }

  renewed(): void {
    this.#totals.renewed += 1;
    this.#renewed.inc();
  }

  ended(_leaseId: string, reason: LeaseEndReason): void {
    this.#totals.ended += 1;
    this.#ended.inc({ reason });
  }

  committed(nanoseconds: number, rows: number): void {
    this.#commits.observe(nanoseconds / 1e9);
    this.#committedRows.inc(rows);
  }

  nodeChanged(_name: string, state: string): void {
    this.#nodeChanges.inc({ state });
  }

  /** A message of a client was answered, with an error where `code` is set. `now`: milliseconds of any steady clock. */
  answered(request: string, seconds: number, code: string | undefined, now: number): void {
    this.#requests.observe({ request }, seconds);
    if (code !== undefined) {
      this.#errors.inc({ interface: 'rdma', code });
    }
    if (request !== 'lease-request') {
      return;
    }
    if (code === undefined) {
      this.#totals.granted += 1;
      this.#granted.inc();
      this.#recentGrants.add(seconds, now);
    } else {
      this.#totals.refused += 1;
      this.#refused.inc({ code });
    }
  }

  /** An HTTP request was answered; `route` is the pattern of its path. */
  answeredHttp(method: string, route: string, status: number, seconds: number): void {
    this.#http.observe(
      { http_request_method: method, http_route: route, http_response_status_code: status },
      seconds,
    );
  }

  /** An HTTP request was answered with an error. */
  failedHttp(code: string): void {
    this.#errors.inc({ interface: 'http', code });
  }

  totals(): ManagerTotals {
    return { ...this.#totals };
  }

  /** How long the answers to lease requests took in the last minute. */
  recentGrants(now: number): DurationSummary {
    return this.#recentGrants.summary(recentMs, now);
  }

  /** Everything in the text format of Prometheus. */
  async text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, labelNames: string[] = []): Histogram {
    return new Histogram({
      name,
      help,
      labelNames,
      buckets: [...durationBuckets],
      registers: [this.#registry],
    });
  }
}
