import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import {
  createProgram,
  exitCodeOf,
  formatFailure,
  integerOption,
  parseOptions,
  readyLine,
  RfaasError,
  runProgram,
} from '../../src/index.ts';

function program(): ReturnType<typeof createProgram> {
  return createProgram({
    name: 'rfaas-test',
    description: 'Tests.',
    version: '1.2.3',
    examples: [['rfaas-test --cores 2', 'uses two cores']],
  }).option('--cores <count>', 'cores', '1');
}

describe('a program', () => {
  test('runs its action with its options', async () => {
    const seen: unknown[] = [];
    await runProgram(
      program().action((options: unknown) => void seen.push(options)),
      ['--cores', '4'],
    );
    expect(seen).toEqual([{ cores: '4' }]);
  });

  test('prints help with examples, and nothing fails', async () => {
    const written: string[] = [];
    const command = program().configureOutput({ writeOut: (text) => void written.push(text) });
    await runProgram(command, ['--help']);
    expect(written.join('')).toContain('$ rfaas-test --cores 2\n      uses two cores');
  });

  test.each([
    [['--croes', '4'], /unknown option '--croes'.*see "rfaas-test --help"/s],
    [['--cores'], /argument missing/],
  ])('refuses %j with a usage error', async (argv, text) => {
    const failure = runProgram(
      program().action(() => undefined),
      argv,
    );
    await expect(failure).rejects.toMatchObject({
      code: 'RFAAS_ERR_USAGE',
      message: expect.stringMatching(text),
    });
  });

  test('errors of its action come through', async () => {
    const failure = runProgram(
      program().action(() => {
        throw new RfaasError('RFAAS_ERR_BUSY', 'busy');
      }),
      [],
    );
    await expect(failure).rejects.toMatchObject({ code: 'RFAAS_ERR_BUSY' });
  });
});

describe('parseOptions', () => {
  const schema = z.object({ cores: integerOption(1, 64), hotTimeout: integerOption(-1).optional() });

  test('turns text into numbers', () => {
    expect(parseOptions(schema, { cores: '3', hotTimeout: '-1' })).toEqual({ cores: 3, hotTimeout: -1 });
  });

  test.each([
    [{ cores: 'many' }, '--cores: expected an integer'],
    [{ cores: '0' }, '--cores: '],
    [{ cores: '1', hotTimeout: '-2' }, '--hot-timeout: '],
  ])('%j is a usage error that names the option', (values, text) => {
    expect(() => parseOptions(schema, values)).toThrow(expect.objectContaining({ code: 'RFAAS_ERR_USAGE' }));
    expect(() => parseOptions(schema, values)).toThrow(text);
  });
});

describe('what a process says', () => {
  test('usage and configuration errors exit with 2, others with 1', () => {
    expect(exitCodeOf(new RfaasError('RFAAS_ERR_USAGE', ''))).toBe(2);
    expect(exitCodeOf(new RfaasError('RFAAS_ERR_CONFIGURATION', ''))).toBe(2);
    expect(exitCodeOf(new RfaasError('RFAAS_ERR_NO_CAPACITY', ''))).toBe(1);
    expect(exitCodeOf(new TypeError('bug'))).toBe(1);
  });

  test('a failure is one line with its code', () => {
    expect(formatFailure(new RfaasError('RFAAS_ERR_BUSY', 'no room'))).toBe(
      'error: no room [RFAAS_ERR_BUSY]',
    );
    expect(formatFailure('thrown text')).toBe('error: thrown text');
  });

  test('the ready line is JSON', () => {
    expect(JSON.parse(readyLine({ program: 'p', url: 'shm://1', node: 'n' }))).toEqual({
      ready: true,
      program: 'p',
      url: 'shm://1',
      node: 'n',
      pid: process.pid,
    });
  });
});
