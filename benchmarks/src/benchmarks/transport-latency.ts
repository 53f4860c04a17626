import { relate, type Measurement } from '../measure/report.ts';
import { sample } from '../measure/sampling.ts';
import { formatQuantity } from '../plots/units.ts';
import { measureCacheLine, measureTransport } from '../programs/native-program.ts';
import { pinThread } from '../programs/processors.ts';
import { TransportPeer } from '../programs/transport-peer-process.ts';
import { nativeTransport } from '../programs/native-transport.ts';
import { measureAtFloor, measurement, type Benchmark, type BenchmarkSetting } from './benchmark.ts';
import { PAYLOADS, samplesFor } from './payloads.ts';

const WARM_UP = 20_000;

/** The raw transport: no function, no header. */
export const transportLatency: Benchmark = {
  name: 'transport-latency',
  description:
    'a write with immediate there and back, both sides spinning, 1 B to 64 MiB: in C, and in TypeScript through rdmalib',
  sizes: PAYLOADS,
  async run(setting) {
    const { processors, count, sizes, progress, transport } = setting;
    progress.show('cache-line');
    const measurements = [await measureCacheLine(processors, count)];
    for (const bytes of sizes) {
      progress.show(`transport in C, ${bytes} B`);
      const inC = { processors, bytes, count: samplesFor(bytes, count) };
      measurements.push(
        await measureAtFloor(setting, () => measureTransport(nativeTransport(transport), inC)),
      );
      measurements.push(await measureFromTypeScript(transport, setting, bytes));
    }
    const settings = {
      transport,
      processors,
      warmUp: 'as many round trips, at most 20,000',
      inline: 'to 64 B',
    };
    return { settings, measurements: relate(measurements) };
  },
};

/** The round trip through rdmalib on any transport; `listenUrl` is where the peer listens. */
export async function measureFromTypeScript(
  listenUrl: string,
  setting: BenchmarkSetting,
  bytes: number,
): Promise<Measurement> {
  const { processors, count, progress } = setting;
  const name = `transport, TypeScript, ${formatQuantity(bytes, 'bytes')}`;
  await using peer = await TransportPeer.start(listenUrl, {
    ...{ bytes, answerBytes: bytes },
    processor: processors[1],
  });
  const { side } = peer;
  pinThread([processors[0]]);
  try {
    const roundTrip = (): void => {
      side.write();
      side.repost();
      if (!side.awaitWrite()) throw new Error('the peer of the ping-pong ended');
    };
    const samples = samplesFor(bytes, count);
    const options = {
      count: samples,
      warmUp: Math.min(samples, WARM_UP),
      onProgress: progress.counting(name, samples),
    };
    const more = { bytes, series: 'transport, TypeScript' };
    return await measureAtFloor(setting, () => measurement(name, sample(roundTrip, options), more));
  } finally {
    pinThread(processors);
  }
}
