import { setTimeout as delay } from 'node:timers/promises';
import type { FailoverCluster } from './failover-cluster.ts';

/** What is done to a cluster. */
export interface Fault {
  readonly name: string;
  /** How often it is chosen, compared with the others. */
  readonly weight: number;
  /** Does it, at once, and gives what mends it. */
  strike(cluster: FailoverCluster, random: () => number): Promise<() => Promise<void>>;
}

async function killManagers(cluster: FailoverCluster, indices: readonly number[]): Promise<void> {
  await Promise.all(indices.map((index) => cluster.killManager(index)));
}

async function startManagers(cluster: FailoverCluster, indices: readonly number[]): Promise<void> {
  await Promise.all(indices.map((index) => cluster.startManager(index)));
}

function below(random: () => number, limit: number): number {
  return Math.floor(random() * limit);
}

const leaderKilled: Fault = {
  name: 'leader killed',
  weight: 9,
  strike: async (cluster) => {
    const leader = await cluster.leader();
    await cluster.killManager(leader);
    return () => cluster.startManager(leader);
  },
};

const leaderStopped: Fault = {
  name: 'leader stopped, woken after it was replaced',
  weight: 4,
  strike: async (cluster) => {
    const leader = cluster.managers[await cluster.leader()];
    leader?.signal('SIGSTOP');
    return async () => leader?.signal('SIGCONT');
  },
};

const standbyKilled: Fault = {
  name: 'standby killed',
  weight: 2,
  strike: async (cluster, random) => {
    const leader = await cluster.leader();
    const others = cluster.managers.map((_, index) => index).filter((index) => index !== leader);
    const standby = others[below(random, others.length)]!;
    await cluster.killManager(standby);
    return () => cluster.startManager(standby);
  },
};

const everyManagerKilled: Fault = {
  name: 'every manager killed and started again',
  weight: 1,
  strike: async (cluster) => {
    const all = cluster.managers.map((_, index) => index);
    await killManagers(cluster, all);
    // Not part of the mending: without it nobody can serve.
    await startManagers(cluster, all);
    return () => Promise.resolve();
  },
};

const memberKilled: Fault = {
  name: 'etcd member killed',
  weight: 3,
  strike: async ({ etcd }, random) => {
    await etcd.killMember(below(random, etcd.size));
    if (etcd.size === 1) await etcd.restart();
    return () => etcd.restart();
  },
};

const etcdKilled: Fault = {
  name: 'every etcd member killed and started again',
  weight: 1,
  strike: async ({ etcd }, random) => {
    await etcd.kill();
    await delay(random() * 2000);
    await etcd.restart();
    return () => Promise.resolve();
  },
};

const everyFault = [
  leaderKilled,
  leaderStopped,
  standbyKilled,
  everyManagerKilled,
  memberKilled,
  etcdKilled,
] as const;

/** Chooses a fault by its weight. The first ones, one of each kind, come in their order: a short run has all of them. */
export function chooseFault(index: number, random: () => number): Fault {
  const [first] = everyFault;
  const inOrder = everyFault[index];
  if (inOrder !== undefined) return inOrder;
  let left = random() * everyFault.reduce((sum, { weight }) => sum + weight, 0);
  return everyFault.find(({ weight }) => (left -= weight) < 0) ?? first;
}
