import { once } from 'node:events';
import { get, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createLimitedServer, serverLimits } from '../../src/http.ts';

const limits = { headersMs: 300, requestMs: 600, idleMs: 200, connections: 20 };

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
});

async function listen(own: Server): Promise<number> {
  server = own;
  own.listen(0, '127.0.0.1');
  await once(own, 'listening');
  return (own.address() as AddressInfo).port;
}

async function open(port: number, text = ''): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined).resume();
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

async function ask(port: number): Promise<number | undefined> {
  const request = get({ port, host: '127.0.0.1', agent: false });
  const [response] = (await once(request, 'response')) as [{ statusCode?: number; resume(): void }];
  response.resume();
  return response.statusCode;
}

describe('a limited server', () => {
  test.each([
    ['says nothing', ''],
    ['sends half a head', 'GET / HTTP/1.1\r\nHost: x\r\n'],
    ['sends half a body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc'],
  ])('closes a connection that %s', async (_what, text) => {
    const port = await listen(createLimitedServer((request) => void request.resume(), undefined, limits));
    const socket = await open(port, text);
    await once(socket, 'close', { signal: AbortSignal.timeout(5000) });
  });

  test('closes a connection that asks nothing more', async () => {
    const port = await listen(createLimitedServer((_request, response) => response.end(), undefined, limits));
    const socket = await open(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'close', { signal: AbortSignal.timeout(5000) });
  });

  test('answers while many more connections than it keeps are half open', async () => {
    const patient = { ...serverLimits, connections: limits.connections };
    const own = createLimitedServer((_request, response) => response.end(), undefined, patient);
    const port = await listen(own);
    const sockets: Socket[] = [];
    for (let count = 0; count < 5 * limits.connections; count += 1) {
      sockets.push(await open(port, 'GET / HTTP/1.1\r\n'));
      if (count % 10 === 0) {
        expect(await ask(port)).toBe(200);
      }
    }
    const openNow = await new Promise<number>((resolve) =>
      own.getConnections((_error, count) => resolve(count)),
    );
    expect(openNow).toBeLessThanOrEqual(limits.connections + 1);
    sockets.forEach((socket) => socket.destroy());
  });

  test('keeps a request that it is answering, however many connections come', async () => {
    let answer: (() => void) | undefined;
    const own = createLimitedServer(
      (_request, response) => {
        answer = (): void => void response.end();
      },
      undefined,
      { ...serverLimits, connections: 3 },
    );
    const port = await listen(own);
    const asked = once(own, 'request');
    const answered = ask(port);
    await asked;
    const sockets = [];
    for (let count = 0; count < 10; count += 1) {
      sockets.push(await open(port));
    }
    answer?.();
    expect(await answered).toBe(200);
    sockets.forEach((socket) => socket.destroy());
  });
});
