import { describe, expect, test } from '@jest/globals';
import type { TenantLimits } from '../../../src/cluster/cluster-view.ts';
import { TenantQuotas, type QuotaClaim } from '../../../src/cluster/tenants/tenant-quotas.ts';

function claim(cores: number, more: Partial<QuotaClaim> = {}): QuotaClaim {
  return { cores, memoryMiB: 100, from: 0, expiry: 10_000, ...more };
}

/** Quotas of tenant `t`, with the leases that it has. */
function quotas(limits: TenantLimits, ...claims: readonly QuotaClaim[]): TenantQuotas {
  const made = new TenantQuotas();
  made.setLimits('t', limits);
  claims.forEach((each, i) => {
    made.open('t', `lease-${i}`, each);
  });
  return made;
}

describe('a limit', () => {
  test.each([
    ['cores', { cores: 4 }, claim(3), claim(1), claim(2)],
    ['memoryMiB', { memoryMiB: 300 }, claim(1), claim(1, { memoryMiB: 200 }), claim(1, { memoryMiB: 201 })],
    ['coreSeconds', { coreSeconds: 50 }, claim(3), claim(2), claim(2, { expiry: 10_001 })],
  ] as const)('on %s is met exactly', (limit, limits, held, fits, tooMuch) => {
    const account = quotas(limits, held);
    expect(account.check('t', fits)).toEqual({ ok: true });
    expect(account.check('t', tooMuch)).toMatchObject({ ok: false, limit });
    expect(account.check('other', tooMuch)).toEqual({ ok: true });
  });

  test('on leases counts those that run', () => {
    const account = quotas({ leases: 1 });
    expect(account.check('t', claim(100))).toEqual({ ok: true });
    account.open('t', 'a', claim(1));
    expect(account.check('t', claim(1))).toMatchObject({ limit: 'leases', isPassing: true });
    account.close('t', 'a', 5);
    expect(account.check('t', claim(1))).toEqual({ ok: true });
  });

  test('says what can come true by waiting', () => {
    const account = quotas({ cores: 4, coreSeconds: 40 }, claim(4));
    expect(account.check('t', claim(4))).toMatchObject({ limit: 'cores', isPassing: true });
    expect(account.check('t', claim(5))).toEqual({
      ok: false,
      limit: 'cores',
      isPassing: false,
      text: 'tenant "t" may have 4 cores, has 4 and asks for 5; ask for less, or have the limit raised',
    });
    account.close('t', 'lease-0', 10_000);
    expect(account.check('t', claim(1))).toMatchObject({ limit: 'coreSeconds', isPassing: false });
  });

  test('of the default kind holds for everybody without limits of their own', () => {
    const account = new TenantQuotas({ cores: 1 });
    expect(account.check('t', claim(2)).ok).toBe(false);
    account.setLimits('t', {});
    expect(account.check('t', claim(2)).ok).toBe(true);
    account.setLimits('t', undefined);
    expect(account.limits('t')).toEqual({ cores: 1 });
    expect(account.tenants()).toEqual([]);
  });

  test('that is set later leaves the leases alone that run', () => {
    const account = quotas({}, claim(8));
    account.setLimits('t', { cores: 4 });
    expect(account.check('t', claim(1))).toMatchObject({ limit: 'cores' });
    expect(account.checkRenewal('t', 'lease-0', 20_000)).toEqual({ ok: true });
  });
});

describe('core-seconds', () => {
  test('are set aside until the expiry and given back at an earlier end', () => {
    const account = quotas({ coreSeconds: 40 }, claim(4));
    expect(account.status('t')).toMatchObject({ spentCoreSeconds: 0, reservedCoreSeconds: 40 });
    account.close('t', 'lease-0', 2500);
    expect(account.status('t')).toMatchObject({ spentCoreSeconds: 10, reservedCoreSeconds: 0, cores: 0 });
    expect(account.check('t', claim(3))).toEqual({ ok: true });
  });

  test('are asked for again by a renewal', () => {
    const account = quotas({ coreSeconds: 50 }, claim(4));
    expect(account.checkRenewal('t', 'lease-0', 12_500)).toEqual({ ok: true });
    expect(account.checkRenewal('t', 'lease-0', 12_501)).toMatchObject({ limit: 'coreSeconds' });
    account.renew('t', 'lease-0', 12_500);
    expect(account.status('t').reservedCoreSeconds).toBe(50);
    expect(account.checkRenewal('t', 'lease-0', 5000)).toEqual({ ok: true });
  });

  test('do not become less by a clock that goes back', () => {
    const account = quotas({}, claim(4, { from: 5000 }));
    account.close('t', 'lease-0', 1000);
    expect(account.status('t').spentCoreSeconds).toBe(0);
  });

  test('of leases from earlier count too', () => {
    const account = quotas({ coreSeconds: 50 });
    account.addSpent('t', 45);
    expect(account.check('t', claim(1)).ok).toBe(false);
    expect(account.tenants()).toEqual(['t']);
  });
});

test('a lease is counted once, and only the one that there is can be renewed or closed', () => {
  const account = quotas({}, claim(1));
  expect(() => {
    account.open('t', 'lease-0', claim(1));
  }).toThrow('lease lease-0 of "t" is counted already');
  expect(() => {
    account.close('other', 'lease-0', 0);
  }).toThrow('no lease lease-0 of "other" is counted');
  expect(() => {
    account.renew('t', 'lease-9', 0);
  }).toThrow(RangeError);
});
