import { describe, expect, test } from '@jest/globals';
import { checkAccess } from '../../src/http/access-check.ts';

const token = 'a-token-of-the-server';
const good = { authorization: `Bearer ${token}`, host: '127.0.0.1:5000' };
const check =
  (headers: object): (() => void) =>
  () =>
    checkAccess({ ...good, ...headers }, token, ['login-1']);

describe('access to HTTP', () => {
  test.each([
    [{}],
    [{ host: 'localhost' }],
    [{ host: '[::1]:5000' }],
    [{ host: '10.1.2.3:1' }],
    [{ host: 'login-1:5000' }],
    [{ origin: 'http://127.0.0.1:5000' }],
    [{ authorization: `bearer  ${token}` }],
  ])('is granted with %j', (headers) => {
    expect(check(headers)).not.toThrow();
  });

  test.each([
    [{ authorization: undefined }, 'no token'],
    [{ authorization: token }, 'no token'],
    [{ authorization: 'Bearer wrong' }, 'wrong token'],
    [{ authorization: `Bearer ${token}x` }, 'wrong token'],
    [{ host: 'evil.example:5000' }, 'is not this server'],
    [{ host: undefined }, 'is not this server'],
    [{ host: 'a b' }, 'is not this server'],
    [{ origin: 'http://evil.example' }, 'are not answered'],
    [{ origin: 'https://127.0.0.1:5000' }, 'are not answered'],
    [{ origin: 'null' }, 'are not answered'],
  ])('is refused with %j', (headers, text) => {
    expect(check(headers)).toThrow(expect.objectContaining({ code: 'RFAAS_ERR_UNAUTHORISED' }));
    expect(check(headers)).toThrow(text);
  });

  test('a refusal does not tell the token', () => {
    expect(check({ authorization: 'Bearer x' })).toThrow(/^(?!.*a-token-of-the-server)/);
  });
});
