import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { isLoopback } from '@rfaas/core/http';
import { provideHttpToken } from '../../src/http/http-token.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rfaas-token-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const base = { address: '127.0.0.1', file: undefined, insecure: false };

describe('the token of HTTP', () => {
  test('is made at the first start, in a file for its owner only, and kept', () => {
    const env = { RFAAS_HOME: folder };
    const first = provideHttpToken({ ...base, env });
    expect(first.file).toBe(join(folder, 'http.token'));
    expect(first.token).toMatch(/^[0-9a-f]{64}$/);
    expect(statSync(first.file ?? '').mode & 0o777).toBe(0o600);
    expect(provideHttpToken({ ...base, env })).toEqual(first);
  });

  test('comes from a named file, which may be made, or from the environment', () => {
    const file = join(folder, 'here', 'token');
    const made = provideHttpToken({ ...base, file, env: {} });
    expect(readFileSync(file, 'utf8').trim()).toBe(made.token);
    const env = { RFAAS_HTTP_TOKEN: 'long-enough-to-be-one' };
    expect(provideHttpToken({ ...base, file, env })).toEqual({
      token: 'long-enough-to-be-one',
      file: undefined,
    });
  });

  test.each(['0.0.0.0', '10.0.0.1', '::', 'login-1'])('%s needs a token that was named', (address) => {
    const start =
      (more: object): (() => unknown) =>
      () =>
        provideHttpToken({ ...base, address, env: {}, ...more });
    expect(start({})).toThrow(expect.objectContaining({ code: 'RFAAS_ERR_CONFIGURATION' }));
    expect(start({})).toThrow(/set "http_token_file".*or waive protection with --insecure/);
    expect(start({ file: join(folder, 'token') })).not.toThrow();
    expect(start({ insecure: true })()).toEqual({ token: undefined, file: undefined });
  });

  test.each(['short', 'has white space in it'])('%j is no token', (text) => {
    const file = join(folder, 'token');
    writeFileSync(file, text, { mode: 0o600 });
    expect(() => provideHttpToken({ ...base, file, env: {} })).toThrow('must have at least 16 characters');
  });

  test('loopback is told from the rest', () => {
    expect(['127.0.0.1', '127.1.2.3', '::1', 'localhost'].every(isLoopback)).toBe(true);
    expect(['0.0.0.0', '128.0.0.1', '::', '127.evil.example', ''].some(isLoopback)).toBe(false);
  });
});
