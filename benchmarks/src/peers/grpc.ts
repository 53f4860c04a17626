import { Client, credentials } from '@grpc/grpc-js';
import { echoService } from './echo-service.ts';
import type { Peer, PeerConnection } from './peer.ts';
import { ServerProcess } from './server-process.ts';

/** gRPC, unary, over one connection. */
export const grpc: Peer = {
  name: 'gRPC',
  settings: '@grpc/grpc-js, unary, one channel, no TLS, bytes without protocol buffers',
  packages: ['@grpc/grpc-js'],
  async connect(processor): Promise<PeerConnection> {
    const server = await ServerProcess.start('grpc-server.js', processor);
    const client = new Client(server.address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
    });
    const { path, requestSerialize, responseDeserialize } = echoService.echo;
    return {
      echo: (payload) =>
        new Promise((resolve, reject) => {
          const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
          client.makeUnaryRequest(path, requestSerialize, responseDeserialize, bytes, (error, answer) => {
            if (error !== null) reject(error);
            else resolve(answer as Buffer);
          });
        }),
      async [Symbol.asyncDispose]() {
        client.close();
        await server[Symbol.asyncDispose]();
      },
    };
  },
};
