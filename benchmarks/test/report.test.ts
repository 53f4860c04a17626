import { describe, expect, test } from '@jest/globals';
import { samplesFor } from '../src/benchmarks/payloads.ts';
import { relate, type Measurement } from '../src/measure/report.ts';

function row(name: string, p50: number, more: Partial<Measurement> = {}): Measurement {
  return { name, clock: 10, count: 100, p50, p90: p50, p99: p50, p999: p50, max: p50, ...more };
}

describe('a row is related', () => {
  const session = [
    row('cache-line', 110),
    row('transport, C, 64 B', 210, { bytes: 64 }),
    row('transport, C, 4 KiB', 410, { bytes: 4096 }),
  ];
  const related = (one: Measurement): Measurement => relate([...session, one]).at(-1) as Measurement;

  test('to the floor and to the transport of its session, with as many bytes if there is one', () => {
    expect(related(row('hot', 410, { bytes: 4096 }))).toMatchObject({ timesCacheLine: 4, timesTransport: 1 });
    expect(related(row('hot', 410, { bytes: 512 }))).toMatchObject({ timesCacheLine: 4, timesTransport: 2 });
  });

  test('to what was measured right beside it, where there is that', () => {
    const beside = { cacheLine: 200, transport: 100, timesTransport: 4 };
    expect(related(row('hot', 410, beside))).toMatchObject({ timesCacheLine: 2, timesTransport: 4 });
  });
});

test('large payloads are sampled less often, and small numbers of samples are kept', () => {
  expect([1, 2048, 4096, 1_048_576].map((bytes) => samplesFor(bytes, 100_000))).toEqual([
    100_000, 100_000, 50_000, 195,
  ]);
  expect(samplesFor(64 * 1_048_576, 100_000)).toBe(20);
  expect(samplesFor(64 * 1_048_576, 3)).toBe(3);
});
