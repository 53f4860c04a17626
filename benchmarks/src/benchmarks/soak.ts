import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Client, Executor, Lease } from '@rfaas/client';
import type { Progress } from '../measure/progress.ts';
import { LocalNode } from '../programs/local-node.ts';
import { nativeFile } from '../programs/native-program.ts';
import { childrenOf, processUsage, type ProcessUsage } from '../programs/process-usage.ts';
import { FUNCTIONS_MODULE } from './invocation.ts';

/** How long to soak. */
export interface SoakOptions {
  readonly processors: readonly [number, number];
  /** Allocations that are made and given back. */
  readonly cycles: number;
  readonly invocations: number;
  readonly progress: Progress;
}

/** What was held at the beginning and at the end by one process. */
export interface SoakedProcess {
  readonly name: string;
  readonly begin: ProcessUsage;
  readonly end: ProcessUsage;
  /** What grew beyond what a garbage-collected heap may hold back. */
  readonly leaks: readonly string[];
}

/** What a soak found. */
export interface SoakResult {
  readonly processes: readonly SoakedProcess[];
  readonly executorsLeft: number;
  readonly isClean: boolean;
}

/** Caches, pools and the compiler settle within so many cycles and invocations; only then the beginning is measured. */
const SETTLE = { cycles: 200, invocations: 200_000 };
const PLAIN = new Uint8Array(64);
/**
 * Growth that is no leak. Descriptors and threads have none. A heap keeps pages that it may need again, and mappings of
 * views are given back when these are collected: both are far below one a cycle of a full run.
 */
const TOLERANCE = { residentKiB: 24 * 1024, mappings: 100, descriptors: 0, threads: 0 } as const;

/** Allocates, invokes and deallocates, over and over, and compares what the processes hold before and after. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const { processors, cycles, invocations, progress } = options;
  await using node = await LocalNode.start({ processors: [processors[1]] });
  await using client = node.client();
  const processes = { client: process.pid, 'executor manager': node.pid };
  await run(
    client,
    Math.min(cycles, SETTLE.cycles),
    Math.min(invocations, SETTLE.invocations),
    progress,
    'settling',
  );
  const begin = await usages(processes);
  await run(client, cycles, invocations, progress, 'soaking');
  const end = await usages(processes);
  const soaked = Object.keys(processes).map((name, index) =>
    compare(name, begin[index] as ProcessUsage, end[index] as ProcessUsage),
  );
  const executorsLeft = childrenOf(node.pid).length;
  return {
    processes: soaked,
    executorsLeft,
    isClean: executorsLeft === 0 && soaked.every(({ leaks }) => leaks.length === 0),
  };
}

async function run(
  client: Client,
  cycles: number,
  invocations: number,
  progress: Progress,
  name: string,
): Promise<void> {
  await using lease = await client.lease({ cores: 1, memoryMiB: 1024, durationMs: 24 * 3_600_000 });
  for (let cycle = 0; cycle < cycles; cycle++) {
    if (cycle % 10 === 0) progress.show(`${name}: ${cycle} of ${cycles} allocations`);
    await useOnce(lease, cycle);
  }
  for (const source of [{ library: nativeFile('libbench_functions.so') }, { module: FUNCTIONS_MODULE }]) {
    await using executor = await lease.allocate(source, { hotTimeout: -1 });
    await invokeMany(executor, Math.ceil(invocations / 2), progress, name);
  }
}

/** One executor, of either kind, that is invoked in every way once and given back. */
async function useOnce(lease: Lease, cycle: number): Promise<void> {
  const source =
    cycle % 10 === 9 ? { module: FUNCTIONS_MODULE } : { library: nativeFile('libbench_functions.so') };
  await using executor = await lease.allocate(source, { inputBytes: 65_536, outputBytes: 65_536 });
  using input = executor.allocateInput(64);
  using output = executor.allocateOutput(64);
  executor.invokeSync('echo', input, output);
  executor.invokeSync('echo', PLAIN);
  await executor.invoke('echo', PLAIN);
}

/** Mostly spinning invocations, every thousandth with buffers of its own, every hundredth by promise. */
async function invokeMany(
  executor: Executor,
  count: number,
  progress: Progress,
  name: string,
): Promise<void> {
  const echo = executor.function('echo');
  using input = executor.allocateInput(64);
  using output = executor.allocateOutput(64);
  for (let i = 0; i < count; i++) {
    if (i % 1000 === 0) {
      using ownOutput = executor.allocateOutput(4096);
      echo.invokeSync(PLAIN, ownOutput);
    } else if (i % 100 === 1) {
      await echo.invoke(PLAIN);
    } else if (i % 2 === 0) {
      echo.invokeSync(input, output);
    } else {
      echo.invokeSync(PLAIN);
    }
    if (i % 100_000 === 0) progress.show(`${name}: ${i} of ${count} invocations`);
  }
}

/** Views are released when they are collected, and their memory is unmapped a turn later. */
async function usages(processes: Readonly<Record<string, number>>): Promise<ProcessUsage[]> {
  setFlagsFromString('--expose_gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 5; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return Object.values(processes).map(processUsage);
}

function compare(name: string, begin: ProcessUsage, end: ProcessUsage): SoakedProcess {
  const kinds = ['residentKiB', 'mappings', 'descriptors', 'threads'] as const;
  const leaks = kinds
    .filter((kind) => end[kind] > begin[kind] + TOLERANCE[kind])
    .map((kind) => `${kind} grew from ${begin[kind]} to ${end[kind]}`);
  return { name, begin, end, leaks };
}
