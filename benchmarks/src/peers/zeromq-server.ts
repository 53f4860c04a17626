// A REP socket that returns what it got: `node zeromq-server.js PROCESSOR ADDRESS`.
import { Reply } from 'zeromq';
import { pinThread } from '../programs/processors.ts';

const [, , processor = '0', address = ''] = process.argv;
pinThread([Number(processor)]);
const socket = new Reply();
await socket.bind(address);
process.stdout.write(`${address}\n`);
for await (const [message] of socket) {
  await socket.send(message as Buffer);
}
