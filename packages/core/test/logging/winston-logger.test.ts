import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { createLogger, errorFields, RfaasError, silentLogger, type LogFormat } from '../../src/index.ts';

function capture(
  format: LogFormat,
  level: 'info' | 'debug' = 'info',
): { lines(): string[]; stream: PassThrough } {
  const stream = new PassThrough();
  const logger = createLogger({ format, level, stream, fields: { program: 'test' } });
  const child = logger.child({ component: 'leases' });
  child.debug('not at this level');
  child.info('lease granted', {
    cores: 2,
    incarnation: 5n,
    token: 'SECRET',
    leaseKey: 'SECRET',
    keyFile: '/k',
  });
  child.error(
    'lease lost',
    errorFields(new RfaasError('RFAAS_ERR_BUSY', 'busy', { cause: new Error('below') })),
  );
  return {
    stream,
    lines: () =>
      String(stream.read() ?? '')
        .trimEnd()
        .split('\n'),
  };
}

describe('createLogger', () => {
  test('writes one JSON object a line, without secrets', () => {
    const [granted, lost] = capture('json')
      .lines()
      .map((line) => JSON.parse(line) as unknown);
    expect(granted).toEqual({
      time: expect.any(String),
      level: 'info',
      message: 'lease granted',
      program: 'test',
      component: 'leases',
      cores: 2,
      incarnation: '5',
      token: '[hidden]',
      leaseKey: '[hidden]',
      keyFile: '/k',
    });
    expect(lost).toMatchObject({ level: 'error', error: 'busy', code: 'RFAAS_ERR_BUSY', cause: 'below' });
  });

  test.each(['json', 'pretty'] as const)('writes no keys that stand in URLs, %s', (format) => {
    const stream = new PassThrough();
    const url = 'libfabric+cxi://nid1:5?auth_key=0badcafe&domain=cxi0';
    const error = new Error(`cannot connect to "libfabric+gni://nid2:7?cookie=4711"`);
    createLogger({ format, stream }).warn('away', { url, all: [url], ...errorFields(error) });
    const line = String(stream.read());
    expect(line).not.toMatch(/0badcafe|4711/);
    expect(line).toMatch(/auth_key=\[hidden\]&domain=cxi0/);
  });

  test('writes lines for people', () => {
    expect(capture('pretty').lines()[0]).toMatch(
      /^[\d:.]{12} info {2}lease granted component="leases" program="test" cores=2/,
    );
  });

  test('keeps to its level', () => {
    expect(capture('json').lines()).toHaveLength(2);
    expect(capture('json', 'debug').lines()).toHaveLength(3);
  });

  test('the silent logger says nothing', () => {
    expect(silentLogger.child({}).error('x')).toBeUndefined();
  });
});
