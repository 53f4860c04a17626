// Debian's nats-server and a subscriber that returns what it got: `node nats-server.js PROCESSOR`.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { connect } from '@nats-io/transport-node';
import { pinThread } from '../programs/processors.ts';

pinThread([Number(process.argv[2])]);
const broker = spawn('nats-server', ['-a', '127.0.0.1', '-p', '-1'], { stdio: ['ignore', 'ignore', 'pipe'] });
broker.once('error', (error) => {
  process.stderr.write(`nats-server: ${error.message}\n`);
  process.exit(1);
});
process.once('SIGTERM', () => {
  broker.once('exit', () => process.exit(0));
  broker.kill('SIGTERM');
});
for await (const line of createInterface({ input: broker.stderr })) {
  const port = /Listening for client connections on 127\.0\.0\.1:(\d+)/.exec(line)?.[1];
  if (port === undefined) continue;
  const connection = await connect({ servers: `127.0.0.1:${port}` });
  connection.subscribe('echo', { callback: (_error, message) => void message.respond(message.data) });
  await connection.flush();
  process.stdout.write(`127.0.0.1:${port}\n`);
}
