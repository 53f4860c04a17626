import { describe, expect, test } from '@jest/globals';
import {
  formatAssignment,
  formatPreparation,
  parseAssignment,
  parsePreparation,
  type ExecutorAssignment,
  type ExecutorPreparation,
} from '../src/index.ts';

const preparation: ExecutorPreparation = {
  executorId: 'e'.repeat(32),
  managerUrl: 'shm://1',
  managerSecret: 'c'.repeat(32),
  threads: 1,
  slots: 8,
  inputBytes: 4096,
  outputBytes: 4096,
  rehearses: true,
  logLevel: 'info',
};

const assignment: ExecutorAssignment = {
  allocationId: 'a'.repeat(32),
  secret: 'b'.repeat(32),
  clientUrl: 'shm://2',
  cpus: [0, 3],
  threads: 2,
  hotTimeoutMs: -1,
  slots: 8,
  inputBytes: 4096,
  outputBytes: 4096,
  packageKind: 'native',
  packageName: 'options',
  sha256: 'd'.repeat(64),
  packageBytes: 1000,
  pinThreads: true,
  peerTimeoutMs: 15_000,
};

describe('executor assignment', () => {
  test('travels as one line', () => {
    const line = formatAssignment(assignment);
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(parseAssignment(line)).toEqual(assignment);
  });

  test.each([
    ['no JSON', 'nonsense'],
    ['an unknown key', JSON.stringify({ ...assignment, extra: 1 })],
    ['a short secret', JSON.stringify({ ...assignment, secret: 'b' })],
    ['slots that are no power of two', JSON.stringify({ ...assignment, slots: 6 })],
    ['no thread', JSON.stringify({ ...assignment, threads: 0 })],
  ])('%s is refused', (_what, line) => {
    expect(() => parseAssignment(line)).toThrow(expect.objectContaining({ code: 'RFAAS_ERR_PROTOCOL' }));
  });
});

describe('executor preparation', () => {
  test('travels as one line', () => {
    const line = formatPreparation(preparation);
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(parsePreparation(line)).toEqual(preparation);
  });

  test.each([
    ['no JSON', 'nonsense'],
    ['an assignment', formatAssignment(assignment)],
    ['no thread', JSON.stringify({ ...preparation, threads: 0 })],
  ])('%s is refused', (_what, line) => {
    expect(() => parsePreparation(line)).toThrow(expect.objectContaining({ code: 'RFAAS_ERR_PROTOCOL' }));
  });
});
