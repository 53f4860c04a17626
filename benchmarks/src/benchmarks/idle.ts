import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalNode } from '../programs/local-node.ts';
import { nativeFile } from '../programs/native-program.ts';
import {
  childrenOf,
  contextSwitches,
  processorMilliseconds,
  processUsage,
  proportionalKiB,
} from '../programs/process-usage.ts';
import type { Benchmark } from './benchmark.ts';

/** The collector looks once more at a heap some seconds after the last work; it is done by then. */
const TIMES = { settleMs: 15_000, observedMs: 10_000 };
const QUICK = { settleMs: 100, observedMs: 100 };
const SLOTS = 8;
const BUFFER_BYTES = 65_536;

/** What an executor costs that has nothing to do. */
export const idle: Benchmark = {
  name: 'idle',
  description:
    'processor time and memory of a warm executor that nobody invokes, and of a prewarmed one that nobody has claimed, against ' +
    'a bare node',
  async run({ processors, progress, transport, quick }) {
    const bare = await bareNodeKiB();
    const times = quick ? QUICK : TIMES;
    await using node = await LocalNode.start({ processors, transport });
    await using client = node.client();
    await using lease = await client.lease({ cores: processors.length, memoryMiB: 1024 });
    const facts: Record<string, number> = { 'bare node, resident KiB': bare };
    for (const cores of [1, processors.length]) {
      const options = {
        cores,
        hotTimeout: 0,
        slots: SLOTS,
        inputBytes: BUFFER_BYTES,
        outputBytes: BUFFER_BYTES,
      };
      await using executor = await lease.allocate({ library: nativeFile('libbench_functions.so') }, options);
      for (let i = 0; i < 100; i++) executor.invokeSync('echo', new Uint8Array(64));
      const name = `${cores} ${cores === 1 ? 'thread' : 'threads'}`;
      progress.show(`idle, ${name}`);
      Object.assign(facts, await observe(executorOf(node), bare, name, times));
    }
    progress.show('idle, prewarmed');
    await using prewarming = await LocalNode.start({
      ...{ processors: [processors[1]], transport },
      executor: { prewarmed: 1 },
    });
    await prewarming.prewarmed(1);
    Object.assign(facts, await observe(executorOf(prewarming), bare, 'prewarmed, 1 thread', times));
    const settings = {
      slots: SLOTS,
      inputBytes: BUFFER_BYTES,
      outputBytes: BUFFER_BYTES,
      ...times,
    };
    return { settings, measurements: [], facts };
  },
};

function executorOf(node: LocalNode): number {
  const [pid] = childrenOf(node.pid);
  if (pid === undefined) throw new Error('the executor manager has no executor process');
  return pid;
}

async function observe(
  pid: number,
  bareKiB: number,
  name: string,
  { settleMs, observedMs }: typeof TIMES,
): Promise<Record<string, number>> {
  await sleep(settleMs);
  const before = { time: processorMilliseconds(pid), switches: contextSwitches(pid) };
  await sleep(observedMs);
  const resident = processUsage(pid).residentKiB;
  return {
    [`${name}: processor ms in ${observedMs} ms`]: processorMilliseconds(pid) - before.time,
    [`${name}: context switches`]: contextSwitches(pid) - before.switches,
    [`${name}: resident KiB`]: resident,
    [`${name}: proportional KiB`]: proportionalKiB(pid),
    [`${name}: resident MB beyond bare node`]: Math.round(((resident - bareKiB) * 1.024) / 100) / 10,
  };
}

/** What node holds that has loaded nothing and waits for its standard input. */
async function bareNodeKiB(): Promise<number> {
  const script = 'process.stdin.resume(); process.stdout.write("ready")';
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    return processUsage(child.pid as number).residentKiB;
  } finally {
    child.stdin.end();
    await once(child, 'exit');
  }
}
