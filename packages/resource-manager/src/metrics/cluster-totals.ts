import type { ClusterReadings } from '../cluster/cluster-view.ts';

/** A cluster in a few numbers. */
export interface ClusterTotals {
  readonly nodes: {
    readonly all: number;
    readonly connected: number;
    readonly draining: number;
    readonly lost: number;
  };
  /** Of nodes that can be reached. */
  readonly cores: { readonly all: number; readonly free: number };
  readonly memoryMiB: { readonly all: number; readonly free: number };
  readonly leases: { readonly running: number; readonly ending: number };
  readonly queued: number;
  /** Of all tenants since the beginning of their accounts. */
  readonly usage: { readonly invocations: number; readonly coreSeconds: number };
}

/** Adds up what the console shows. */
export function clusterTotals(console: ClusterReadings): ClusterTotals {
  const nodes = console.nodes();
  const reachable = nodes.filter(({ state }) => state !== 'lost');
  const leases = console.leases();
  const running = leases.filter(({ ending }) => ending === undefined).length;
  const tenants = console.tenants();
  return {
    nodes: {
      all: nodes.length,
      connected: nodes.filter(({ state }) => state === 'connected').length,
      draining: nodes.filter(({ drain }) => drain !== 'no').length,
      lost: nodes.length - reachable.length,
    },
    cores: { all: sum(reachable, ({ cores }) => cores), free: sum(reachable, ({ free }) => free.cores) },
    memoryMiB: {
      all: sum(reachable, ({ memoryMiB }) => memoryMiB),
      free: sum(reachable, ({ free }) => free.memoryMiB),
    },
    leases: { running, ending: leases.length - running },
    queued: console.queue().length,
    usage: {
      invocations: sum(tenants, ({ usage }) => usage.invocations),
      coreSeconds: sum(tenants, ({ usage }) => usage.coreNanoseconds) / 1e9,
    },
  };
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
