import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findNativeLibrary } from '@rfaas/rdmalib';
import type { LatencySample } from './latency.ts';

/** What the measuring program prints: nanoseconds. */
interface NativeSamples {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
}

/**
 * Times the transport's own C code: 64 bytes to another process and back, C on both sides, each on a processor of its own.
 * This is the floor for everything that is built on the transport.
 *
 * @returns undefined where this process may use one processor only: two processes that spin would take turns
 */
export async function timeNativeTransport(
  what: string,
  roundTrips: number,
): Promise<LatencySample | undefined> {
  const [first, second] = await allowedProcessors();
  if (first === undefined || second === undefined) return undefined;
  const library = findNativeLibrary('librdmalib_shm.so');
  const program = join(dirname(library), 'transport_latency');
  const parameters = [library, first, second, 64, roundTrips].map(String);
  const { stdout } = await promisify(execFile)(program, parameters);
  const { count, p50, p99 } = JSON.parse(stdout) as NativeSamples;
  return { what, count, p50: p50 / 1000, p99: p99 / 1000 };
}

/** The processors that this process may run on, as the kernel lists them: `0-3,8`. */
async function allowedProcessors(): Promise<number[]> {
  const status = await readFile('/proc/self/status', 'utf8');
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '';
  return list.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}
