// A process of its own that tries something on a transport and prints what came of it, as one line of JSON.
//   node attempt.mjs URL open | listen | allocate BYTES | connect HOST PORT
import { openTransport, parseTransportUrl } from '@rfaas/rdmalib';

const [url, step, ...words] = process.argv.slice(2);
const STEPS = {
  open: () => undefined,
  listen: async (domain) => (await domain.listen(parseTransportUrl(url))).address,
  allocate: (domain) => {
    domain.allocateMemory({ byteLength: Number(words[0]), access: ['local-write'] });
  },
  connect: async (domain) => {
    const queue = domain.createCompletionQueue({ depth: 64 });
    const endpoint = domain.createEndpoint({
      sendCompletions: queue,
      receiveCompletions: queue,
      sendQueueDepth: 4,
      receiveQueueDepth: 4,
    });
    await endpoint.connect(
      { host: words[0], port: Number(words[1]) },
      { signal: AbortSignal.timeout(20_000) },
    );
  },
};

let transport;
try {
  transport = openTransport(url);
  const result = await STEPS[step](transport.openProtectionDomain());
  process.stdout.write(`${JSON.stringify({ ok: true, result })}\n`);
} catch (error) {
  process.stdout.write(`${JSON.stringify({ ok: false, code: error.code, message: error.message })}\n`);
} finally {
  await transport?.close();
}
