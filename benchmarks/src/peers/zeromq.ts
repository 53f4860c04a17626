import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Request } from 'zeromq';
import type { Peer, PeerConnection } from './peer.ts';
import { ServerProcess } from './server-process.ts';

/** ZeroMQ, REQ to REP. */
export const zeromq: Peer = {
  name: 'ZeroMQ',
  settings: 'zeromq.js, REQ to REP over ipc://',
  packages: ['zeromq'],
  async connect(processor): Promise<PeerConnection> {
    const directory = await mkdtemp(join(tmpdir(), 'rfaas-zeromq-'));
    try {
      const server = await ServerProcess.start('zeromq-server.js', processor, [
        `ipc://${join(directory, 'socket')}`,
      ]);
      const socket = new Request();
      socket.connect(server.address);
      return {
        async echo(payload) {
          await socket.send(payload);
          const [message] = await socket.receive();
          return message as Buffer;
        },
        async [Symbol.asyncDispose]() {
          socket.close();
          await server[Symbol.asyncDispose]();
          await rm(directory, { recursive: true, force: true });
        },
      };
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  },
};
