import { join } from 'node:path';
import { Piscina } from 'piscina';
import type { Peer, PeerConnection } from './peer.ts';

/** A worker thread of the same process. */
export const piscina: Peer = {
  name: 'piscina',
  settings: 'one worker thread of this process, synchronous Atomics between tasks; payloads are cloned',
  packages: ['piscina'],
  async connect(): Promise<PeerConnection> {
    const pool = new Piscina({
      filename: join(import.meta.dirname, 'piscina-worker.js'),
      name: 'echo',
      minThreads: 1,
      maxThreads: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      atomics: 'sync',
    });
    return Promise.resolve({
      echo: async (payload) => (await pool.run(payload)) as Uint8Array,
      async [Symbol.asyncDispose]() {
        await pool.destroy();
      },
    });
  },
};
