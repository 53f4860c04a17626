// One of several clients of a node: `node parallel-client.js URL KEY_FILE PROCESSOR BYTES`. It leases one core, says that it is
// ready, waits for a line on its standard input, invokes for as many milliseconds as that says, and prints what it measured.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Client } from '@rfaas/client';
import { monotonicNanoseconds } from '@rfaas/core';
import { summarize } from '../measure/statistics.ts';
import { nativeFile } from './native-program.ts';
import { pinThread } from './processors.ts';

const WARM_UP = 20_000;
/** With more threads than cores an invocation takes as long as the scheduler lets others run. */
const LONGEST_WARM_UP_NS = 2e8;
const MOST_SAMPLES = 4_000_000;

const [, , url = '', keyFile = '', processor = '0', bytes = '64'] = process.argv;
const nodeKey = Buffer.from(readFileSync(keyFile, 'utf8').trim(), 'hex');
await using client = Client.direct(url, { nodeKey });
await using lease = await client.lease({ cores: 1, memoryMiB: 256 });
await using executor = await lease.allocate(
  { library: nativeFile('libbench_functions.so') },
  { hotTimeout: -1 },
);
pinThread([Number(processor)]);
const echo = executor.function('echo');
using input = executor.allocateInput(Number(bytes));
using output = executor.allocateOutput(Number(bytes));
const warm = monotonicNanoseconds() + LONGEST_WARM_UP_NS;
for (let i = 0; i < WARM_UP && monotonicNanoseconds() < warm; i++) echo.invokeSync(input, output);
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const end = monotonicNanoseconds() + Number(line) * 1e6;
  const samples = new Float64Array(MOST_SAMPLES);
  let count = 0;
  for (let before = monotonicNanoseconds(); before < end && count < MOST_SAMPLES; count += 1) {
    echo.invokeSync(input, output);
    const now = monotonicNanoseconds();
    samples[count] = now - before;
    before = now;
  }
  process.stdout.write(`${JSON.stringify(summarize(samples.subarray(0, count)))}\n`);
  break;
}
