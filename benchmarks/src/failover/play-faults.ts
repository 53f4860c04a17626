import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage } from '@rfaas/core';
import { seededRandom } from '@rfaas/resource-manager';
import { FailoverCluster } from './failover-cluster.ts';
import { chooseFault } from './faults.ts';
import { GrantProbe } from './grant-probe.ts';
import { leaseAgainAndAgain } from './lease-clients.ts';
import { LeaseHistory } from './lease-history.ts';
import { invokeAllTheTime } from './steady-work.ts';

/** What is played. */
export interface FailoverSettings {
  readonly kills: number;
  readonly seed: number;
  readonly managers: number;
  readonly etcdMembers: number;
  readonly leaseSeconds: number;
}

/** A fault, and how long it took from it until a lease was granted that was asked for after it. */
export interface PlayedFault {
  readonly fault: string;
  readonly milliseconds: number;
}

/** What came of it. */
export interface FailoverResult {
  readonly faults: readonly PlayedFault[];
  readonly leases: number;
  readonly renewals: number;
  readonly releases: number;
  readonly invocations: number;
  /** What contradicts that every acknowledged lease is kept and no core is given away twice. */
  readonly violations: readonly string[];
  /** The last words of the servers, if there are violations. */
  readonly logs: string | undefined;
}

/** How long the cluster may take to serve again after a fault: beyond it something is broken, not slow. */
const PATIENCE_MS = 60_000;
/** Clients that lease at the same time, for more cores than there are. */
const CLIENTS = 8;
const WORK_NODES = ['work-0', 'work-1'];
const WORK_CORES = 5;

/** Kills and stops managers and etcd while clients lease, renew and release; a model checks what clients were told. */
export async function playFaults(
  settings: FailoverSettings,
  onProgress: (text: string) => void,
  signal: AbortSignal,
): Promise<FailoverResult> {
  const { managers, etcdMembers, leaseSeconds, seed } = settings;
  onProgress('starting');
  const nodes = new Map([
    ...WORK_NODES.map((name) => [name, { cores: WORK_CORES, pool: 'work' }] as const),
    ['probe', { cores: 4, pool: 'probe' }],
    ['steady', { cores: 1, pool: 'steady' }],
  ]);
  await using cluster = await FailoverCluster.start({ managers, etcdMembers, leaseSeconds, nodes });
  const random = seededRandom(seed);
  const history = new LeaseHistory(new Map(WORK_NODES.map((name) => [name, WORK_CORES])));
  const clients = await Promise.all(Array.from({ length: CLIENTS + 2 }, () => cluster.connect()));
  const [forProbe, forWork, ...others] = clients as [(typeof clients)[0], (typeof clients)[0]];
  const stop = new AbortController();
  const steady = invokeAllTheTime(forWork, (text) => history.violations.push(text), stop.signal);
  const working = others.map((client, index) => {
    const itsRandom = seededRandom(seed * 1000 + index);
    return leaseAgainAndAgain({ client, history, random: itsRandom, signal: stop.signal });
  });
  const probe = new GrantProbe(forProbe);
  const faults: PlayedFault[] = [];
  try {
    await probe.nextGrant(PATIENCE_MS);
    for (let index = 0; index < settings.kills && !signal.aborted; index += 1) {
      const played = await playFault(cluster, probe, index, random);
      faults.push(played);
      onProgress(`${index + 1} of ${settings.kills}: ${played.fault}, ${played.milliseconds.toFixed(0)} ms`);
    }
  } catch (error) {
    history.violations.push(errorMessage(error));
  }
  stop.abort();
  await probe.stop();
  const invocations = await steady;
  await Promise.all(working);
  history.violations.push(...(await leftovers(cluster)));
  await Promise.all(clients.map((client) => client.close()));
  const violations = history.check();
  const logs = violations.length > 0 ? cluster.logs() : undefined;
  return { faults, ...history.counts, invocations, violations, logs };
}

async function playFault(
  cluster: FailoverCluster,
  probe: GrantProbe,
  index: number,
  random: () => number,
): Promise<PlayedFault> {
  const fault = chooseFault(index, random);
  const before = performance.now();
  const mend = await fault.strike(cluster, random);
  // From the blow itself; what is started again at once, or found out before it, belongs to it.
  const struckMs = performance.now() - before;
  const milliseconds = await probe.nextGrant(PATIENCE_MS);
  await delay(random() * 700);
  await mend();
  await delay(random() * 500);
  return { fault: fault.name, milliseconds: milliseconds + struckMs };
}

/** What is held though nobody holds anything: after a while every lease must be over, and every core free. */
async function leftovers(cluster: FailoverCluster): Promise<readonly string[]> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const nodes = (await cluster.get('/nodes')) as { name: string; cores: number; freeCores: number }[];
    const taken = nodes.filter(({ cores, freeCores }) => cores !== freeCores);
    if (taken.length === 0) return [];
    if (performance.now() > deadline) {
      return taken.map(
        ({ name, cores, freeCores }) => `at the end ${freeCores} of ${cores} cores of ${name} are free`,
      );
    }
    await delay(100);
  }
}
