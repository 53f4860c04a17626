import { fileURLToPath } from 'node:url';
import type { RdmaDevice } from '@rfaas/rdmalib';
import type { RoundTrip } from './doctor-round-trip.ts';
import { runLimited } from './run-limited.ts';

/** What a probe found, or why it found nothing. */
export type ProbeOutcome<T> = { readonly result: T } | { readonly failure: string };

/** Tries a round trip over a transport in a process of its own: it may crash or hang there. Rejects when aborted. */
export async function probeRoundTrip(
  url: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProbeOutcome<RoundTrip>> {
  return probe<RoundTrip>([url], timeoutMs, signal);
}

/** Lists devices in a process of its own: asking one may hang in its driver. Rejects when aborted. */
export async function probeDevices(
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProbeOutcome<{ readonly devices: readonly RdmaDevice[]; readonly noDevices: string }>> {
  return probe([], timeoutMs, signal);
}

async function probe<T>(
  words: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProbeOutcome<T>> {
  const script = fileURLToPath(new URL('./doctor-probe.js', import.meta.url));
  const end = await runLimited([process.execPath, script, ...words], timeoutMs, signal);
  if (end === 'late') {
    return { failure: `it did not end in ${timeoutMs} ms` };
  }
  const { status, killedBy, output, complaints } = end;
  if (status === 0 && output !== '') {
    return JSON.parse(output) as ProbeOutcome<T>;
  }
  const how = killedBy === null ? `ended with status ${status}` : `was killed by ${killedBy}`;
  return { failure: `the process that tried it ${how}${complaints === '' ? '' : `: ${complaints.trim()}`}` };
}
