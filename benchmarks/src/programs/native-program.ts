import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Measurement } from '../measure/report.ts';
import { formatQuantity } from '../plots/units.ts';
import type { NativeTransport } from './native-transport.ts';

const run = promisify(execFile);

/** Where `make -C native-shims` puts libraries and measuring programs. */
export const NATIVE_BUILD = join(import.meta.dirname, '../../../native-shims/build');

/** The path of something that `make` built. Throws Error that says how to build it. */
export function nativeFile(name: string): string {
  const path = join(NATIVE_BUILD, name);
  if (!existsSync(path)) throw new Error(`${path} is not there; build it with "npm run build:native"`);
  return path;
}

/** Runs one of the C programs of native-shims/bench, which prints its measurement as one line of JSON. */
export async function runNativeProgram(
  program: string,
  parameters: readonly (string | number)[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Measurement> {
  const { stdout } = await run(nativeFile(program), parameters.map(String), {
    timeout: 120_000,
    env: { ...process.env, ...environment },
  });
  return JSON.parse(stdout) as Measurement;
}

/** The floor: a bare cache line between the two processors. */
export async function measureCacheLine(
  processors: readonly [number, number],
  count: number,
): Promise<Measurement> {
  return runNativeProgram('cache_line', [...processors, count]);
}

/** What is measured of a transport in C. */
export interface InC {
  readonly processors: readonly [number, number];
  readonly bytes: number;
  readonly count: number;
}

/** The raw round trip of a transport in C: a write with immediate there and one back. */
export async function measureTransport(
  { library, environment }: NativeTransport,
  { processors, bytes, count }: InC,
): Promise<Measurement> {
  const parameters = [library, ...processors, bytes, count];
  const measured = await runNativeProgram('transport_latency', parameters, environment);
  return {
    ...measured,
    name: `transport, C, ${formatQuantity(bytes, 'bytes')}`,
    bytes,
    series: 'transport, C',
  };
}

/** A whole hot invocation in C: both loops, no SDK. The input is copied; `mapped`: the output is not. */
export async function measureLoops(
  { library, environment }: NativeTransport,
  { processors, bytes, count }: InC,
  output: 'mapped' | 'unmapped',
): Promise<Measurement> {
  const parameters = [library, ...processors, bytes, count, ...(output === 'mapped' ? ['mapped'] : [])];
  const measured = await runNativeProgram('invocation_latency', parameters, environment);
  return { ...measured, name: `both loops, C, ${formatQuantity(bytes, 'bytes')}, ${output}`, bytes };
}

/** One memcpy. */
export async function measureCopy(processor: number, bytes: number, count: number): Promise<Measurement> {
  return {
    ...(await runNativeProgram('memory_copy', [processor, bytes, count])),
    name: `memcpy, ${formatQuantity(bytes, 'bytes')}`,
    bytes,
    series: 'memcpy',
  };
}

/** A bare futex wake-up of a process that sleeps on the second processor, after pauses as long as these. */
export async function measureWakeUp(
  processors: readonly [number, number],
  pauseMilliseconds: number,
  count: number,
): Promise<Measurement> {
  return runNativeProgram('wake_up', [...processors, pauseMilliseconds * 1000, count]);
}
