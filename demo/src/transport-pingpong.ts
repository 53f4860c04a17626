import { fileURLToPath } from 'node:url';
import { openTransport, parseTransportUrl } from '@rfaas/rdmalib';
import { timeCalls, type LatencySample } from './latency.ts';
import { startProgram } from './started-program.ts';
import { TransportChannel } from './transport-channel.ts';

/**
 * Times the transport alone: 64 bytes to another process and back with rdmalib, no function and no rFaaS in between.
 *
 * @param what what the sample is called
 * @param roundTrips how many are timed
 * @throws Error if the other process or the connection ends early
 */
export async function timeTransport(what: string, roundTrips: number): Promise<LatencySample> {
  const script = fileURLToPath(new URL('transport-echo.js', import.meta.url));
  const peer = await startProgram(script, ['shm://0']);
  const url = parseTransportUrl(String(peer.ready['url']));
  const transport = openTransport(url);
  try {
    const domain = transport.openProtectionDomain();
    const channel = new TransportChannel(domain);
    const endpoint = domain.createEndpoint(channel.endpointOptions);
    channel.use(endpoint);
    const { privateData } = await endpoint.connect(url, { privateData: channel.invitation });
    await channel.meet(privateData);
    return timeCalls(what, roundTrips, () => {
      channel.send();
      if (!channel.receive()) throw new Error('the peer of the transport measurement went away');
    });
  } finally {
    await transport.close();
    await peer.stop();
  }
}
