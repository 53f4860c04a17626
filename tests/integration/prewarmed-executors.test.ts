import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Client, Executor } from '@rfaas/client';
import { compileFunctionLibrary, type CompiledLibrary } from '../support/compile-function-library.ts';
import { functionFile } from '../support/function-file.ts';
import { LocalCluster, type NodeSettings } from '../support/local-cluster.ts';
import { isRunning, until } from '../support/processes.ts';

let library: CompiledLibrary;
const module = functionFile('test-functions.js');
const NOTHING = new Uint8Array();
const small = { hotTimeout: 0, inputBytes: 4096, outputBytes: 4096 } as const;

beforeAll(async () => {
  library = await compileFunctionLibrary({ file: 'test-functions.c' });
}, 60_000);

afterAll(async () => library?.[Symbol.asyncDispose]());

/** A node on its own, and a client of it. */
class Node implements AsyncDisposable {
  readonly cluster: LocalCluster;
  readonly client: Client;

  private constructor(cluster: LocalCluster, client: Client) {
    this.cluster = cluster;
    this.client = client;
  }

  static async start(settings: NodeSettings): Promise<Node> {
    const cluster = await LocalCluster.single(settings);
    return new Node(cluster, await cluster.connect());
  }

  get pid(): number {
    return this.cluster.node('node-0').pid;
  }

  /** The executor processes that run. */
  executors(): number[] {
    const children = (thread: string): string => `/proc/${this.pid}/task/${thread}/children`;
    return readdirSync(`/proc/${this.pid}/task`)
      .flatMap((thread) => readFileSync(children(thread), 'utf8').split(' ').filter(Boolean).map(Number))
      .filter(isRunning);
  }

  /** Waits until so many executors run that all were told to be prewarmed. */
  async waitFor(count: number): Promise<number[]> {
    await until(`${count} prewarmed executors`, () => {
      const prewarmed = prewarmedIn(this.cluster.node('node-0').log);
      const found = this.executors();
      return found.length === count && found.every((pid) => prewarmed.has(pid));
    });
    return this.executors();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    await this.cluster[Symbol.asyncDispose]();
  }
}

/** The processes that a manager's log calls prewarmed. */
function prewarmedIn(log: string): Set<number> {
  const lines = log.split('\n').filter((line) => line.includes('executor prewarmed'));
  return new Set(lines.map((line) => Number(/executorPid\D+(\d+)/.exec(line)?.[1])));
}

/** What the descriptors of a process lead to. */
function socketsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  const targets = readdirSync(folder).map((descriptor) => readlinkSync(`${folder}/${descriptor}`));
  return targets.filter((target) => target.startsWith('socket:'));
}

function processOf(executor: Executor): number {
  return new Uint32Array(executor.invokeSync('process_id', NOTHING).slice().buffer)[0] ?? 0;
}

function calls(executor: Executor): number {
  return new Uint32Array(executor.invokeSync('count_calls', NOTHING).slice().buffer)[0] ?? 0;
}

function processorsOf(pid: number): Set<string | undefined> {
  const allowed = readdirSync(`/proc/${pid}/task`).map((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    return /^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1];
  });
  return new Set(allowed);
}

