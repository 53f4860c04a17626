import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { silentLogger } from '@rfaas/core';
import type { ExecutorAssignment, ExecutorPreparation } from '@rfaas/core';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutorHandle } from '../../src/launchers/executor-launcher.ts';
import { ProcessLauncher } from '../../src/launchers/process-launcher.ts';
import { ProcessorAffinity } from '../../src/launchers/processor-affinity.ts';

const affinity = new ProcessorAffinity();
const cpu = affinity.processors().at(-1) ?? 0;
const preparation: ExecutorPreparation = {
  executorId: '01'.repeat(16),
  managerUrl: 'shm://1',
  managerSecret: '03'.repeat(16),
  threads: 1,
  slots: 1,
  inputBytes: 1,
  outputBytes: 1,
  rehearses: false,
  logLevel: 'info',
};
const assignment: ExecutorAssignment = {
  allocationId: '01'.repeat(16),
  secret: '02'.repeat(16),
  clientUrl: 'shm://2',
  cpus: [cpu],
  threads: 1,
  hotTimeoutMs: 0,
  slots: 1,
  inputBytes: 1,
  outputBytes: 1,
  packageKind: 'native',
  packageName: 'lib.so',
  sha256: '04'.repeat(32),
  packageBytes: 1,
  pinThreads: false,
  peerTimeoutMs: 15_000,
};
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rfaas-launcher-'));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Runs a script in the place of the executor. */
function launch(script: string, cpus: readonly number[] = [cpu]): ExecutorHandle {
  const entry = join(directory, `${Math.random().toString(36).slice(2)}.mjs`);
  writeFileSync(entry, script);
  const environment = { PATH: process.env['PATH'], RFAAS_NODE_KEY: 'secret' };
  const launcher = new ProcessLauncher({ affinity, environment, logger: silentLogger, entry });
  return launcher.launch(preparation, cpus);
}

/** Resolves once a file is there and has content. */
async function contentOf(file: string): Promise<string> {
  for (;;) {
    const content = existsSync(file) ? readFileSync(file, 'utf8') : '';
    if (content.endsWith('\n')) {
      return content;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Resolves once no process has this id. */
async function isGone(pid: number): Promise<true> {
  for (;;) {
    const status = existsSync(`/proc/${pid}/status`)
      ? readFileSync(`/proc/${pid}/status`, 'utf8')
      : 'State:\tZ';
    if (/^State:\s+[ZX]/m.test(status)) {
      return true;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('an executor process', () => {
  test('has what it shall do on standard input, and nothing of it in arguments and environment', async () => {
    const output = join(directory, 'seen');
    const handle = launch(`
      import { createInterface } from 'node:readline';
      import { readFileSync, writeFileSync } from 'node:fs';
      for await (const line of createInterface({ input: process.stdin })) {
        const status = readFileSync('/proc/self/status', 'utf8');
        const seen = { line, argv: process.argv.slice(2), env: process.env, status };
        writeFileSync(${JSON.stringify(output)}, JSON.stringify(seen) + '\\n');
        process.exit(0);
      }`);
    expect(await handle.exited).toEqual({ code: 0, signal: null });
    const seen = JSON.parse(await contentOf(output)) as {
      line: string;
      argv: string[];
      env: Record<string, string>;
      status: string;
    };
    expect(JSON.parse(seen.line)).toEqual(preparation);
    expect(seen.argv).toEqual([]);
    expect(Object.keys(seen.env)).toEqual(['PATH']);
    expect(/^Cpus_allowed_list:\s*(.*)$/m.exec(seen.status)?.[1]).toBe(`${cpu}`);
    expect(affinity.processors().length).toBeGreaterThanOrEqual(1);
  });

  test('moves to the cores of its assignment with all its threads, and hears whom it serves', async () => {
    const output = join(directory, 'moved');
    const handle = launch(
      `
      import { createInterface } from 'node:readline';
      import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
      import { Worker } from 'node:worker_threads';
      const worker = new Worker('setInterval(() => {}, 1000)', { eval: true });
      await new Promise((resolve) => worker.once('online', resolve));
      const allowed = () => readdirSync('/proc/self/task').map((thread) =>
        /^Cpus_allowed_list:\\s*(.*)$/m.exec(readFileSync('/proc/self/task/' + thread + '/status', 'utf8'))[1]);
      const lines = [];
      for await (const line of createInterface({ input: process.stdin })) {
        lines.push(line);
        if (lines.length === 1) console.log('ready');
        else {
          const after = [...new Set(allowed())];
          writeFileSync(${JSON.stringify(output)}, JSON.stringify({ line, after }) + '\\n');
          process.exit(0);
        }
      }`,
      affinity.processors(),
    );
    while (!handle.lastOutput().includes('ready')) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    handle.assign(assignment);
    expect(await handle.exited).toEqual({ code: 0, signal: null });
    const seen = JSON.parse(await contentOf(output)) as { line: string; after: string[] };
    expect(JSON.parse(seen.line)).toEqual(assignment);
    expect(seen.after).toEqual([`${cpu}`]);
    handle.assign(assignment);
  });

  test('is told by its exit code, and by what it wrote last', async () => {
    const handle = launch('console.error("first"); console.error("about to end"); process.exit(7);');
    expect(await handle.exited).toEqual({ code: 7, signal: null });
    expect(handle.lastOutput()).toContain('about to end');
  });

  test('is told by its signal', async () => {
    const handle = launch('process.kill(process.pid, "SIGSEGV"); setInterval(() => {}, 1000);');
    expect(await handle.exited).toEqual({ code: null, signal: 'SIGSEGV' });
  });

  test('is killed with everything that it started, also what ignores the end of its parent', async () => {
    const file = join(directory, 'child');
    const handle = launch(`
      import { spawn } from 'node:child_process';
      import { writeFileSync } from 'node:fs';
      const child = spawn('sleep', ['1000'], { stdio: 'inherit' });
      writeFileSync(${JSON.stringify(file)}, child.pid + '\\n');
      setInterval(() => {}, 1000);`);
    const child = Number(await contentOf(file));
    handle.kill();
    expect(await handle.exited).toEqual({ code: null, signal: 'SIGKILL' });
    expect(await isGone(child)).toBe(true);
    handle.kill();
  });

  test('that ends leaves nothing of its group behind', async () => {
    const file = join(directory, 'orphan');
    const handle = launch(`
      import { spawn } from 'node:child_process';
      import { writeFileSync } from 'node:fs';
      const child = spawn('sleep', ['1000'], { stdio: 'inherit' });
      writeFileSync(${JSON.stringify(file)}, child.pid + '\\n');
      process.exit(0);`);
    const child = Number(await contentOf(file));
    await handle.exited;
    expect(await isGone(child)).toBe(true);
  });
});

test('what cannot be started has ended with an error, and does not throw', async () => {
  const handle = launch('', [60_000]);
  expect(handle.pid).toBeUndefined();
  const { error } = await handle.exited;
  expect(error).toMatch(/cannot bind to processors 60000/);
  handle.assign(assignment);
  handle.kill();
});
