// The other process of the raw transport's ping-pong: sends every message back. `node transport-echo.js URL-OF-TRANSPORT`.
import { formatTransportUrl, openTransport, parseTransportUrl } from '@rfaas/rdmalib';
import { TransportChannel } from './transport-channel.ts';

const url = parseTransportUrl(process.argv[2] ?? 'shm://0');
const transport = openTransport(url);
const domain = transport.openProtectionDomain();
const listener = await domain.listen({ host: url.host, port: url.port });
process.stdout.write(
  `${JSON.stringify({ ready: true, url: formatTransportUrl({ ...url, ...listener.address }) })}\n`,
);

for await (const request of listener.requests()) {
  const channel = new TransportChannel(domain);
  const endpoint = request.createEndpoint(channel.endpointOptions);
  channel.use(endpoint);
  await request.accept(endpoint, { privateData: channel.invitation });
  await channel.meet(request.privateData);
  while (channel.receive()) channel.send();
  break;
}
await transport.close();