describe('prewarmed executors', () => {
  test('are there before anybody asks, are claimed once, pinned, replaced, and gone with the manager', async () => {
    let everSeen: number[];
    {
      await using node = await Node.start({ cores: 2, executor: { prewarmed: 2, pin_threads: true } });
      const before = await node.waitFor(2);
      await using lease = await node.client.lease({ cores: 2 });
      const [one, other] = await Promise.all([
        lease.allocate({ library: library.path }, { ...small, cores: 1 }),
        lease.allocate({ module }, { ...small, cores: 1 }),
      ]);
      const claimed = processOf(one);
      expect(before).toContain(claimed);
      expect([...processorsOf(claimed)]).toHaveLength(1);
      expect(await other.invoke('echo', Uint8Array.of(7))).toEqual(Uint8Array.of(7));
      everSeen = await node.waitFor(4);
      expect(everSeen).toEqual(expect.arrayContaining(before));
      await one.deallocate();
      await until('the claimed executor ends', () => !isRunning(claimed));
    }
    expect(everSeen.filter(isRunning)).toEqual([]);
  }, 60_000);

  test('have rehearsed, of which their clients find nothing', async () => {
    await using cluster = await LocalCluster.start([
      { cores: 2, executor: { prewarmed: 1, prewarmed_threads: 2, package_cache: 'packages' } },
    ]);
    await using client = await cluster.connect();
    const manager = cluster.node('node-0');
    await until('an executor is prewarmed', () => prewarmedIn(manager.log).size === 1);
    const [prewarmed = 0] = prewarmedIn(manager.log);
    expect(readFileSync(`/proc/${prewarmed}/maps`, 'utf8')).not.toContain('rehearsal');
    // The standard streams, and a connection to the manager for the main thread and for each of the others; both processes have
    // what whoever started this test has left open.
    const inherited = new Set(socketsOf(manager.pid));
    expect(socketsOf(prewarmed).filter((socket) => !inherited.has(socket))).toHaveLength(3 + 3);
    const cache = cluster.files.path('packages');
    expect(existsSync(cache) ? readdirSync(cache) : []).toEqual([]);
    const lease = await client.lease({ cores: 2 });
    const executor = await lease.allocate({ library: library.path }, small);
    expect(processOf(executor)).toBe(prewarmed);
    expect(executor.functions).not.toContain('rehearse');
    expect(calls(executor)).toBe(1);
    expect(readdirSync(cache)).toHaveLength(1);
    await executor.deallocate();
    // A call of process_id and one of count_calls.
    expect(await lease.release()).toMatchObject({ allocations: 1, invocations: 2 });
  }, 60_000);

  test('have rehearsed JavaScript, of which their clients find nothing either', async () => {
    await using cluster = await LocalCluster.start([{ cores: 1, executor: { prewarmed: 1 } }]);
    await using client = await cluster.connect();
    await until('an executor is prewarmed', () => prewarmedIn(cluster.node('node-0').log).size === 1);
    const [prewarmed = 0] = prewarmedIn(cluster.node('node-0').log);
    const source =
      'export const pid = (_, output) => new TextEncoder().encodeInto(`${process.pid}`, output).written;';
    const lease = await client.lease({ cores: 1 });
    const executor = await lease.allocate({ module: { source } }, small);
    expect(executor.functions).toEqual(['pid']);
    expect(new TextDecoder().decode(executor.invokeSync('pid', NOTHING))).toBe(String(prewarmed));
    await executor.deallocate();
    expect(await lease.release()).toMatchObject({ allocations: 1, invocations: 1 });
  }, 60_000);

  test('that die are replaced', async () => {
    await using node = await Node.start({ cores: 1, executor: { prewarmed: 1 } });
    const [first = 0] = await node.waitFor(1);
    process.kill(first, 'SIGKILL');
    await until('the killed one is gone', () => !isRunning(first));
    const [second] = await node.waitFor(1);
    expect(second).not.toBe(first);
    await using lease = await node.client.lease({ cores: 1 });
    await using executor = await lease.allocate({ library: library.path }, small);
    expect(processOf(executor)).toBe(second);
  }, 60_000);

  test('serve more threads than they had, and memory of another size', async () => {
    await using node = await Node.start({ cores: 2, executor: { prewarmed: 1 } });
    const [prewarmed] = await node.waitFor(1);
    await using lease = await node.client.lease({ cores: 2 });
    await using executor = await lease.allocate(
      { library: library.path },
      { cores: 2, slots: 2, inputBytes: 100_000 },
    );
    expect(executor.threads).toBe(2);
    expect(processOf(executor)).toBe(prewarmed);
    const input = new Uint8Array(100_000).fill(3);
    const outputs = await executor.map(
      'echo',
      Array.from({ length: 8 }, () => input),
    );
    expect(outputs.every((output) => output.length === 100_000 && output[99_999] === 3)).toBe(true);
  }, 60_000);

  test('never serve two clients, however many come and go', async () => {
    await using node = await Node.start({ cores: 1, executor: { prewarmed: 2 } });
    const seen = new Set<number>();
    for (let cycle = 0; cycle < 12; cycle += 1) {
      await using lease = await node.client.lease({ cores: 1 });
      await using executor = await lease.allocate({ library: library.path }, small);
      expect(calls(executor)).toBe(1);
      seen.add(processOf(executor));
    }
    expect(seen.size).toBe(12);
    await node.waitFor(2);
  }, 120_000);
});

