import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { RfaasError } from '@rfaas/core';
import type { GrantedLease, LeaseProvider } from '../src/lease-provider.ts';
import { Lease } from '../src/lease.ts';

beforeEach(() => void jest.useFakeTimers({ now: 1_000_000 }));
afterEach(() => void jest.useRealTimers());

const granted = (generation: number, expiry: number): GrantedLease => ({
  leaseId: 'lease',
  generation,
  expiry,
  shares: [],
});

/** A manager that keeps the later end, as managers do, and whose first answer to a renewal is lost. */
class ForgetfulManager {
  #expiry = 1_003_000;
  #generation = 1;

  first(): GrantedLease {
    return granted(this.#generation, this.#expiry);
  }

  async renew(_lease: GrantedLease, durationMs: number): Promise<GrantedLease> {
    this.#generation += 1;
    this.#expiry = Math.max(this.#expiry, Date.now() + durationMs);
    if (this.#generation === 2) throw new RfaasError('RFAAS_ERR_MANAGER_LOST', 'the answer was lost');
    return Promise.resolve(granted(this.#generation, this.#expiry));
  }
}

test('a renewal for a shorter time keeps what one has got whose answer was lost', async () => {
  const manager = new ForgetfulManager();
  const lease = new Lease({
    granted: manager.first(),
    reached: undefined,
    provider: manager as unknown as LeaseProvider,
    listener: { leaseWarning: () => undefined, leaseChanged: () => undefined, leaseLost: () => undefined },
    peerTimeoutMs: 1000,
    loadLoops: () => {
      throw new Error('nothing is invoked');
    },
    durationMs: 3000,
    renew: false,
    onReleased: () => undefined,
  });
  await expect(lease.renew(12_000)).rejects.toMatchObject({ code: 'RFAAS_ERR_MANAGER_LOST' });
  await expect(lease.renew(3000)).resolves.toEqual(new Date(1_012_000));
  jest.advanceTimersByTime(11_000);
  await expect(lease.renew(3000)).resolves.toEqual(new Date(1_014_000));
});
