import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { monotonicNanoseconds } from '@rfaas/core';
import type { Executor } from '@rfaas/client';
import { clockCost } from '../measure/sampling.ts';
import type { Measurement } from '../measure/report.ts';
import type { Summary } from '../measure/statistics.ts';
import { barChart } from '../plots/bar-chart.ts';
import { lineChart } from '../plots/line-chart.ts';
import { LocalNode } from '../programs/local-node.ts';
import { nativeFile } from '../programs/native-program.ts';
import { pinThread } from '../programs/processors.ts';
import { applications, type Application, type Problem } from '../programs/applications.ts';
import { LocalFunctions, PlacedProblem } from '../programs/placed-problem.ts';
import { measurement, type Benchmark, type BenchmarkSetting } from './benchmark.ts';

const THREADS = [1, 2, 4, 8, 16, 32];
const CLIENTS = [1, 2, 4, 8];
const LIBRARY = 'libbench_functions.so';
const BUFFER_BYTES = 16 * 1024 * 1024;
/** One for a part's input, one for what comes before and after its steps. */
const SLOTS = 2;
const MIB_A_THREAD = 80;
const MOST_REPETITIONS = 20;
const CLIENTS_MS = 1000;
const SHARED = ' (more threads than cores)';

/** One way of computing, and how long it takes. */
interface Way {
  readonly application: string;
  readonly threads: number;
  readonly kind: 'alone' | 'strong' | 'weak' | 'client and leased';
  readonly isOversubscribed: boolean;
  readonly measured: Measurement;
}

/** Whole problems in parts, and several clients at once. */
export const parallel: Benchmark = {
  name: 'parallel',
  description:
    'Black-Scholes, matrix multiplication and a Jacobi solver with 1 to 32 threads: strong and weak scaling, the client ' +
    'alone, and client and leased cores together; and 1 to 8 client processes that invoke at once',
  isReferenced: true,
  async run(setting) {
    const { processors, transport, quick, repetitions, wants } = setting;
    const ways: Way[] = [];
    for (const application of applications(quick)) {
      if (!wants(application.name)) continue;
      const local = new LocalFunctions(nativeFile(LIBRARY), application);
      ways.push(await alone(application, local, setting));
      for (const threads of quick ? [1, 2] : THREADS) {
        ways.push(...(await leased(application, local, threads, setting)));
      }
    }
    const clients = wants('clients') ? await severalClients(setting) : [];
    return {
      settings: {
        transport,
        processors,
        repetitions: Math.min(repetitions, MOST_REPETITIONS),
        checked: 'every result is compared with what the client computes alone',
        'client processes': `each with a leased core, echo of 64 B for ${CLIENTS_MS} ms; percentiles are the worst client's`,
      },
      measurements: [...ways.map(({ measured }) => measured), ...clients],
      facts: Object.fromEntries(ways.filter(({ kind }) => kind !== 'alone').map((way) => fact(way, ways))),
      charts: ({ subtitle }) => (ways.length === 0 ? {} : charts(ways, subtitle)),
    };
  },
};

async function alone(
  application: Application,
  local: LocalFunctions,
  setting: BenchmarkSetting,
): Promise<Way> {
  const { processors } = setting;
  pinThread([processors[0]]);
  using placed = new PlacedProblem(application, application.problem(1, 1), local, undefined);
  const measured = await timed(`${application.name}, client alone`, setting, async () => placed.solve());
  pinThread(processors);
  return { application: application.name, threads: 0, kind: 'alone', isOversubscribed: false, measured };
}

async function leased(
  application: Application,
  local: LocalFunctions,
  threads: number,
  setting: BenchmarkSetting,
): Promise<Way[]> {
  const { processors, transport, progress } = setting;
  const cores = Array.from({ length: threads }, (_, i) => processors[(i + 1) % processors.length] as number);
  await using node = await LocalNode.start({ processors: cores, transport });
  await using client = node.client();
  await using lease = await client.lease({ cores: threads, memoryMiB: MIB_A_THREAD * threads });
  await using executor = await lease.allocate(
    { library: nativeFile(LIBRARY) },
    { hotTimeout: 100, slots: SLOTS, inputBytes: BUFFER_BYTES, outputBytes: BUFFER_BYTES },
  );
  // The client's own core is one of those that are leased as soon as there are as many threads as processors.
  const isOversubscribed = threads >= processors.length;
  const shared = isOversubscribed ? SHARED : '';
  const take = async (
    kind: Exclude<Way['kind'], 'alone'>,
    name: string,
    problem: Problem,
    here?: LocalFunctions,
  ): Promise<Way> => {
    const full = `${application.name}, ${name}${shared}`;
    progress.show(full);
    await checkResult(application, problem, { local, here, executor });
    using placed = new PlacedProblem(application, problem, here, executor);
    const measured = await timed(full, setting, async () => placed.solve());
    return { application: application.name, threads, isOversubscribed, kind, measured };
  };
  return [
    await take('strong', `${threads} leased, strong scaling`, application.problem(1, threads)),
    await take('weak', `${threads} leased, weak scaling`, application.problem(threads, threads)),
    await take(
      'client and leased',
      `client and ${threads} leased`,
      application.problem(1, threads + 1),
      local,
    ),
  ];
}

interface Where {
  readonly local: LocalFunctions;
  readonly here: LocalFunctions | undefined;
  readonly executor: Executor;
}

