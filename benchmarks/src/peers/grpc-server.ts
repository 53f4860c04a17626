// A unary gRPC method that returns what it got: `node grpc-server.js PROCESSOR`.
import { Server, ServerCredentials, type handleUnaryCall } from '@grpc/grpc-js';
import { pinThread } from '../programs/processors.ts';
import { echoService } from './echo-service.ts';

pinThread([Number(process.argv[2])]);
const server = new Server({ 'grpc.max_receive_message_length': -1 });
const echo: handleUnaryCall<Buffer, Buffer> = (call, callback) => callback(null, call.request);
server.addService(echoService, { echo });
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`127.0.0.1:${port}\n`);
});
