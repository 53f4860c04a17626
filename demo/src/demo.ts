// The whole of rFaaS on one machine: a resource manager and an executor manager as processes, a client that leases a core
// from them and runs native and JavaScript functions there. `npm run demo` builds it and starts it.
import { createRequire } from 'node:module';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, type Executor, type Lease } from '@rfaas/client';
import { formatLatencies, timeCalls, type LatencySample } from './latency.ts';
import { LocalCluster } from './local-cluster.ts';
import { compileLibrary } from './native-build.ts';
import { timeNativeTransport } from './native-transport.ts';
import { readOptions } from './option-file.ts';
import { priceOptions } from './option-pricing.ts';
import { makeThumbnails } from './thumbnails.ts';
import { MESSAGE_BYTES } from './transport-channel.ts';
import { timeTransport } from './transport-pingpong.ts';

const demoFolder = fileURLToPath(new URL('..', import.meta.url));
/** The folder of packages that the demo's JavaScript functions may import from: where npm put sharp. */
const [packagesFolder = ''] = createRequire(import.meta.url)
  .resolve('sharp')
  .split('/sharp/');
const output = fileURLToPath(new URL('../../demo-output', import.meta.url));

/** Round trips that are timed where both sides spin. */
const HOT_ROUND_TRIPS = 50_000;
/** Round trips that are timed where the executor sleeps in between. */
const WARM_ROUND_TRIPS = 500;
/** How long the executor is left alone before each of those, so that it really sleeps. */
const WARM_PAUSE_MICROSECONDS = 300;

const started = performance.now();
const cluster = await LocalCluster.create();

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    say(`${signal}: ending everything`);
    void cluster.stop().finally(() => process.exit(signal === 'SIGINT' ? 130 : 143));
  });
}

try {
  await run();
  await cluster.stop();
  say('Everything was right, and everything that was started has ended.');
} catch (error) {
  await cluster.stop();
  process.stderr.write(
    `The demo failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exitCode = 1;
}

async function run(): Promise<void> {
  const resourceManager = await cluster.startResourceManager();
  say(`Resource manager at ${resourceManager}`);
  const node = await cluster.startExecutorManager(resourceManager, packagesFolder);
  say(`Executor manager at ${node}`);

  const { tenant, credential } = cluster;
  await using client = await Client.connect({ resourceManager, tenant, credential });
  await using lease = await client.lease({ cores: 1 });
  say(`Leased ${lease.cores} core of ${lease.node}`);

  const library = `${cluster.directory}/liboptions.so`;
  await compileLibrary(`${demoFolder}functions/options.c`, library);
  const pictures = `${demoFolder}functions/pictures.js`;

  const native = await timeNativeTransport('raw transport, C on both sides', HOT_ROUND_TRIPS);
  const samples = native === undefined ? [] : [native];
  samples.push(await timeTransport('raw transport, TypeScript on both sides', HOT_ROUND_TRIPS));
  samples.push(await runNative(lease, library));
  samples.push(await runJavaScript(lease, pictures));
  samples.push(await runWarm(lease, library));
  process.stdout.write(`\n${formatLatencies(samples)}\n\n`);

  const usage = await lease.release();
  if (usage !== undefined) say(`The lease is given back; its bill counts ${usage.invocations} invocations`);
}

async function runNative(lease: Lease, library: string): Promise<LatencySample> {
  const before = performance.now();
  await using executor = await lease.allocate({ library }, { hotTimeout: -1 });
  say(`Native executor with ${executor.functions.join(', ')} up in ${milliseconds(before)}`);
  const { priced, invocations, largestDifference } = await priceOptions(
    executor,
    await readOptions(`${demoFolder}data/options.csv`),
  );
  say(
    `Priced ${priced} options in ${invocations} invocations, each checked here ` +
      `(largest difference ${largestDifference.toExponential(1)})`,
  );
  return timeEcho(executor, 'hot, native function', HOT_ROUND_TRIPS);
}

async function runJavaScript(lease: Lease, module: string): Promise<LatencySample> {
  const before = performance.now();
  await using executor = await lease.allocate({ module }, { hotTimeout: -1 });
  say(`JavaScript executor with ${executor.functions.join(', ')} up in ${milliseconds(before)}`);
  for (const { file, width, height, bytes } of await makeThumbnails(
    executor,
    `${demoFolder}images`,
    output,
  )) {
    say(`Thumbnail checked: ${relative(process.cwd(), file)}, ${width} × ${height}, ${bytes} bytes`);
  }
  return timeEcho(executor, 'hot, JavaScript function', HOT_ROUND_TRIPS);
}

/** The same function on an executor that never spins: every invocation wakes it. */
async function runWarm(lease: Lease, library: string): Promise<LatencySample> {
  await using executor = await lease.allocate({ library }, { hotTimeout: 0 });
  return timeEcho(executor, 'warm, native function', WARM_ROUND_TRIPS, WARM_PAUSE_MICROSECONDS);
}

function timeEcho(
  executor: Executor,
  what: string,
  roundTrips: number,
  pauseMicroseconds = 0,
): LatencySample {
  const echo = executor.function('echo');
  using input = executor.allocateInput(MESSAGE_BYTES);
  using output = executor.allocateOutput(MESSAGE_BYTES);
  const numbers = input.as(Uint32Array);
  let expected = 0;
  const sample = timeCalls(
    what,
    roundTrips,
    () => {
      expected = (expected + 1) >>> 0;
      numbers[0] = expected;
      echo.invokeSync(input, output);
      if (output.bytes[0] !== (expected & 0xff)) throw new Error(`${what}: the echo of ${expected} is wrong`);
    },
    pauseMicroseconds,
  );
  if (Buffer.compare(input.bytes, output.bytes) !== 0) throw new Error(`${what}: the last echo is wrong`);
  return sample;
}

function milliseconds(since: number): string {
  return `${(performance.now() - since).toFixed(0)} ms`;
}

function say(line: string): void {
  process.stdout.write(`[${((performance.now() - started) / 1000).toFixed(2).padStart(5)} s] ${line}\n`);
}
