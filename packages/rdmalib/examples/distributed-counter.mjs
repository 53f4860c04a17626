// Any number of processes count in one place with remote fetch-adds; nobody's code runs where the counter is.
//   node distributed-counter.mjs listen shm://0 3           prints the URL, waits for 3 clients, prints the count
//   node distributed-counter.mjs connect shm://43211 1000   adds 1 a thousand times
import {
  announcedUrl,
  createCompletionBatch,
  decodeRemoteMemory,
  encodeRemoteMemory,
  formatTransportUrl,
  openTransport,
  parseTransportUrl,
} from '@rfaas/rdmalib';

const [role, text = 'shm://0', number = '1'] = process.argv.slice(2);
const url = parseTransportUrl(text);
const transport = openTransport(url);
try {
  if (transport.capabilities.atomics === 'none') {
    throw new Error(`${transport.name} has no remote atomics`);
  }
  const domain = transport.openProtectionDomain();
  const queue = domain.createCompletionQueue({ depth: 256 });
  const options = {
    sendCompletions: queue,
    receiveCompletions: queue,
    sendQueueDepth: 8,
    receiveQueueDepth: 1,
  };
  await (role === 'listen'
    ? listen(domain, options, Number(number))
    : connect(domain, options, Number(number)));
} finally {
  await transport.close();
}

async function listen(domain, options, clients) {
  const region = domain.allocateMemory({ byteLength: 8, access: ['local-write', 'remote-atomic'] });
  const listener = await domain.listen(url);
  console.log(formatTransportUrl(announcedUrl(url, listener.address)));
  const endings = [];
  for await (const request of listener.requests()) {
    const endpoint = request.createEndpoint(options);
    await request.accept(endpoint, { privateData: encodeRemoteMemory(region.remote) });
    endings.push(endpoint.disconnected);
    if (endings.length === clients) break;
  }
  await Promise.all(endings);
  console.log(`${new DataView(region.bytes.buffer).getBigUint64(0, true)}`);
  await listener.close();
}

async function connect(domain, options, times) {
  const prior = domain.allocateMemory({ byteLength: 8, access: ['local-write'] });
  const endpoint = domain.createEndpoint(options);
  const { privateData } = await endpoint.connect(url);
  const counter = await endpoint.resolveRemote(decodeRemoteMemory(privateData));
  const batch = createCompletionBatch(1);
  for (let time = 0; time < times; time += 1) {
    endpoint.postFetchAdd({ region: prior, offset: 0, byteLength: 8 }, counter, 0, 1n);
    while (options.sendCompletions.spin(batch, 1000) === 0);
    if (batch.status(0) !== 'success') throw new Error(`adding ended with ${batch.status(0)}`);
  }
  console.log(
    `added ${times}; the counter was ${new DataView(prior.bytes.buffer).getBigUint64(0, true)} before the last`,
  );
}
