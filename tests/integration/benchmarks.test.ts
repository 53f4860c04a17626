import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runProgram } from '../support/run-program.ts';

/** Of many rows of a kind some do. */
const ONLY: Readonly<Record<string, readonly string[]>> = {
  invocation: ['--only', 'hot native, invokeSync, mapped;warm JavaScript, invoke, in place'],
};

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rfaas-bench-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ['invocation', 'size-hot-native'],
  ['transport-latency', 'distribution'],
  ['transport-bandwidth', 'bandwidth'],
  ['cold', 'steps'],
  ['pipeline', 'throughput'],
  ['parallel', 'speedup'],
  ['peers', 'peers'],
  ['endless', 'seconds'],
])(
  'the benchmark %s goes through, and leaves a report, a table and its charts',
  async (name, chart) => {
    const output = join(folder, name);
    const program = new URL('../../benchmarks/dist/main.js', import.meta.url).pathname;
    const parameters = [program, name, '--quick', '--json', '--output', output, ...(ONLY[name] ?? [])];
    const {
      code,
      output: text,
      errors,
    } = await runProgram(process.execPath, parameters, { timeoutMs: 170_000 });
    expect({ code, errors: code === 0 ? '' : errors }).toEqual({ code: 0, errors: '' });
    const report = JSON.parse(text) as { measurements: { p50: number; count: number }[] };
    expect(report.measurements.length).toBeGreaterThan(0);
    expect(report.measurements.every(({ p50, count }) => p50 > 0 && count > 0)).toBe(true);
    const endings = readdirSync(output).map((file) => file.replace(/^.*Z[-.]/, ''));
    expect(endings).toEqual(expect.arrayContaining(['json', 'csv', 'latency.svg', `${chart}.svg`]));
  },
  180_000,
);

test('the benchmark heartbeats registers nodes over real connections and says what they cost', async () => {
  const program = new URL('../../benchmarks/dist/main.js', import.meta.url).pathname;
  const parameters = [program, 'heartbeats', '--quick', '--json', '--output', join(folder, 'heartbeats')];
  const { code, output, errors } = await runProgram(process.execPath, parameters, { timeoutMs: 110_000 });
  expect({ code, errors: code === 0 ? '' : errors }).toEqual({ code: 0, errors: '' });
  const { settings, facts } = JSON.parse(output) as {
    settings: { nodes: number };
    facts: Record<string, number>;
  };
  expect(settings.nodes).toBe(100);
  expect(facts['descriptors per node']).toBeGreaterThan(0);
  expect(facts['resident MiB']).toBeGreaterThan(facts['resident MiB, without nodes'] ?? Infinity);
}, 120_000);

test('the benchmark connections has many clients and nodes served at once', async () => {
  const program = new URL('../../benchmarks/dist/main.js', import.meta.url).pathname;
  const parameters = [program, 'connections', '--quick', '--json', '--output', join(folder, 'connections')];
  const { code, output, errors } = await runProgram(process.execPath, parameters, { timeoutMs: 110_000 });
  expect({ code, errors: code === 0 ? '' : errors }).toEqual({ code: 0, errors: '' });
  const { facts } = JSON.parse(output) as { facts: Record<string, number> };
  for (const whose of ['of 20 clients at the executor manager', 'of 20 nodes at the resource manager']) {
    expect(facts).toMatchObject({ [`${whose}: served`]: 20, [`${whose}: lost`]: 0 });
    expect(facts[`${whose}: descriptors each`]).toBeGreaterThan(0);
  }
}, 120_000);
