// Two processes bounce 64 bytes, both spinning, and say how long a round trip takes.
//   node ping-pong.mjs listen shm://0          prints the URL to connect to
//   node ping-pong.mjs connect shm://43211 [rounds]
import {
  announcedUrl,
  createCompletionBatch,
  decodeRemoteMemory,
  encodeRemoteMemory,
  formatTransportUrl,
  openTransport,
  parseTransportUrl,
} from '@rfaas/rdmalib';

const [role, text = 'shm://0', rounds = 20_000] = process.argv.slice(2);
const url = parseTransportUrl(text);
const transport = openTransport(url);
try {
  await (role === 'listen' ? listen() : connect());
} finally {
  await transport.close();
}

async function listen() {
  const table = openTable();
  const listener = await table.domain.listen(url);
  console.log(formatTransportUrl(announcedUrl(url, listener.address)));
  for await (const request of listener.requests()) {
    const endpoint = request.createEndpoint(table.endpointOptions);
    // An immediate uses up one posted receive: there is always one more than the peer may have under way.
    endpoint.postEmptyReceives(2);
    await request.accept(endpoint, { privateData: encodeRemoteMemory(table.region.remote) });
    const bounce = await table.player(endpoint, decodeRemoteMemory(request.privateData));
    while (bounce.take()) {
      bounce.hit();
    }
    break;
  }
}

async function connect() {
  const table = openTable();
  const endpoint = table.domain.createEndpoint(table.endpointOptions);
  endpoint.postEmptyReceives(2);
  const reply = await endpoint.connect(url, { privateData: encodeRemoteMemory(table.region.remote) });
  const bounce = await table.player(endpoint, decodeRemoteMemory(reply.privateData));
  const nanoseconds = new Float64Array(Number(rounds));
  for (let round = 0; round < rounds; round += 1) {
    const begin = process.hrtime.bigint();
    bounce.hit();
    if (!bounce.take()) throw new Error('the peer left the table');
    nanoseconds[round] = Number(process.hrtime.bigint() - begin);
  }
  nanoseconds.sort();
  const [median, late] = [nanoseconds[Math.floor(rounds / 2)], nanoseconds[Math.floor(rounds * 0.99)]];
  console.log(`${rounds} round trips of 64 bytes over ${transport.name}: p50 ${median} ns, p99 ${late} ns`);
}

/** What both sides have: memory that the other may write, and a queue to watch. */
function openTable() {
  const domain = transport.openProtectionDomain();
  const region = domain.allocateMemory({ byteLength: 128, access: ['local-write', 'remote-write'] });
  const queue = domain.createCompletionQueue({ depth: 64 });
  const batch = createCompletionBatch(4);
  const endpointOptions = {
    sendCompletions: queue,
    receiveCompletions: queue,
    sendQueueDepth: 32,
    receiveQueueDepth: 32,
  };
  // Made once and used for every post: the loop allocates nothing.
  const segment = { region, offset: 64, byteLength: 64 };
  const request = { immediate: 1, signaled: false, inline: true };
  const player = async (endpoint, remote) => {
    const target = await endpoint.resolveRemote(remote);
    return {
      hit: () => endpoint.postWrite(segment, target, 0, request),
      take: () => {
        while (queue.spin(batch, 1000) === 0) {
          if (endpoint.state !== 'established') return false;
        }
        if (batch.status(0) === 'flushed') return false;
        if (batch.status(0) !== 'success') throw new Error(`a request ended with ${batch.status(0)}`);
        endpoint.postEmptyReceives(1);
        return true;
      },
    };
  };
  return { domain, region, endpointOptions, player };
}
