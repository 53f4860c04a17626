import { describe, expect, test } from '@jest/globals';
import type { LeaseAnswer, NodeAnswer, StatsAnswer } from '../../src/cli/manager-answers.ts';
import { ratesBetween, topLines } from '../../src/cli/top-view.ts';

const stats: StatsAnswer = {
  time: '2026-01-02T03:04:05.000Z',
  uptimeSeconds: 100,
  nodes: { all: 30, connected: 28, draining: 1, lost: 1 },
  cores: { all: 120, free: 30 },
  memoryMiB: { all: 4096, free: 1024 },
  leases: { running: 40, ending: 2 },
  queued: 3,
  usage: { invocations: 1000, coreSeconds: 50 },
  totals: { granted: 10, refused: 1, renewed: 0, ended: 0 },
  grantLatency: { count: 10, p50: 0.00012, p99: 0.002 },
};

const nodes = Array.from({ length: 30 }, (_, index): NodeAnswer => ({
  name: `node-${index}`,
  url: 'shm://1',
  state: 'connected',
  drain: index === 3 ? 'draining' : 'no',
  cores: 4,
  freeCores: index % 5,
  memoryMiB: 1024,
  freeMemoryMiB: 512,
  leases: 1,
}));

const leases = Array.from({ length: 40 }, (_, index): LeaseAnswer => ({
  id: String(index).padStart(32, '0'),
  tenant: 'alice',
  state: 'running',
  shares: [{ node: 'node-1', cores: 1 }],
  cores: 1,
  memoryMiB: 10,
  expiry: new Date(Date.parse(stats.time) + (40 - index) * 60_000).toISOString(),
  usage: { allocations: 1, invocations: 1, coreSeconds: 1, hotPollingSeconds: 0, executionSeconds: 0 },
}));

describe('the live view', () => {
  test.each([
    [80, 24],
    [200, 60],
    [40, 10],
  ])('fits into %d columns and %d rows', (columns, rows) => {
    const lines = topLines({ stats, nodes, leases }, undefined, { columns, rows });
    expect(lines.length).toBeLessThanOrEqual(rows);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
  });

  test('shows what there is in the head, the busiest nodes and what expires first', () => {
    const text = topLines({ stats, nodes, leases }, undefined, { columns: 200, rows: 30 }).join('\n');
    expect(text).toContain('30 nodes (28 connected, 1 draining, 1 lost)  40 leases + 2 ending  3 queued');
    expect(text).toContain('90 of 120 leased');
    expect(text).toContain('p50 120 µs  p99 2 ms');
    expect(text).toMatch(/node-0 +connected +\[#{20}\] +4\/4/);
    expect(text).toMatch(new RegExp(`${'0'.repeat(12)} +alice +node-1 +1 +1m `));
    expect(text).not.toMatch(/node-4 /);
  });
});

describe('rates', () => {
  test('are differences over time', () => {
    const later = {
      ...stats,
      uptimeSeconds: 104,
      totals: { ...stats.totals, granted: 30 },
      usage: { invocations: 9000, coreSeconds: 50 },
    };
    expect(ratesBetween(stats, later)).toEqual({ granted: 5, refused: 0, invocations: 2000 });
  });

  test('need two looks at the same process', () => {
    expect(ratesBetween(undefined, stats)).toBeUndefined();
    expect(ratesBetween(stats, { ...stats, uptimeSeconds: 1 })).toBeUndefined();
  });
});
