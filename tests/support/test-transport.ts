import { formatTransportUrl, parseTransportUrl } from '@rfaas/rdmalib';

/**
 * Where the servers of the integration tests listen: `shm://0`, or what RFAAS_TEST_TRANSPORT says, e.g.
 * `verbs://10.77.0.1:0` in the Soft-RoCE machine.
 */
export const testTransport = process.env['RFAAS_TEST_TRANSPORT'] ?? 'shm://0';

/** The same with another port. */
export function testTransportAt(port: number): string {
  return formatTransportUrl({ ...parseTransportUrl(testTransport), port });
}

/** True where peers share a host's memory, so that inputs and outputs can be mapped instead of copied. */
export const mapsMemory = parseTransportUrl(testTransport).kind === 'shm';
