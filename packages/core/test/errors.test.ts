import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import {
  refusalCode,
  refusalError,
  refusalNumber,
  refusalOf,
  RfaasError,
  rfaasErrors,
  type RfaasErrorCode,
} from '../src/index.ts';

const codes = Object.keys(rfaasErrors) as RfaasErrorCode[];
const documentation = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');

describe('RfaasError', () => {
  test('carries code, details, cause and HTTP status', () => {
    const cause = new Error('below');
    const error = new RfaasError('RFAAS_ERR_NODE_EXISTS', 'node a is there', {
      cause,
      details: { node: 'a' },
    });
    expect(error).toMatchObject({
      name: 'RfaasError',
      code: 'RFAAS_ERR_NODE_EXISTS',
      details: { node: 'a' },
      cause,
    });
    expect(error.httpStatus).toBe(409);
    expect(error).toBeInstanceOf(Error);
  });

  test('is recognised across two copies of the package', () => {
    const foreign = Object.assign(new Error('x'), { [Symbol.for('@rfaas/core.RfaasError')]: true });
    expect(foreign).toBeInstanceOf(RfaasError);
    expect(new Error('x')).not.toBeInstanceOf(RfaasError);
    expect(null).not.toBeInstanceOf(RfaasError);
  });
});

describe('refusals', () => {
  test('every code has a number of its own and comes back from it', () => {
    expect(new Set(codes.map(refusalNumber)).size).toBe(codes.length);
    expect(codes.map((code) => refusalCode(refusalNumber(code)))).toEqual(codes);
  });

  test('a number from a later version is an internal error', () => {
    expect(refusalCode(60_000)).toBe('RFAAS_ERR_INTERNAL');
  });

  test('an error arrives as the same error', () => {
    const sent = new RfaasError('RFAAS_ERR_NO_CAPACITY', 'no node has 9 cores');
    expect(refusalError(refusalOf(sent))).toMatchObject({ code: sent.code, message: sent.message });
    expect(refusalOf(new TypeError('bug'))).toEqual({ code: 29, text: 'bug' });
  });
});

describe('docs/errors.md', () => {
  const rows = [...documentation.matchAll(/^\| `(RFAAS_ERR_\w+)` +\| (\d+) +\| (\d+) +\|/gm)];

  test('describes every code, with its number and HTTP status, and none that is not there', () => {
    const documented = rows.map(([, code, wire, status]) => [code, Number(wire), Number(status)]);
    expect(documented).toEqual(
      codes.map((code) => [code, rfaasErrors[code].wire, rfaasErrors[code].httpStatus]),
    );
  });

  test('mentions no other code', () => {
    const mentioned = new Set([...documentation.matchAll(/RFAAS_ERR_[A-Z]\w*/g)].map(([code]) => code));
    expect([...mentioned].filter((code) => !(code in rfaasErrors))).toEqual([]);
  });
});
