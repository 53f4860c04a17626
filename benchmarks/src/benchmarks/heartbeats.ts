import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterManager } from '../programs/cluster-manager.ts';
import { nodeCrowd } from '../programs/node-crowd.ts';
import { processorMilliseconds, processUsage } from '../programs/process-usage.ts';
import type { Benchmark } from './benchmark.ts';

const NODES = 5000;
const PROCESSES = 4;
/** So many tell how many descriptors one takes. */
const FIRST = 50;
/** What the resource manager may need besides. */
const OTHER_DESCRIPTORS = 300;
const SETTLE_MS = 10_000;
/** Signs of life are exchanged every 7.5 seconds: each window has a few rounds of them. */
const WINDOW_MS = 30_000;
const WINDOWS = 5;

/** What a resource manager costs whose nodes only say that they live. */
export const heartbeats: Benchmark = {
  name: 'heartbeats',
  description: `${NODES} nodes that are registered with one resource manager: its processor time and memory`,
  async run({ quick, transport, progress }) {
    const windowMs = quick ? 1000 : WINDOW_MS;
    await using manager = await ClusterManager.start(transport);
    const empty = usageOf(manager.pid);
    await using first = nodeCrowd(manager, { first: 0, nodes: FIRST, processes: 1 });
    await first.ready();
    const nodes = quick ? 2 * FIRST : fitting(manager.pid, empty.descriptors);
    progress.show(`${transport}: registering ${nodes} nodes`);
    const begin = usageOf(manager.pid);
    await using rest = nodeCrowd(manager, { first: FIRST, nodes: nodes - FIRST, processes: PROCESSES });
    await rest.ready();
    const registered = usageOf(manager.pid);
    const pids = [...first.pids, ...rest.pids];
    await sleep(quick ? 0 : SETTLE_MS);

    const start = usageOf(manager.pid);
    const crowdStart = total(pids);
    const residentKiB: number[] = [];
    for (let window = 1; window <= WINDOWS; window += 1) {
      progress.show(`${transport}: ${(window * windowMs) / 1000} s of ${(WINDOWS * windowMs) / 1000}`);
      await sleep(windowMs);
      residentKiB.push(usageOf(manager.pid).residentKiB);
    }
    const end = usageOf(manager.pid);
    const losses = [...first.losses, ...rest.losses];
    if (losses.length > 0) {
      throw new Error(`${losses.length} of ${nodes} nodes have lost the resource manager: ${losses[0]}`);
    }
    const seconds = (end.at - start.at) / 1000;
    const more = nodes - FIRST;
    return {
      settings: { transport, nodes, processes: pids.length, seconds: Math.round(seconds) },
      measurements: [],
      facts: {
        'registrations per second': Math.round((1000 * more) / (registered.at - begin.at)),
        'processor ms of the manager per registration': round(
          (registered.processorMs - begin.processorMs) / more,
        ),
        'share of a core, %': round((end.processorMs - start.processorMs) / (10 * seconds)),
        'share of a core of all nodes together, %': round((total(pids) - crowdStart) / (10 * seconds)),
        'resident MiB, without nodes': Math.round(empty.residentKiB / 1024),
        'resident MiB': Math.round(end.residentKiB / 1024),
        [`resident KiB per node, every ${windowMs / 1000} s`]: residentKiB
          .map((each) => round((each - empty.residentKiB) / nodes))
          .join(', '),
        'descriptors per node': round((end.descriptors - empty.descriptors) / nodes),
        'mappings per node': round((end.mappings - empty.mappings) / nodes),
        threads: end.threads,
      },
    };
  },
};

/** As many nodes as there are to be, or as the descriptors that a process may have are enough for. */
function fitting(pid: number, withoutNodes: number): number {
  const each = (processUsage(pid).descriptors - withoutNodes) / FIRST;
  return Math.min(NODES, Math.floor((descriptorLimit() - withoutNodes - OTHER_DESCRIPTORS) / each));
}

/** Node.js raises its own limit up to this one when it starts. */
function descriptorLimit(): number {
  const limit = /^Max open files +\d+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return limit === undefined ? Infinity : Number(limit);
}

function total(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + processorMilliseconds(pid), 0);
}

interface Usage {
  readonly at: number;
  readonly processorMs: number;
  readonly residentKiB: number;
  readonly descriptors: number;
  readonly mappings: number;
  readonly threads: number;
}

function usageOf(pid: number): Usage {
  return { at: performance.now(), processorMs: processorMilliseconds(pid), ...processUsage(pid) };
}

function round(value: number): number {
  return Math.round(100 * value) / 100;
}
