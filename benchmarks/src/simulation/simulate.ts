import { seededRandom } from '@rfaas/resource-manager';
import { exponential } from './distributions.ts';
import { RunRecorder, type RunResult } from './run-recorder.ts';
import type { SimulationSettings } from './settings.ts';
import { SimulatedCluster } from './simulated-cluster.ts';
import { VirtualTime } from './virtual-time.ts';
import { Workload } from './workload.ts';

const SAMPLES = 120;
const MS_PER_HOUR = 3_600_000;
/** The cluster counts as full after so many requests in a row without room. */
const FULL_AFTER = 50;
/** Requests before those that are measured, as a share of them. */
const SETTLING = 0.2;
/** When the last node is back that failed before the end. */
const LATECOMERS_MS = 6 * MS_PER_HOUR;

/** Hears how far a simulation is, and may end it. */
export interface SimulationWatch {
  /** Is told now and then how much is done, from 0 to 1. */
  readonly onProgress?: (done: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Simulates one cluster from full to idle: fills it, lets it settle, measures the requests of the settings, and waits until
 * everything has ended.
 *
 * @throws Error if more is granted than there is, or if something is left over in the end; the reason of `signal`
 */
export async function simulate(
  settings: SimulationSettings,
  { onProgress = () => undefined, signal }: SimulationWatch = {},
): Promise<RunResult> {
  const time = new VirtualTime();
  const cluster = new SimulatedCluster(time, settings);
  const workload = new Workload(settings);
  const all = Math.ceil((1 + SETTLING) * settings.requests);
  const settling = all - settings.requests;
  const sampleEvery = Math.ceil(settings.requests / SAMPLES);
  let submitted = 0;
  let recorder: RunRecorder | undefined;
  const arrive = (): void => {
    if (submitted === settling) {
      recorder = new RunRecorder(cluster.nodes, time.now);
      cluster.measure(recorder);
    }
    cluster.submit(workload.next());
    submitted += 1;
    if ((submitted - settling) % sampleEvery === 0) recorder?.sample(time.now, cluster.queued);
    if (submitted % 1000 === 0) onProgress(submitted / all);
    if (submitted < all) time.after(workload.gap(), arrive);
  };
  fill(cluster, workload, settings);
  failNodes(time, cluster, settings, () => submitted === all);
  time.after(workload.gap(), arrive);
  await time.run(() => submitted === all, { signal });
  if (recorder === undefined) throw new RangeError('there are no requests to simulate');
  const result = recorder.result(time.now);
  cluster.measure(undefined);
  await time.run(() => cluster.isIdle, { signal });
  await time.run(() => false, { signal, end: time.now + LATECOMERS_MS });
  cluster.requireEmpty();
  return result;
}

/** Fills the cluster up to its load with jobs that are somewhere in their middle. */
function fill(cluster: SimulatedCluster, workload: Workload, { load }: SimulationSettings): void {
  const target = Math.min(1, load) * cluster.nodes.coresUp;
  for (let misses = 0; misses < FULL_AFTER && cluster.nodes.leasedCores < target;) {
    const job = workload.running();
    const isGranted = cluster.submit({ ...job, request: { ...job.request, queueMs: 0 } });
    misses = isGranted ? 0 : misses + 1;
  }
}

function failNodes(
  time: VirtualTime,
  cluster: SimulatedCluster,
  { seed, nodes, nodeMtbfHours }: SimulationSettings,
  isOver: () => boolean,
): void {
  if (nodeMtbfHours === 0) return;
  const random = seededRandom(seed + 5);
  const { names } = cluster.nodes;
  const failNext = (): void => {
    time.after(exponential(random, (nodeMtbfHours * MS_PER_HOUR) / nodes), () => {
      if (!isOver()) {
        cluster.fail(names[Math.floor(random() * nodes)] as string);
        failNext();
      }
    });
  };
  failNext();
}
