import { monotonicNanoseconds } from '@rfaas/core';
import type { Measurement } from '../measure/report.ts';
import { formatDuration } from '../measure/report.ts';
import { lineChart } from '../plots/line-chart.ts';
import { LocalNode } from '../programs/local-node.ts';
import { nativeFile } from '../programs/native-program.ts';
import { pinThread } from '../programs/processors.ts';
import { measurement, type Benchmark } from './benchmark.ts';

const SECOND = 1e9;
const WARM_UP = 20_000;
const SAMPLES_PER_SECOND = 65_536;

interface Second {
  readonly invocations: number;
  readonly p50: number;
  readonly p99: number;
}

/** Hot invocations for as long as somebody wants to watch. */
export const endless: Benchmark = {
  name: 'endless',
  description: 'hot native invocations until it is told to stop (Ctrl-C), reported each second',
  isReferenced: true,
  async run({ processors, sizes, transport, quick, signal, progress }) {
    const bytes = sizes[0] ?? 64;
    await using node = await LocalNode.start({ processors: [processors[1]], transport });
    await using client = node.client();
    await using lease = await client.lease({ cores: 1, memoryMiB: 1024, durationMs: 7 * 24 * 3_600_000 });
    await using executor = await lease.allocate(
      { library: nativeFile('libbench_functions.so') },
      { hotTimeout: -1, inputBytes: Math.max(4096, bytes), outputBytes: Math.max(4096, bytes) },
    );
    const echo = executor.function('echo');
    using input = executor.allocateInput(bytes);
    using output = executor.allocateOutput(bytes);
    const body = (): void => void echo.invokeSync(input, output);
    pinThread([processors[0]]);
    for (let i = 0; i < WARM_UP; i++) body();
    const seconds: Second[] = [];
    let last: Measurement | undefined;
    while (!signal.aborted && !(quick && seconds.length === 1)) {
      const { invocations, samples } = oneSecond(body, quick ? SECOND / 20 : SECOND);
      last = measurement(`second ${seconds.length + 1}`, samples);
      seconds.push({ invocations, p50: last.p50, p99: last.p99 });
      progress.clear();
      process.stderr.write(
        `${new Date().toISOString()}  ${invocations} invocations, p50 ${formatDuration(last.p50)}, p99 ` +
          `${formatDuration(last.p99)}, max ${formatDuration(last.max)}\n`,
      );
      // Signals, and the manager's messages.
      await new Promise((resolve) => setImmediate(resolve));
    }
    pinThread(processors);
    return {
      settings: { transport, processors, bytes, seconds: seconds.length },
      measurements: last === undefined ? [] : [{ ...last, name: 'the last second' }],
      facts: { invocations: seconds.reduce((sum, each) => sum + each.invocations, 0) },
      charts: ({ subtitle }) => ({
        seconds: lineChart({
          title: 'Endless invocations, second by second',
          subtitle,
          x: { name: 'seconds', unit: 'count' },
          y: { name: 'one invocation', unit: 'nanoseconds' },
          lines: (['p50', 'p99'] as const).map((name) => ({
            name,
            points: seconds.map((each, index) => [index + 1, each[name]] as const),
          })),
        }),
      }),
    };
  },
};

function oneSecond(body: () => void, nanoseconds: number): { invocations: number; samples: Float64Array } {
  const samples = new Float64Array(SAMPLES_PER_SECOND);
  const begin = monotonicNanoseconds();
  let invocations = 0;
  for (let before = begin; before - begin < nanoseconds;) {
    body();
    const now = monotonicNanoseconds();
    // The latest ones, once there are more than fit.
    samples[invocations % SAMPLES_PER_SECOND] = now - before;
    invocations += 1;
    before = now;
  }
  return { invocations, samples: samples.subarray(0, Math.min(invocations, SAMPLES_PER_SECOND)) };
}
