// A client of rFaaS that a test drives from another process, because it must run in another host of the lab: node
// client-program.mjs, started with an IPC channel. Each request names a method below; each answer tells how long it took.
import { Client } from '@rfaas/client';

let client;
const leases = new Map();
const executors = new Map();

const methods = {
  connect: async ({ credential, ...options }) => {
    client = await Client.connect({ ...options, credential: Buffer.from(credential, 'hex') });
  },
  lease: async (name, options) => {
    const lease = await client.lease(options);
    leases.set(name, lease);
    return { node: lease.node };
  },
  allocate: async (name, leaseName, source, options) => {
    const executor = await leases.get(leaseName).allocate(source, options);
    executors.set(name, executor);
    return { node: executor.node, functions: executor.functions };
  },
  invoke: async (name, functionName, text, options) => {
    const output = await executors.get(name).invoke(functionName, new TextEncoder().encode(text), options);
    return new TextDecoder().decode(output);
  },
  // As a caller does that never lets its event loop turn.
  sleepSync: (name, milliseconds) => {
    const input = new Uint8Array(Uint32Array.of(milliseconds).buffer);
    return executors.get(name).invokeSync('sleep_then_write', input).byteLength;
  },
  hangSync: (name) => executors.get(name).invokeSync('never_return', new Uint8Array(0)).byteLength,
  echoBytes: async (name, byteLength) => {
    const input = new Uint8Array(byteLength).map((_, index) => index % 251);
    const output = await executors.get(name).invoke('echo', input);
    return Buffer.compare(Buffer.from(input), Buffer.from(output)) === 0;
  },
  ended: async (name) => (await executors.get(name).ended)?.message,
  release: async (name) => {
    await leases.get(name).release();
  },
  close: async () => client.close(),
};

process.on('message', ({ id, method, values }) => void answer(id, method, values));
process.on('disconnect', () => process.exit());

async function answer(id, method, values) {
  const start = performance.now();
  const outcome = await settle(method, values);
  process.send({ id, milliseconds: performance.now() - start, ...outcome });
}

async function settle(method, values) {
  try {
    return { result: await methods[method](...values) };
  } catch (error) {
    return { error: { code: error.code ?? error.name, message: error.message } };
  }
}