describe('an executor that is kept warm', () => {
  test('serves the same lease and package again without a new start, and is billed anew', async () => {
    await using cluster = await LocalCluster.start([{ cores: 1, executor: { keep_warm_ms: 60_000 } }]);
    await using client = await cluster.connect();
    const lease = await client.lease({ cores: 1 });
    const first = await lease.allocate({ library: library.path }, small);
    const pid = processOf(first);
    expect(calls(first)).toBe(1);
    await first.deallocate();
    const second = await lease.allocate({ library: library.path }, { ...small, inputBytes: 8192 });
    expect(processOf(second)).toBe(pid);
    expect(calls(second)).toBe(2);
    await second.deallocate();
    const usage = await lease.release();
    expect(usage).toMatchObject({ allocations: 2, invocations: 4 });
    await until('it ends with its lease', () => !isRunning(pid));
  }, 60_000);

  test('keeps a JavaScript module as it was', async () => {
    await using node = await Node.start({ cores: 1, executor: { keep_warm_ms: 60_000 } });
    const counting = {
      source: 'let n = 0; export function count(i, o) { o[0] = ++n; return 1; }',
      name: 'count.js',
    };
    await using lease = await node.client.lease({ cores: 1 });
    for (const expected of [1, 2, 3]) {
      await using executor = await lease.allocate({ module: counting }, small);
      expect(executor.invokeSync('count', NOTHING)[0]).toBe(expected);
    }
    expect(node.executors()).toHaveLength(1);
  }, 60_000);

  test('serves no other lease and no other package', async () => {
    await using node = await Node.start({ cores: 1, executor: { keep_warm_ms: 60_000 } });
    await using lease = await node.client.lease({ cores: 1 });
    const first = await lease.allocate({ library: library.path }, small);
    const pid = processOf(first);
    await first.deallocate();
    await using stranger = await node.client.lease({ cores: 1 });
    const other = await stranger.allocate({ library: library.path }, small);
    expect(processOf(other)).not.toBe(pid);
    expect(calls(other)).toBe(1);
    await other.deallocate();
    await using javascript = await stranger.allocate({ module }, small);
    expect(await javascript.invoke('echo', Uint8Array.of(1))).toEqual(Uint8Array.of(1));
  }, 60_000);

  test('gives way when its lease wants the memory for something else', async () => {
    await using node = await Node.start({ cores: 1, executor: { keep_warm_ms: 60_000 } });
    await using lease = await node.client.lease({ cores: 1, memoryMiB: 64 });
    const first = await lease.allocate({ library: library.path }, small);
    const pid = processOf(first);
    await first.deallocate();
    expect(isRunning(pid)).toBe(true);
    await using executor = await lease.allocate({ module }, small);
    expect(await executor.invoke('echo', Uint8Array.of(2))).toEqual(Uint8Array.of(2));
    await until('the kept one is gone', () => !isRunning(pid));
  }, 60_000);

  test('ends when its time is over, and with the manager', async () => {
    let pid: number;
    {
      await using node = await Node.start({ cores: 1, executor: { keep_warm_ms: 1 } });
      await using lease = await node.client.lease({ cores: 1 });
      const executor = await lease.allocate({ library: library.path }, small);
      const short = processOf(executor);
      await executor.deallocate();
      await until('its time is over', () => !isRunning(short));
    }
    {
      await using node = await Node.start({ cores: 1, executor: { keep_warm_ms: 60_000 } });
      await using lease = await node.client.lease({ cores: 1 });
      const executor = await lease.allocate({ library: library.path }, small);
      pid = processOf(executor);
      await executor.deallocate();
      expect(isRunning(pid)).toBe(true);
    }
    expect(isRunning(pid)).toBe(false);
  }, 60_000);
});

test('a node keeps packages under their hashes, and one that was tampered with is fetched again', async () => {
  await using node = await Node.start({ cores: 1, executor: { package_cache: 'packages' } });
  const cache = node.cluster.files.path('packages');
  await using lease = await node.client.lease({ cores: 1 });
  const original = readFileSync(library.path);
  for (let round = 0; round < 3; round += 1) {
    await using executor = await lease.allocate({ library: library.path }, small);
    expect(calls(executor)).toBe(1);
    const [name = '', ...others] = readdirSync(cache);
    expect(name).toMatch(/^[0-9a-f]{64}$/);
    expect(others).toEqual([]);
    expect(readFileSync(`${cache}/${name}`).equals(original)).toBe(true);
    if (round === 1) {
      writeFileSync(
        `${cache}/${name}`,
        original.map((byte) => byte ^ 1),
      );
    }
  }
}, 60_000);
