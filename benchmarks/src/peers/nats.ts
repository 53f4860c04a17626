import { connect } from '@nats-io/transport-node';
import type { Peer, PeerConnection } from './peer.ts';
import { ServerProcess } from './server-process.ts';

/** NATS, request and reply through its broker. */
export const nats: Peer = {
  name: 'NATS',
  settings:
    '@nats-io/transport-node, request/reply through nats-server on loopback, one inbox for all requests',
  packages: ['@nats-io/transport-node'],
  async connect(processor): Promise<PeerConnection> {
    const server = await ServerProcess.start('nats-server.js', processor);
    const connection = await connect({ servers: server.address });
    return {
      async echo(payload) {
        return (await connection.request('echo', payload, { timeout: 10_000 })).data;
      },
      async [Symbol.asyncDispose]() {
        await connection.close();
        await server[Symbol.asyncDispose]();
      },
    };
  },
};
