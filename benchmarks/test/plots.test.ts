import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { barChart } from '../src/plots/bar-chart.ts';
import { writeChart } from '../src/plots/chart.ts';
import { lineChart } from '../src/plots/line-chart.ts';
import { formatQuantity } from '../src/plots/units.ts';

const latency = {
  title: 'Latency <against> size',
  subtitle: 'one machine',
  x: { name: 'payload', unit: 'bytes', log: true },
  y: { name: 'round trip', unit: 'nanoseconds', log: true },
  lines: [
    { name: 'raw & bare', points: [[64, 210] as const, [4096, 800] as const] },
    { name: 'ideal', points: [[64, 110] as const, [4096, 400] as const], dashed: true },
  ],
} as const;

describe('charts', () => {
  test('a line chart is one SVG document with every text in it, escaped', () => {
    const svg = lineChart(latency);
    expect(svg.startsWith('<svg ')).toBe(true);
    expect(svg.trimEnd().endsWith('</svg>')).toBe(true);
    for (const text of [
      'Latency &lt;against&gt; size',
      'one machine',
      'raw &amp; bare',
      'ideal',
      '4 KiB',
      '1 µs',
    ]) {
      expect(svg).toContain(text);
    }
  });

  test('attributes are well-formed: no quote ends one early', () => {
    const tags = lineChart(latency).match(/<[a-z][^>]*>/g) ?? [];
    expect(tags.length).toBeGreaterThan(10);
    for (const tag of tags) {
      expect(tag).toMatch(/^<[a-zA-Z]+(?:\s+[\w:-]+="[^"]*")*\s*\/?>$/);
    }
  });

  test('the same data give the same bytes', () => {
    expect(lineChart(latency)).toBe(lineChart(latency));
  });

  test('bars carry their values, and a missing one none', () => {
    const svg = barChart({
      title: 'Peers',
      categories: ['rFaaS', 'gRPC'],
      horizontal: true,
      value: { name: 'p50', unit: 'nanoseconds', log: true },
      series: [{ name: '64 B', values: [320, undefined] }],
    });
    expect(svg).toContain('320 ns');
    expect(svg).toContain('gRPC');
    expect(svg).not.toContain('NaN');
  });

  test('a chart is written into a folder that is made for it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'rfaas-plots-'));
    try {
      const path = join(folder, 'deep', 'chart.svg');
      writeChart(path, lineChart(latency));
      expect(readFileSync(path, 'utf8').endsWith('</svg>\n')).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test.each([
  [64, 'bytes', '64 B'],
  [1_048_576, 'bytes', '1 MiB'],
  [323.4, 'nanoseconds', '323 ns'],
  [22_600, 'nanoseconds', '22.6 µs'],
  [3_100_000, 'per-second', '3.1 M/s'],
  [12e9, 'bytes-per-second', '12 GB/s'],
  [1.8, 'ratio', '1.8 ×'],
] as const)('%d %s is written as %s', (value, unit, text) => {
  expect(formatQuantity(value, unit)).toBe(text);
});
