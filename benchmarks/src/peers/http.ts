import { Client } from 'undici';
import type { Peer, PeerConnection } from './peer.ts';
import { ServerProcess } from './server-process.ts';

/** HTTP, POST, over one kept-alive connection. */
export const http: Peer = {
  name: 'HTTP',
  settings: 'undici Client (one kept-alive connection) to fastify, POST of an octet stream',
  packages: ['undici', 'fastify'],
  async connect(processor): Promise<PeerConnection> {
    const server = await ServerProcess.start('http-server.js', processor);
    const client = new Client(server.address, { pipelining: 1 });
    const headers = { 'content-type': 'application/octet-stream' };
    return {
      async echo(payload) {
        const { body } = await client.request({ path: '/echo', method: 'POST', headers, body: payload });
        return new Uint8Array(await body.arrayBuffer());
      },
      async [Symbol.asyncDispose]() {
        await client.close();
        await server[Symbol.asyncDispose]();
      },
    };
  },
};
