import { afterEach, expect, jest, test } from '@jest/globals';
import { RfaasError } from '@rfaas/core';
import type { CompleteLeaseOptions, LeaseListener } from '../src/lease-provider.ts';
import { ManagerLink } from '../src/manager-link.ts';
import { ResourceManagerProvider } from '../src/resource-manager-provider.ts';

const options: CompleteLeaseOptions = {
  nodes: 0,
  cores: 1,
  memoryMiB: 64,
  gpus: 0,
  atLeast: 0,
  durationMs: 1000,
  renew: false,
  onPosition: undefined,
  queueMs: 0,
  node: '',
  labels: '',
  within: '',
  timeoutMs: 500,
  signal: undefined,
};
const listener: LeaseListener = {
  leaseWarning: () => undefined,
  leaseChanged: () => undefined,
  leaseLost: () => undefined,
};
const ended = (leaseId: string): Error =>
  new RfaasError('RFAAS_ERR_LEASE_TERMINATED', `lease ${leaseId} has ended; ask for a new one`);

afterEach(() => void jest.restoreAllMocks());

/** A provider whose link answers as it is told; the ids of the leases that it asked for. */
async function provider(
  answer: (leaseId: string, asked: number) => Promise<unknown>,
): Promise<{ readonly provider: ResourceManagerProvider; readonly asked: string[] }> {
  const asked: string[] = [];
  const request = async (
    { leaseId }: { readonly leaseId: string },
    _answer: string,
    { timeoutMs }: { readonly timeoutMs: number },
  ): Promise<unknown> => {
    // A timer of Node.js takes whole milliseconds.
    expect(Number.isInteger(timeoutMs)).toBe(true);
    asked.push(leaseId);
    return answer(leaseId, asked.length);
  };
  jest.spyOn(ManagerLink, 'connect').mockResolvedValue({ request } as unknown as ManagerLink);
  const link = { urls: ['shm://1'], tenant: 'tester', credential: new Uint8Array(32) };
  return {
    provider: await ResourceManagerProvider.connect({ ...link, timeoutMs: 500, peerTimeoutMs: 500 }),
    asked,
  };
}

test('a lease that was over before anybody heard of it is asked for anew, under another id', async () => {
  const { provider: manager, asked } = await provider(async (leaseId, count) => {
    if (count === 1) throw ended(leaseId);
    const message = { leaseId, generation: 1, expiry: Date.now() + 1000, shares: 0 };
    return Promise.resolve({ message, connection: undefined });
  });
  const { lease } = await manager.grant(options, listener);
  expect(asked).toHaveLength(2);
  expect(lease.leaseId).toBe(asked[1]);
  expect(asked[0]).not.toBe(asked[1]);
});

test('that goes on no longer than a grant may take', async () => {
  const { provider: manager } = await provider(async (leaseId) => {
    await new Promise((resolve) => setImmediate(resolve));
    throw ended(leaseId);
  });
  const began = performance.now();
  await expect(manager.grant(options, listener)).rejects.toMatchObject({
    code: 'RFAAS_ERR_LEASE_TERMINATED',
  });
  expect(performance.now() - began).toBeGreaterThanOrEqual(500);
});
