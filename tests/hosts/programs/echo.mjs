// What the tests of the lab run in its hosts: "serve" echoes datagrams and streams on one port; "ask ADDRESS PORT COUNT
// DEADLINE_MS" sends so many datagrams and a byte over a stream behind them, and prints what came back as JSON.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

const [mode, address = '', port = '0', count = '0', deadlineMs = '0'] = process.argv.slice(2);

if (mode === 'serve') {
  const streams = createServer((stream) => stream.pipe(stream)).listen(0);
  await once(streams, 'listening');
  const datagrams = createSocket('udp4').bind(streams.address().port);
  datagrams.on('message', (message, from) => datagrams.send(message, from.port, from.address));
  await once(datagrams, 'listening');
  process.stdout.write(`${streams.address().port}\n`);
} else {
  const datagrams = createSocket('udp4');
  let answered = 0;
  datagrams.on('message', () => {
    answered += 1;
  });
  for (let sent = 0; sent < Number(count); sent += 1) {
    await new Promise((resolve) => datagrams.send(`${sent}`, Number(port), address, resolve));
  }
  const start = performance.now();
  const stream = connect(Number(port), address);
  stream.on('error', () => undefined);
  stream.write('!');
  const echoed = once(stream, 'data').then(
    () => true,
    () => false,
  );
  const late = new Promise((resolve) => setTimeout(() => resolve(false), Number(deadlineMs)));
  const hasEchoed = await Promise.race([echoed, late]);
  const milliseconds = performance.now() - start;
  process.stdout.write(JSON.stringify({ answered, hasEchoed, milliseconds }));
  process.exit();
}
