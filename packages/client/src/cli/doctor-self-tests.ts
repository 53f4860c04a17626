import { parseTransportUrl } from '@rfaas/rdmalib';
import type { Check } from './doctor-checks.ts';
import type { NodeFacts } from './doctor-facts.ts';
import { probeRoundTrip } from './doctor-probes.ts';

/** The URLs of everything that can be tried here: each transport whose library loads, verbs on each device. */
export function selfTestUrls({ libraries, devices }: Pick<NodeFacts, 'libraries' | 'devices'>): string[] {
  const loads = (kind: string): boolean =>
    libraries.some(({ transport, problem }) => transport === kind && problem === undefined);
  const usable = devices.filter(({ ports }) => ports.some(({ state }) => state === 'active'));
  return [
    ...(loads('shm') ? ['shm://0'] : []),
    ...(loads('verbs') ? usable.map(({ name }) => `verbs://:0?device=${encodeURIComponent(name)}`) : []),
    ...(loads('libfabric') ? ['libfabric+tcp://127.0.0.1:0'] : []),
  ];
}

/** A real round trip over a transport, as a check. */
export async function testTransport(
  url: string,
  needs: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Check> {
  const name = `round trip ${url}`;
  const outcome = await probeRoundTrip(url, timeoutMs, signal);
  if ('result' in outcome) {
    const { payloadBytes, medianMicroseconds } = outcome.result;
    const time = medianMicroseconds.toFixed(1);
    return {
      name,
      state: 'ok',
      what: `${payloadBytes} bytes with immediate there and back, median ${time} µs`,
    };
  }
  return {
    name,
    state: needs.includes(parseTransportUrl(url).kind) ? 'problem' : 'note',
    what: 'does not come through',
    cost: 'nothing can be invoked over it',
    fix: outcome.failure,
  };
}
