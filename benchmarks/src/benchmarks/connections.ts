import { readFileSync } from 'node:fs';
import { ClusterManager } from '../programs/cluster-manager.ts';
import { Crowd } from '../programs/crowd.ts';
import { LocalNode } from '../programs/local-node.ts';
import { nodeCrowd } from '../programs/node-crowd.ts';
import { processorMilliseconds, processUsage } from '../programs/process-usage.ts';
import type { Benchmark } from './benchmark.ts';

const CONNECTIONS = 1000;
/** Processes that the other ends are in. */
const PROCESSES = 4;

/** Many connections at the same moment: whether all are served, how soon, and what each costs the manager. */
export const connections: Benchmark = {
  name: 'connections',
  description:
    `${CONNECTIONS} clients that connect to one executor manager at the same moment, and as many nodes that register with ` +
    'one resource manager: processor time and memory for each',
  async run({ quick, transport, processors, progress }) {
    const count = quick ? 20 : CONNECTIONS;
    progress.show(`${transport}: ${count} clients of an executor manager`);
    const clients = await clientsOfNode(transport, processors, count);
    progress.show(`${transport}: ${count} nodes of a resource manager`);
    const nodes = await nodesOfCluster(transport, count);
    return {
      settings: { transport, connections: count, processes: PROCESSES, transports: clients.transports },
      measurements: [],
      facts: {
        ...factsOf(`of ${count} clients at the executor manager`, clients),
        ...factsOf(`of ${count} nodes at the resource manager`, nodes),
      },
    };
  },
};

interface Served {
  readonly served: number;
  readonly lost: number;
  readonly lastAnswerMs?: number;
  readonly connections: number;
  readonly before: Usage;
  readonly after: Usage;
}

async function clientsOfNode(
  transport: string,
  processors: readonly number[],
  count: number,
): Promise<Served & { readonly transports: number }> {
  await using node = await LocalNode.start({ processors, transport });
  const before = usageOf(node.pid);
  const each = count / PROCESSES;
  // One transport a client would be the truth, and more memory than a machine has where each has buffers of its own.
  const transports = transport.includes('rxm') || transport.includes('rdm') ? Math.ceil(each / 5) : each;
  await using crowd = new Crowd(
    Array.from({ length: PROCESSES }, () => ({
      program: 'connected-clients.js',
      parameters: [node.url, each, transports],
      environment: { RFAAS_NODE_KEY: readFileSync(node.keyFile, 'utf8').trim() },
    })),
  );
  const lines = (await crowd.ready()).map((line) => line.split(' ').slice(1).map(Number));
  const after = usageOf(node.pid);
  return {
    transports: transports * PROCESSES,
    connections: count,
    served: lines.reduce((sum, [served = 0]) => sum + served, 0),
    lastAnswerMs: Math.max(...lines.map(([, milliseconds = 0]) => milliseconds)),
    lost: crowd.losses.length,
    before,
    after,
  };
}

async function nodesOfCluster(transport: string, count: number): Promise<Served> {
  await using manager = await ClusterManager.start(transport);
  const before = usageOf(manager.pid);
  const processes = PROCESSES;
  const options = { first: 0, nodes: count, processes, together: count / processes };
  await using crowd = nodeCrowd(manager, options);
  const lines = await crowd.ready();
  return {
    connections: count,
    served: lines.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0),
    lost: crowd.losses.length,
    before,
    after: usageOf(manager.pid),
  };
}

function factsOf(
  whose: string,
  { served, lost, lastAnswerMs, connections: count, before, after }: Served,
): Record<string, number> {
  const each = (more: number): number => Math.round((100 * more) / count) / 100;
  return {
    [`${whose}: served`]: served,
    [`${whose}: lost`]: lost,
    ...(lastAnswerMs === undefined ? {} : { [`${whose}: last first answer, ms`]: lastAnswerMs }),
    [`${whose}: resident KiB each`]: each(after.residentKiB - before.residentKiB),
    [`${whose}: descriptors each`]: each(after.descriptors - before.descriptors),
    [`${whose}: processor ms each`]: each(after.processorMs - before.processorMs),
    [`${whose}: threads`]: after.threads,
  };
}

interface Usage {
  readonly processorMs: number;
  readonly residentKiB: number;
  readonly descriptors: number;
  readonly threads: number;
}

function usageOf(pid: number): Usage {
  return { processorMs: processorMilliseconds(pid), ...processUsage(pid) };
}
