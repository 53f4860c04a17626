import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { monitorHttpToken, nodeHttpToken } from '@rfaas/core/http';
import { compileFunctionLibrary, type CompiledLibrary } from '../support/compile-function-library.ts';
import { LocalCluster } from '../support/local-cluster.ts';
import { until } from '../support/processes.ts';
import { promtoolFindings, promtoolObstacle, samplesOf } from '../support/prometheus.ts';

let library: CompiledLibrary;
let cluster: LocalCluster;
let manager: string;
let node: string;

beforeAll(async () => {
  library = await compileFunctionLibrary({ file: 'test-functions.c' });
  cluster = await LocalCluster.create();
  await cluster.startResourceManager();
  const token = monitorHttpToken(cluster.clusterKey);
  await writeFile(cluster.files.path('monitor.token'), `${token}\n`, { mode: 0o600 });
  await cluster.startNode('node-0', { cores: 2, config: { http_token_file: 'monitor.token' } });
  await useTheCluster(token);
  manager = await metricsOf(cluster.resourceManager.ready['httpUrl'], token);
  node = await metricsOf(cluster.node('node-0').ready['httpUrl'], token);
}, 90_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await library?.[Symbol.asyncDispose]();
});

async function ask(url: unknown, path: string, token: string): Promise<Response> {
  return fetch(new URL(path, String(url)), { headers: { authorization: `Bearer ${token}` } });
}

async function metricsOf(url: unknown, token: string): Promise<string> {
  const response = await ask(url, '/metrics', token);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  return response.text();
}

/** Two leases and one that is refused; two executors and one that is refused; eleven invocations; one thread that falls asleep. */
async function useTheCluster(token: string): Promise<void> {
  await using client = await cluster.connect();
  await expect(client.lease({ cores: 64 })).rejects.toMatchObject({ code: 'RFAAS_ERR_NO_CAPACITY' });
  const lease = await client.lease({ cores: 1 });
  {
    await using executor = await lease.allocate({ library: library.path }, { hotTimeout: 0 });
    for (let count = 0; count < 10; count += 1) await executor.invoke('echo', Uint8Array.of(1));
    await expect(lease.allocate({ library: library.path }, { hotTimeout: 0 })).rejects.toMatchObject({
      code: 'RFAAS_ERR_NO_CAPACITY',
    });
  }
  {
    await using executor = await lease.allocate({ library: library.path }, { hotTimeout: 1 });
    await executor.invoke('echo', Uint8Array.of(1));
    await until('the thread falls asleep and that is told', async () => {
      const samples = samplesOf(await metricsOf(cluster.node('node-0').ready['httpUrl'], token));
      return (samples.get('rfaas_hot_to_warm_switches_total') ?? 0) > 0;
    });
  }
  await lease.release();
  await client.lease({ cores: 1 });
}

describe('metrics of the resource manager', () => {
  test('count leases, refusals and errors by code', () => {
    const samples = samplesOf(manager);
    expect(samples.get('rfaas_leases_granted_total')).toBe(2);
    expect(samples.get('rfaas_leases_refused_total{code="RFAAS_ERR_NO_CAPACITY"}')).toBe(1);
    expect(samples.get('rfaas_errors_total{interface="rdma",code="RFAAS_ERR_NO_CAPACITY"}')).toBe(1);
    expect(samples.get('rfaas_leases_ended_total{reason="released"}')).toBe(2);
  });

  test('tell what the cluster has', () => {
    const samples = samplesOf(manager);
    expect(samples.get('rfaas_nodes{state="connected",drain="no"}')).toBe(1);
    const [free, leased] = ['free', 'leased'].map(
      (state) => samples.get(`rfaas_cores{state="${state}"}`) ?? 0,
    );
    expect((free ?? 0) + (leased ?? 0)).toBe(2);
    expect(samples.get('rfaas_queue_length')).toBe(0);
  });

  test('measure grants in buckets from nanoseconds to seconds', () => {
    const samples = samplesOf(manager);
    const bucket = (le: string): number | undefined =>
      samples.get(`rfaas_request_duration_seconds_bucket{le="${le}",request="lease-request"}`);
    expect(bucket('+Inf')).toBe(3);
    expect(bucket('1e-7')).toBe(0);
    expect(bucket('50')).toBe(3);
  });
});

describe('metrics of a node', () => {
  test('count executors and what they did', () => {
    const samples = samplesOf(node);
    expect(samples.get('faas_coldstarts_total')).toBe(2);
    expect(samples.get('faas_invocations_total')).toBe(11);
    // It may have slept in front of its invocation, too.
    expect([1, 2]).toContain(samples.get('rfaas_hot_to_warm_switches_total'));
    expect(samples.get('rfaas_allocations_ended_total{reason="deallocated"}')).toBe(2);
    expect(samples.get('rfaas_core_seconds_total')).toBeGreaterThan(0);
    expect(samples.get('rfaas_errors_total{code="RFAAS_ERR_NO_CAPACITY"}')).toBe(1);
    expect(samples.get('rfaas_executors')).toBe(0);
    expect(samples.get('rfaas_cores{state="free"}')).toBe(2);
  });

  test('measure each phase of an allocation', () => {
    const samples = samplesOf(node);
    let sum = 0;
    for (const phase of ['launch', 'connect', 'prepare', 'stop']) {
      expect(samples.get(`rfaas_allocation_phase_duration_seconds_count{phase="${phase}"}`)).toBe(2);
      if (phase !== 'stop') {
        sum += samples.get(`rfaas_allocation_phase_duration_seconds_sum{phase="${phase}"}`) ?? NaN;
      }
    }
    expect(samples.get('faas_init_duration_seconds_sum')).toBeCloseTo(sum, 2);
  });

  test("are for whoever has the node's own token, or the one that was named", async () => {
    const url = cluster.node('node-0').ready['httpUrl'];
    const own = nodeHttpToken(cluster.nodeKey('node-0'), 'node-0');
    expect((await ask(url, '/metrics', own)).status).toBe(200);
    expect((await ask(url, '/health', own)).status).toBe(200);
    expect((await ask(url, '/elsewhere', own)).status).toBe(404);
    const operator = (await readFile(cluster.tokenFile, 'utf8')).trim();
    for (const token of [operator, 'nonsense', nodeHttpToken(cluster.nodeKey('node-1'), 'node-1')]) {
      const refused = await ask(url, '/metrics', token);
      expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    }
    const headers = { authorization: `Bearer ${own}`, origin: 'http://evil.example' };
    expect((await fetch(new URL('/metrics', String(url)), { headers })).status).toBe(403);
  });
});

const testOrSkip = promtoolObstacle === undefined ? test : test.skip;
const why = promtoolObstacle === undefined ? '' : `: ${promtoolObstacle}`;

testOrSkip(`promtool finds nothing wrong in the metrics of any server${why}`, () => {
  expect(promtoolFindings(manager)).toBe('');
  expect(promtoolFindings(node)).toBe('');
});

/** How often the main thread of a process has fallen asleep. */
function sleepsOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^voluntary_ctxt_switches:\s*(\d+)$/m.exec(status)?.[1]);
}

test('managers that have nothing to do disturb nobody: they wake up a few times a second', async () => {
  const pids = [cluster.resourceManager.pid, cluster.node('node-0').pid];
  const before = pids.map(sleepsOf);
  await sleep(2000);
  const sleeps = pids.map((pid, index) => sleepsOf(pid) - before[index]!);
  // What measures the event loop's delay would make it two hundred.
  expect(Math.max(...sleeps)).toBeLessThan(60);
});
