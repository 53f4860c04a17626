import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Measurement } from '../measure/report.ts';

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
): Promise<Measurement> {
  const { stdout } = await run(nativeFile(program), parameters.map(String), { timeout: 120_000 });
  return JSON.parse(stdout) as Measurement;
}

/** The floor: a bare cache line between the two processors. */
export async function measureCacheLine(
  processors: readonly [number, number],
  count: number,
): Promise<Measurement> {
  return runNativeProgram('cache_line', [...processors, count]);
}

/** The raw round trip of the shm transport in C. */
export async function measureTransport(
  processors: readonly [number, number],
  bytes: number,
  count: number,
): Promise<Measurement> {
  const measured = await runNativeProgram('transport_latency', [
    nativeFile('librdmalib_shm.so'),
    ...processors,
    bytes,
    count,
  ]);
  return { ...measured, name: `transport, C, ${bytes} B` };
}

/** A whole hot invocation in C: both loops, no SDK. The input is copied; `mapped`: the output is not. */
export async function measureLoops(
  processors: readonly [number, number],
  bytes: number,
  count: number,
  output: 'mapped' | 'unmapped',
): Promise<Measurement> {
  const parameters = [nativeFile('librdmalib_shm.so'), ...processors, bytes, count];
  const measured = await runNativeProgram(
    'invocation_latency',
    output === 'mapped' ? [...parameters, 'mapped'] : parameters,
  );
  return { ...measured, name: `both loops, C, ${bytes} B, ${output}` };
}

/** One memcpy. */
export async function measureCopy(processor: number, bytes: number, count: number): Promise<Measurement> {
  return {
    ...(await runNativeProgram('memory_copy', [processor, bytes, count])),
    name: `memcpy, ${bytes} B`,
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
