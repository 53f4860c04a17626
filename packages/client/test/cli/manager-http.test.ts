import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import type { MainContext } from '@rfaas/core';
import { askManager } from '../../src/cli/manager-http.ts';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A resource manager that leads once `leads` says so. */
async function manager(leads: () => boolean, name: string): Promise<{ url: string; asked: () => number }> {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked += 1;
    const [status, body] = leads()
      ? [200, { name }]
      : [503, { error: { code: 'RFAAS_ERR_NOT_LEADER', message: 'another one leads' } }];
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked: () => asked };
}

function context(env: Readonly<Record<string, string>> = {}): MainContext {
  return {
    argv: [],
    env: { RFAAS_HTTP_TOKEN: 'a-token-of-some-length', ...env },
    print: () => undefined,
    signal: new AbortController().signal,
  };
}

test('of several managers the one that leads answers', async () => {
  const standby = await manager(() => false, 'standby');
  const leader = await manager(() => true, 'leader');
  const RFAAS_HTTP_URL = `http://127.0.0.1:1,${standby.url}, ${leader.url}`;
  expect(await askManager({}, { path: 'nodes' }, context({ RFAAS_HTTP_URL }))).toEqual({ name: 'leader' });
  expect(standby.asked()).toBe(1);
});

test('while none of several leads they are asked again', async () => {
  const first = await manager(() => second.asked() > 1, 'first');
  const second = await manager(() => false, 'second');
  const url = `${first.url},${second.url}`;
  expect(await askManager({ url }, { path: 'nodes' }, context())).toEqual({ name: 'first' });
});

test('a single one is asked once, and its answer told', async () => {
  const standby = await manager(() => false, 'standby');
  await expect(askManager({ url: standby.url }, { path: 'nodes' }, context())).rejects.toMatchObject({
    code: 'RFAAS_ERR_NOT_LEADER',
    message: expect.stringContaining('another one leads'),
  });
  expect(standby.asked()).toBe(1);
  await expect(askManager({ url: 'x,y' }, { path: 'nodes' }, context())).rejects.toMatchObject({
    code: 'RFAAS_ERR_USAGE',
  });
});