/** What is fast and wrong shall not be measured. Throws Error. */
async function checkResult(
  application: Application,
  problem: Problem,
  { local, here, executor }: Where,
): Promise<void> {
  using placed = new PlacedProblem(application, problem, here, executor);
  const found = Buffer.concat((await placed.solve()).map((bytes) => Buffer.from(bytes)));
  using byItself = new PlacedProblem(application, problem, local, undefined);
  const expected = Buffer.concat(await byItself.solve());
  if (!found.equals(expected)) throw new Error(`${application.name}: leased cores computed something else`);
}

async function timed(
  name: string,
  { repetitions }: BenchmarkSetting,
  body: () => Promise<unknown>,
): Promise<Measurement> {
  const samples = new Float64Array(Math.min(repetitions, MOST_REPETITIONS));
  await body();
  for (let i = 0; i < samples.length; i++) {
    const begin = monotonicNanoseconds();
    await body();
    samples[i] = monotonicNanoseconds() - begin;
  }
  return measurement(name, samples);
}

async function severalClients(setting: BenchmarkSetting): Promise<Measurement[]> {
  const { quick, progress } = setting;
  const measured: Measurement[] = [];
  for (const count of quick ? [1, 2] : CLIENTS) {
    progress.show(`${count} clients`);
    measured.push(await invokeAtOnce(count, setting));
  }
  return measured;
}

async function invokeAtOnce(
  count: number,
  { processors, transport, quick }: BenchmarkSetting,
): Promise<Measurement> {
  const cores = Array.from({ length: count }, (_, i) => processors[(i + 1) % processors.length] as number);
  await using node = await LocalNode.start({ processors: cores, transport });
  const script = join(import.meta.dirname, '../programs/parallel-client.js');
  const children = cores.map((_, i) =>
    spawn(
      process.execPath,
      [script, node.url, node.keyFile, String(processors[i % processors.length]), '64'],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    ),
  );
  const exits = children.map((child) => once(child, 'exit'));
  try {
    const lines = children.map((child) => createInterface({ input: child.stdout })[Symbol.asyncIterator]());
    await Promise.all(lines.map((line) => nextLine(line)));
    for (const child of children) child.stdin.write(`${quick ? CLIENTS_MS / 20 : CLIENTS_MS}\n`);
    const found = await Promise.all(lines.map(async (line) => JSON.parse(await nextLine(line)) as Summary));
    return allOf(count, processors.length, found, quick ? CLIENTS_MS / 20 : CLIENTS_MS);
  } finally {
    for (const child of children) child.stdin.end();
    await Promise.all(exits);
  }
}

async function nextLine(lines: AsyncIterator<string>): Promise<string> {
  const next = await lines.next();
  if (next.done === true) throw new Error('a client process ended before it had measured anything');
  return next.value;
}

function allOf(count: number, processors: number, found: readonly Summary[], ms: number): Measurement {
  const worst = (of: keyof Summary): number => Math.max(...found.map((each) => each[of]));
  const total = found.reduce((sum, each) => sum + each.count, 0);
  // Each client spins, and so does its executor.
  const shared = 2 * count > processors ? SHARED : '';
  return {
    name: `echo, ${count} ${count === 1 ? 'client' : 'clients'}${shared}`,
    clock: clockCost(),
    count: total,
    perSecond: (1000 * total) / ms,
    bytes: 64,
    ...{ p50: worst('p50'), p90: worst('p90'), p99: worst('p99'), p999: worst('p999'), max: worst('max') },
  };
}

/** How many times faster than the client alone; for weak scaling with the problem that has grown. */
function speedup(way: Way, ways: readonly Way[]): number {
  const base = ways.find(({ application, kind }) => application === way.application && kind === 'alone');
  const work = way.kind === 'weak' ? way.threads : 1;
  return base === undefined ? 0 : (work * base.measured.p50) / way.measured.p50;
}

function fact(way: Way, ways: readonly Way[]): readonly [string, number] {
  const what = way.isOversubscribed ? 'time of the client alone / this' : 'times as fast as the client alone';
  return [`${way.measured.name}: ${what}`, Math.round(speedup(way, ways) * 100) / 100];
}
function charts(ways: readonly Way[], subtitle: string | undefined): Record<string, string> {
  const names = [...new Set(ways.map(({ application }) => application))];
  const kinds = ['strong', 'weak', 'client and leased'] as const;
  const lines = names.flatMap((application) =>
    kinds.map((kind) => ({
      name: `${application}, ${kind}`,
      points: ways
        .filter((way) => way.application === application && way.kind === kind && !way.isOversubscribed)
        .map((way) => [way.threads, speedup(way, ways)] as const),
    })),
  );
  return {
    scaling: lineChart({
      title: 'Times as fast as the client alone (only as many threads as there are cores)',
      subtitle,
      x: { name: 'leased threads', unit: 'count', log: true },
      y: { name: 'times as fast', unit: 'ratio' },
      lines,
    }),
    speedup: barChart({
      title: 'One leased core: times as fast as the client alone',
      subtitle,
      categories: names,
      value: { name: 'times as fast', unit: 'ratio' },
      series: kinds.map((kind) => ({
        name: kind,
        values: names.map((application) => {
          const way = ways.find((each) => each.application === application && each.kind === kind);
          return way === undefined ? undefined : speedup(way, ways);
        }),
      })),
    }),
  };
}
