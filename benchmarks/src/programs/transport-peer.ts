// The other process of the transport's ping-pong and stream: `node transport-peer.js URL BYTES ANSWER PROCESSOR` answers writes of
// BYTES bytes that carry an immediate with such writes of ANSWER bytes.
import { announcedUrl, formatTransportUrl, openTransport, parseTransportUrl } from '@rfaas/rdmalib';
import { pinThread } from './processors.ts';
import { TransportSide } from './transport-side.ts';

const [, , address = 'shm://0', bytes = '64', answer = '64', processor = '0'] = process.argv;
const url = parseTransportUrl(address);
await using transport = openTransport(url);
const domain = transport.openProtectionDomain();
const listener = await domain.listen({ host: url.host, port: url.port });
process.stdout.write(`${formatTransportUrl(announcedUrl(url, listener.address))}\n`);
for await (const request of listener.requests()) {
  const side = new TransportSide(domain, { byteLength: Number(answer), peerBytes: Number(bytes) });
  const endpoint = request.createEndpoint(side.endpointOptions);
  side.use(endpoint);
  await request.accept(endpoint, { privateData: side.invitation });
  await side.meet(request.privateData);
  pinThread([Number(processor)]);
  while (side.awaitWrite()) {
    side.write();
    side.repost();
  }
  break;
}
