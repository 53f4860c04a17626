import { monotonicNanoseconds } from '@rfaas/core';
import { relate, type Measurement } from '../measure/report.ts';
import { lineChart } from '../plots/line-chart.ts';
import { formatQuantity } from '../plots/units.ts';
import { measureCopy, measureCacheLine, runNativeProgram } from '../programs/native-program.ts';
import { nativeTransport } from '../programs/native-transport.ts';
import { TransportPeer } from '../programs/transport-peer-process.ts';
import { pinThread } from '../programs/processors.ts';
import { measureAtFloor, measurement, type Benchmark, type BenchmarkSetting } from './benchmark.ts';
import { PAYLOADS, samplesFor } from './payloads.ts';

/** Writes under way at once. */
const DEPTH = 8;
/** A burst is so many writes, or fewer where they are more bytes than this. */
const BURST = 1024;
const BURST_BYTES = 8 * 1024 * 1024;
const WARM_UP = 3;
/** Below, a copy is over before a clock could tell. */
const LEAST_COPY = 4096;

/** Streaming writes. */
export const transportBandwidth: Benchmark = {
  name: 'transport-bandwidth',
  description: `writes one after the other with ${DEPTH} under way, 1 B to 64 MiB: in C, and in TypeScript through rdmalib`,
  sizes: PAYLOADS,
  async run(setting) {
    const { processors, count, sizes, transport, progress, wants } = setting;
    progress.show('cache-line');
    const measurements = [await measureCacheLine(processors, count)];
    for (const bytes of sizes) {
      const size = formatQuantity(bytes, 'bytes');
      progress.show(`streaming, ${size}`);
      const copies = { bytes, count: samplesFor(bytes, count) };
      if (bytes >= LEAST_COPY && wants('memcpy')) {
        measurements.push(
          withBytes(await measureAtFloor(setting, () => measureCopy(processors[0], bytes, copies.count))),
        );
      }
      if (wants('stream, C')) measurements.push(await streamInC(`stream, C, ${size}`, setting, bytes));
      if (wants('stream, TypeScript')) {
        measurements.push(await streamFromTypeScript(`stream, TypeScript, ${size}`, setting, bytes));
      }
    }
    return {
      settings: {
        transport,
        processors,
        depth: DEPTH,
        burst: `${BURST} writes, at most ${formatQuantity(BURST_BYTES, 'bytes')}, and one answer`,
        sample: 'the time of a burst divided by its writes',
      },
      measurements: relate(measurements),
      charts: ({ subtitle }) => ({ bandwidth: chart(measurements, subtitle) }),
    };
  },
};

function burstOf(bytes: number): number {
  return Math.max(1, Math.min(BURST, Math.floor(BURST_BYTES / bytes)));
}

/** Bursts that are as many writes as a latency would have samples. */
function burstsOf(bytes: number, count: number): number {
  return Math.max(20, Math.min(2000, Math.floor(samplesFor(bytes, count) / burstOf(bytes))));
}

async function streamInC(name: string, setting: BenchmarkSetting, bytes: number): Promise<Measurement> {
  const { processors, transport, count } = setting;
  const { library, environment } = nativeTransport(transport);
  const numbers = [...processors, bytes, burstOf(bytes), burstsOf(bytes, count), DEPTH];
  return measureAtFloor(setting, async () => ({
    ...withBytes({
      ...(await runNativeProgram('transport_bandwidth', [library, ...numbers], environment)),
      bytes,
    }),
    name,
    series: 'stream, C',
  }));
}

async function streamFromTypeScript(
  name: string,
  setting: BenchmarkSetting,
  bytes: number,
): Promise<Measurement> {
  const { processors, transport, count, progress } = setting;
  await using peer = await TransportPeer.start(transport, {
    bytes,
    answerBytes: 8,
    processor: processors[1],
  });
  const { side } = peer;
  pinThread([processors[0]]);
  try {
    const burst = burstOf(bytes);
    const bursts = burstsOf(bytes, count);
    const run = (): number => {
      const begin = monotonicNanoseconds();
      if (!side.stream(burst, DEPTH)) throw new Error('the peer of the stream ended');
      return (monotonicNanoseconds() - begin) / burst;
    };
    return await measureAtFloor(setting, () => {
      for (let i = 0; i < WARM_UP; i++) run();
      const samples = new Float64Array(bursts);
      for (let i = 0; i < bursts; i++) {
        samples[i] = run();
        progress.show(`${name}: ${i} of ${bursts}`);
      }
      return withBytes(measurement(name, samples, { bytes, series: 'stream, TypeScript' }));
    });
  } finally {
    pinThread(processors);
  }
}

/** A write is so many bytes in its median time. */
function withBytes(measured: Measurement): Measurement {
  const { bytes = 0, p50, perSecond = 1e9 / p50 } = measured;
  return { ...measured, bytesPerSecond: bytes * perSecond };
}

function chart(measurements: readonly Measurement[], subtitle: string | undefined): string {
  const names = [...new Set(measurements.flatMap(({ series }) => (series === undefined ? [] : [series])))];
  return lineChart({
    title: `Bytes a second against the size of a write, ${DEPTH} under way`,
    subtitle,
    x: { name: 'bytes of a write', unit: 'bytes', log: true },
    y: { name: 'bandwidth', unit: 'bytes-per-second', log: true },
    lines: names.map((name) => ({
      name,
      dashed: name === 'memcpy',
      points: measurements
        .filter(({ series }) => series === name)
        .map(({ bytes = 0, bytesPerSecond = 0 }) => [bytes, bytesPerSecond] as const),
    })),
  });
}
