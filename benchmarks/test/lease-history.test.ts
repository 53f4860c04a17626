import { expect, test } from '@jest/globals';
import { LeaseHistory } from '../src/failover/lease-history.ts';

function history(): LeaseHistory {
  return new LeaseHistory(new Map([['n', 2]]));
}

function lease(leaseId: string, cores = 1, expiry = 1000): Parameters<LeaseHistory['granted']>[0] {
  return { leaseId, cores: new Map([['n', cores]]), generation: 1, expiry };
}

test('leases one after the other, and as many at once as there are cores, contradict nothing', () => {
  const played = history();
  played.granted(lease('a'), 0);
  played.granted(lease('b'), 10);
  played.releasing('a', 20);
  played.granted(lease('c'), 20);
  played.renewed('c', 2, 2000);
  played.granted(lease('d'), 1000);
  played.refused('b', 'renewal', new Error('over'), 1000);
  expect(played.check()).toEqual([]);
});

test('more cores than there are, is a core that was given away twice', () => {
  const played = history();
  played.granted(lease('a', 2), 0);
  played.granted(lease('b', 1, 4000), 999);
  expect(played.check()).toEqual([expect.stringMatching(/lease b clients have 3 cores of n, which has 2/)]);
});

test('a lease that was released counts no more, one that was renewed counts longer', () => {
  const played = history();
  played.granted(lease('a', 2), 0);
  played.renewed('a', 2, 3000);
  played.granted(lease('b', 1, 4000), 2000);
  expect(played.check()).toHaveLength(1);
});

test('a lease that is not known before its end was lost, as was a renewal whose number comes again', () => {
  const played = history();
  played.granted(lease('a'), 0);
  played.refused('a', 'renewal', new Error('unknown'), 900);
  played.granted(lease('b'), 0);
  played.renewed('b', 2, 1500);
  played.renewed('b', 2, 1400);
  expect(played.check()).toEqual([
    expect.stringMatching(/a was lost 100 ms before its end: renewal/),
    expect.stringMatching(/b .* a renewal was lost/),
    expect.stringMatching(/b .* ends 100 ms earlier/),
  ]);
});
