// One process writes a line of text straight into another's memory; the immediate says how long it is.
//   node remote-write.mjs listen shm://0                    prints the URL, waits for one line
//   node remote-write.mjs connect shm://43211 "any text"
import {
  announcedUrl,
  createCompletionBatch,
  decodeRemoteMemory,
  encodeRemoteMemory,
  formatTransportUrl,
  openTransport,
  parseTransportUrl,
  requireSuccess,
} from '@rfaas/rdmalib';

const [role, text = 'shm://0', line = 'hello'] = process.argv.slice(2);
const url = parseTransportUrl(text);
const transport = openTransport(url);
try {
  const domain = transport.openProtectionDomain();
  const region = domain.allocateMemory({ byteLength: 4096, access: ['local-write', 'remote-write'] });
  const queue = domain.createCompletionQueue({ depth: 16 });
  const options = {
    sendCompletions: queue,
    receiveCompletions: queue,
    sendQueueDepth: 8,
    receiveQueueDepth: 8,
  };
  await (role === 'listen'
    ? listen(domain, region, queue, options)
    : connect(domain, region, queue, options));
} finally {
  await transport.close();
}

async function listen(domain, region, queue, options) {
  const listener = await domain.listen(url);
  console.log(formatTransportUrl(announcedUrl(url, listener.address)));
  for await (const request of listener.requests()) {
    const endpoint = request.createEndpoint(options);
    endpoint.postEmptyReceives(1);
    // The peer learns where it may write with the answer to its request.
    await request.accept(endpoint, { privateData: encodeRemoteMemory(region.remote) });
    const { immediate } = requireSuccess(await nextCompletion(queue));
    // The bytes of a write are there before its immediate is.
    console.log(new TextDecoder().decode(region.bytes.slice(0, immediate)));
    break;
  }
}

async function connect(domain, region, queue, options) {
  const endpoint = domain.createEndpoint(options);
  const { privateData } = await endpoint.connect(url);
  const target = await endpoint.resolveRemote(decodeRemoteMemory(privateData));
  const { written } = new TextEncoder().encodeInto(line, region.bytes);
  endpoint.postWrite({ region, offset: 0, byteLength: written }, target, 0, { immediate: written });
  requireSuccess(await nextCompletion(queue));
  console.log(`${written} bytes written`);
}

async function nextCompletion(queue) {
  const batch = createCompletionBatch(1);
  while (queue.poll(batch) === 0) {
    await queue.readable();
  }
  return batch.at(0);
}
