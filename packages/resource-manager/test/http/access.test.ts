import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { trustEverybody } from '../../src/http/authenticator.ts';
import { operatorToken, testApi, tokens, type TestApi } from './test-api.ts';

let api: TestApi;
beforeEach(async () => {
  api = await testApi();
});
afterEach(async () => {
  await api.app.close();
});

async function statusWith(headers: Readonly<Record<string, string>>, path = '/health'): Promise<number> {
  const all = { host: '127.0.0.1:5000', authorization: `Bearer ${operatorToken}`, ...headers };
  return (await api.app.inject({ url: path, headers: all })).statusCode;
}

describe('access to HTTP', () => {
  test.each([
    [{}],
    [{ host: 'localhost' }],
    [{ host: '[::1]:5000' }],
    [{ host: '10.1.2.3:1' }],
    [{ host: 'login-1:5000' }],
    [{ origin: 'http://127.0.0.1:5000' }],
    [{ host: 'localhost:80', origin: 'http://localhost' }],
    [{ authorization: `bearer  ${operatorToken}` }],
    [{ authorization: `Bearer ${tokens.monitor}` }],
    [{ authorization: `Bearer ${tokens.tenant('alice@example')}` }],
  ])('is granted with %j', async (headers) => {
    expect(await statusWith(headers as Record<string, string>)).toBe(200);
  });

  test.each([
    [{ authorization: '' }, 401],
    [{ authorization: operatorToken }, 401],
    [{ authorization: 'Bearer wrong' }, 401],
    [{ authorization: `Bearer ${operatorToken}x` }, 401],
    [{ authorization: `Bearer ${tokens.tenant('alice').replace('YWxpY2U', 'Ym9i')}` }, 401],
    [{ authorization: `Bearer ${tokens.tenant('alice').replace('tenant', 'node')}` }, 401],
    [{ authorization: `Bearer ${tokens.monitor.replace('monitor', 'operator')}` }, 401],
    [{ host: 'evil.example:5000' }, 403],
    [{ host: 'a b' }, 403],
    [{ origin: 'http://evil.example' }, 403],
    [{ origin: 'https://127.0.0.1:5000' }, 403],
    [{ origin: 'null' }, 403],
  ])('is refused with %j', async (headers, status) => {
    expect(await statusWith(headers as Record<string, string>)).toBe(status);
  });

  test.each(['/nodes', '/leases', '/health', '/ready', '/usage', '/openapi.json', '/nowhere'])(
    '%s answers nobody without a token, and says how to send one',
    async (path) => {
      const { status, headers, body, text } = await api.ask('GET', path, { token: '' });
      expect(status).toBe(401);
      expect(headers['www-authenticate']).toBe('Bearer');
      expect(body).toMatchObject({ error: { code: 'RFAAS_ERR_UNAUTHORISED' } });
      expect(text).not.toContain(operatorToken);
    },
  );

  test('is open to everybody where that was asked for', async () => {
    const open = await testApi({ authenticate: trustEverybody, hostNames: undefined });
    const answer = await open.app.inject({ url: '/nodes', headers: { host: 'anything.example' } });
    expect(answer.statusCode).toBe(200);
    await open.app.close();
  });
});

describe('the rate limit', () => {
  test('holds back one caller and no other', async () => {
    const limited = await testApi({ requestsPerSecond: 3 });
    const ask = async (token: string): Promise<number> =>
      (await limited.ask('GET', '/health', { token })).status;
    const own: number[] = [];
    for (let count = 0; count < 5; count += 1) {
      own.push(await ask(tokens.tenant('alice')));
    }
    expect(own).toEqual([200, 200, 200, 429, 429]);
    expect(await ask(tokens.tenant('bob'))).toBe(200);
    expect(await limited.ask('GET', '/health', { token: tokens.tenant('alice') })).toMatchObject({
      body: { error: { code: 'RFAAS_ERR_RATE_LIMITED' } },
      headers: { 'retry-after': '1' },
    });
    await limited.app.close();
  });

  test('holds back whoever guesses tokens, all guesses together', async () => {
    const limited = await testApi({ requestsPerSecond: 3 });
    const statuses: number[] = [];
    for (let count = 0; count < 5; count += 1) {
      statuses.push((await limited.ask('GET', '/nodes', { token: `guess-${count}` })).status);
    }
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
    expect((await limited.ask('GET', '/nodes')).status).toBe(200);
    await limited.app.close();
  });
});
