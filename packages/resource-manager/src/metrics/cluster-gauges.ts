import { Counter, Gauge, type Registry } from 'prom-client';
import type { ClusterReadings, NodeView } from '../cluster/cluster-view.ts';
import { clusterTotals } from './cluster-totals.ts';

/** Adds gauges that read the cluster whenever they are asked: nothing has to keep them right. */
export function addClusterGauges(registry: Registry, console: ClusterReadings): void {
  const registers = [registry];
  new Gauge({
    name: 'rfaas_nodes',
    help: 'Nodes of the cluster',
    labelNames: ['state', 'drain'],
    registers,
    collect() {
      this.reset();
      for (const { state, drain } of console.nodes()) {
        this.inc({ state, drain });
      }
    },
  });
  addResources(registry, console);
  new Gauge({
    name: 'rfaas_leases',
    help: 'Leases that hold something',
    labelNames: ['state'],
    registers,
    collect() {
      const { running, ending } = clusterTotals(console).leases;
      this.set({ state: 'running' }, running);
      this.set({ state: 'ending' }, ending);
    },
  });
  new Gauge({
    name: 'rfaas_queue_length',
    help: 'Lease requests that wait for resources',
    registers,
    collect() {
      this.set(console.queue().length);
    },
  });
  addUsage(registry, console);
}

/** Adds whether this resource manager leads the cluster: of several one does. */
export function addLeaderGauge(registry: Registry, leads: () => boolean): void {
  new Gauge({
    name: 'rfaas_leader',
    help: 'Whether this resource manager leads the cluster',
    registers: [registry],
    collect() {
      this.set(leads() ? 1 : 0);
    },
  });
}

/** What nodes have that can be leased: cores, memory and GPUs, leased and free. */
function addResources(registry: Registry, console: ClusterReadings): void {
  const kinds = [
    ['rfaas_cores', 'Cores of nodes that can be reached', (node: NodeView) => [node.cores, node.free.cores]],
    [
      'rfaas_memory_bytes',
      'Memory of nodes that can be reached',
      (node: NodeView) => [node.memoryMiB * 2 ** 20, node.free.memoryMiB * 2 ** 20],
    ],
    ['rfaas_gpus', 'GPUs of nodes that can be reached', (node: NodeView) => [node.gpus, node.free.gpus]],
  ] as const;
  for (const [name, help, read] of kinds) {
    new Gauge({
      name,
      help,
      labelNames: ['state'],
      registers: [registry],
      collect() {
        let [free, leased] = [0, 0];
        for (const node of console.nodes().filter(({ state }) => state !== 'lost')) {
          const [all = 0, left = 0] = read(node);
          free += left;
          leased += Math.max(0, all - left);
        }
        this.set({ state: 'free' }, free);
        this.set({ state: 'leased' }, leased);
      },
    });
  }
}

/** What tenants have used, as nodes have reported it: the names of OpenTelemetry's FaaS metrics where there are any. */
function addUsage(registry: Registry, console: ClusterReadings): void {
  const kinds = [
    ['faas_invocations_total', 'Invocations of functions', 'invocations', 1],
    [
      'rfaas_core_seconds_total',
      'Cores times the time for which executors held them',
      'coreNanoseconds',
      1e-9,
    ],
    ['rfaas_execution_seconds_total', 'Time in functions', 'executionNs', 1e-9],
    ['rfaas_hot_polling_seconds_total', 'Time that workers waited in a busy loop', 'hotPollingNs', 1e-9],
  ] as const;
  for (const [name, help, field, unit] of kinds) {
    new Counter({
      name,
      help,
      labelNames: ['tenant'],
      registers: [registry],
      collect() {
        this.reset();
        for (const { tenant, usage } of console.tenants()) {
          this.inc({ tenant }, usage[field] * unit);
        }
      },
    });
  }
}
