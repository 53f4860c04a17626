import { expect, test } from '@jest/globals';
import type { Lease } from '@rfaas/core';
import { LeaseBook } from '../src/lease-book.ts';

const hour = 3_600_000;

function lease(leaseId: string, options: Partial<Lease> = {}): Lease {
  return {
    keyId: 0,
    leaseId,
    generation: 1,
    node: 'node',
    incarnation: 0n,
    cores: 1,
    memoryMiB: 1,
    gpus: 0,
    tenant: 'tenant',
    notBefore: 0,
    expiry: hour,
    ...options,
  };
}

test('a lease is admitted again and again', () => {
  const book = new LeaseBook();
  book.admit(lease('a'), 0);
  book.admit(lease('a'), 1);
  expect(book.size).toBe(1);
});

test('an ended lease is not, and the refusal says why it ended', () => {
  const book = new LeaseBook();
  book.admit(lease('a'), 0);
  expect(book.end('a', 'released', 1)).toBe(true);
  expect(() => book.admit(lease('a'), 2)).toThrow(/lease a has ended \(released\)/);
  expect(() => book.admit(lease('a', { generation: 9, expiry: 10 * hour }), 2)).toThrow(/has ended/);
  expect(book.end('a', 'expired', 3)).toBe(false);
});

test('a lease that ended before it was ever seen is not', () => {
  const book = new LeaseBook();
  book.end('a', 'node-removed', 0);
  expect(() => book.admit(lease('a'), 1)).toThrow(/node-removed/);
});

test('a renewal supersedes the token before it', () => {
  const book = new LeaseBook();
  book.admit(lease('a', { generation: 2, expiry: 2 * hour }), 0);
  expect(() => book.admit(lease('a', { generation: 1 }), 1)).toThrow(/generation 2 is in force, not 1/);
  book.admit(lease('a', { generation: 3, expiry: 3 * hour }), 1);
});

test('ended leases are remembered as long as any of their tokens may be valid, then forgotten', () => {
  const book = new LeaseBook();
  book.admit(lease('a'), 0);
  book.end('a', 'released', 1);
  book.admit(lease('b', { expiry: 9 * hour }), 2 * hour);
  expect(() => book.admit(lease('a', { generation: 2, expiry: 5 * hour }), 2 * hour)).toThrow(/has ended/);
  book.admit(lease('c', { expiry: 100 * hour }), 25 * hour);
  expect(book.size).toBe(1);
});
