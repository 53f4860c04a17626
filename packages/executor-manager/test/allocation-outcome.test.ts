import { describe, expect, test } from '@jest/globals';
import { allocationOutcome, stopReasonOf } from '../src/allocation-outcome.ts';
import type { AllocationFacts, EndCause } from '../src/allocation-outcome.ts';

const facts: AllocationFacts = {
  allocationId: 'aa'.repeat(16),
  cause: undefined,
  exit: { code: 0, signal: null },
  failure: undefined,
  ready: true,
  startTimeoutMs: 10_000,
  lastOutput: '',
};

describe('an executor that ended by itself', () => {
  test.each([
    ['SIGSEGV', 'memory that is not there'],
    ['SIGABRT', 'called abort'],
    ['SIGFPE', 'divided by zero'],
    ['SIGKILL', 'killed from outside'],
    ['SIGUSR1', 'ended by SIGUSR1'],
  ] as const)('has crashed with %s', (signal, text) => {
    const outcome = allocationOutcome({ ...facts, exit: { code: null, signal } });
    expect(outcome).toMatchObject({ reason: 'crashed', signal, exitCode: -1 });
    expect(outcome.text).toContain(text);
  });

  test('has exited with a code, and what it wrote is told', () => {
    const outcome = allocationOutcome({ ...facts, exit: { code: 3, signal: null }, lastOutput: 'bad luck' });
    expect(outcome).toMatchObject({ reason: 'exited', exitCode: 3, signal: '' });
    expect(outcome.text).toBe('the executor exited with code 3; it wrote: bad luck');
  });

  test('and said why is believed', () => {
    const outcome = allocationOutcome({ ...facts, failure: 'thread 0: no', exit: { code: 1, signal: null } });
    expect(outcome).toMatchObject({ reason: 'exited', text: 'thread 0: no' });
  });

  test('before it was ready has not started', () => {
    const exit = { code: 1, signal: null };
    expect(allocationOutcome({ ...facts, ready: false, exit }).reason).toBe('start-failed');
    expect(allocationOutcome({ ...facts, ready: false, exit, failure: 'no client' })).toMatchObject({
      reason: 'start-failed',
      text: 'no client',
    });
  });

  test('or never began, with what the system said', () => {
    const exit = { code: null, signal: null, error: 'spawn EAGAIN' };
    expect(allocationOutcome({ ...facts, ready: false, exit })).toMatchObject({
      reason: 'start-failed',
      text: 'the executor process could not be started: spawn EAGAIN',
    });
  });
});

describe('an executor that was ended', () => {
  test.each<[EndCause, string]>([
    ['deallocated', 'deallocated'],
    ['lease-ended', 'lease-expired'],
    ['lease-expired', 'lease-expired'],
    ['client-gone', 'client-gone'],
    ['manager-stopping', 'manager-stopping'],
    ['start-timeout', 'start-failed'],
  ])('for %s is told so, even if it had to be killed', (cause, reason) => {
    const outcome = allocationOutcome({ ...facts, cause, exit: { code: null, signal: 'SIGKILL' } });
    expect(outcome).toMatchObject({ reason, signal: 'SIGKILL' });
  });
});

test('every cause has a reason that executors know', () => {
  const causes: EndCause[] = [
    'deallocated',
    'lease-ended',
    'lease-expired',
    'client-gone',
    'manager-stopping',
  ];
  expect(causes.map(stopReasonOf)).toEqual([
    'deallocated',
    'lease-ended',
    'lease-ended',
    'client-gone',
    'manager-stopping',
  ]);
});
