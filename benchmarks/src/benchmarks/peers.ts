import type { Measurement } from '../measure/report.ts';
import { sample, sampleAsync } from '../measure/sampling.ts';
import { grpc } from '../peers/grpc.ts';
import { http } from '../peers/http.ts';
import { packageVersion, programVersion } from '../peers/installed-versions.ts';
import { nats } from '../peers/nats.ts';
import type { Peer } from '../peers/peer.ts';
import { piscina } from '../peers/piscina.ts';
import { zeromq } from '../peers/zeromq.ts';
import { barChart } from '../plots/bar-chart.ts';
import { formatQuantity } from '../plots/units.ts';
import { LocalNode } from '../programs/local-node.ts';
import { nativeFile, runNativeProgram } from '../programs/native-program.ts';
import { nativeTransport } from '../programs/native-transport.ts';
import { pinThread } from '../programs/processors.ts';
import { measureAtFloor, measurement, type Benchmark, type BenchmarkSetting } from './benchmark.ts';
import { samplesFor } from './payloads.ts';

const PEERS: readonly Peer[] = [piscina, http, zeromq, nats, grpc];
const WARM_UP = 20_000;
/** Peers take tens of microseconds and more: so many samples take seconds. */
const PEER_SAMPLES = 20_000;
const PEER_WARM_UP = 2000;
const LARGE = 65_536;

/** libfabric alone, in C: a ping-pong of writes, without any function. */
const FABRICS = [
  { provider: 'shm', endpoint: 'rdm' },
  { provider: 'tcp', endpoint: 'msg' },
] as const;

/** The same payloads there and back in every way that people use for it, one after the other in one run. */
export const peers: Benchmark = {
  name: 'peers',
  description:
    'the same payload there and back: hot invocations against gRPC, HTTP, ZeroMQ, NATS, piscina and libfabric alone, in one run',
  sizes: [64, 4096, LARGE],
  isReferenced: true,
  async run(setting) {
    const { processors, sizes, wants } = setting;
    const own = await measureOwn(setting);
    const others: Measurement[] = [];
    const missing: string[] = [];
    for (const { name, measure } of ways()) {
      if (!wants(name)) continue;
      try {
        others.push(...(await measure(setting)));
      } catch (error) {
        // What is not installed here is named in the report, and the others are measured all the same.
        missing.push(`${name} (${error instanceof Error ? error.message : String(error)})`);
      }
    }
    pinThread(processors);
    const measurements = [...own, ...others];
    const smallest = sizes[0] ?? 64;
    const hot = own.find(({ bytes }) => bytes === smallest);
    const facts = others
      .filter(({ bytes }) => bytes === smallest)
      .map(
        ({ series, p50 }) => [`${series} / rFaaS hot native, ${smallest} B`, ratio(p50, hot?.p50)] as const,
      );
    return {
      settings: {
        processors: `client on ${processors[0]}, server on ${processors[1]}`,
        ...Object.fromEntries(
          PEERS.map(({ name, settings, packages }) => [name, withVersions(settings, packages)]),
        ),
        libfabric: `${programVersion('fi_info')}, in C, fi_writedata there and back, both sides spinning`,
        'nats-server': programVersion('nats-server'),
        ...(missing.length === 0 ? {} : { 'not measured': missing.join('; ') }),
      },
      measurements,
      facts: Object.fromEntries(facts),
      charts: ({ subtitle }) => ({
        peers: chart([...own, ...others], sizes, subtitle),
      }),
    };
  },
};

function withVersions(settings: string, packages: readonly string[]): string {
  return `${settings} (${packages.map((name) => `${name} ${packageVersion(name)}`).join(', ')})`;
}

interface Way {
  readonly name: string;
  readonly measure: (setting: BenchmarkSetting) => Promise<Measurement[]>;
}

function ways(): Way[] {
  return [
    ...FABRICS.map(({ provider, endpoint }) => {
      const name = `libfabric ${provider}`;
      return {
        name,
        measure: (setting: BenchmarkSetting) => measureFabric({ name, provider, endpoint }, setting),
      };
    }),
    ...PEERS.map((peer) => ({
      name: peer.name,
      measure: (setting: BenchmarkSetting) => measurePeer(peer, setting),
    })),
  ];
}

async function measureFabric(
  { name, provider, endpoint }: { name: string; provider: string; endpoint: string },
  setting: BenchmarkSetting,
): Promise<Measurement[]> {
  const { processors, sizes, count, progress } = setting;
  const measured: Measurement[] = [];
  for (const bytes of sizes) {
    progress.show(`${name}, ${bytes} B`);
    const rounds = samplesFor(bytes, Math.min(count, PEER_SAMPLES));
    const parameters = [provider, endpoint, ...processors, bytes, rounds, 'spin'];
    const taken = await measureAtFloor(setting, () => runNativeProgram('libfabric_latency', parameters));
    measured.push({ ...taken, name: `${name}, ${bytes} B`, series: name, bytes });
  }
  return measured;
}

async function measureOwn(setting: BenchmarkSetting): Promise<Measurement[]> {
  const { processors, sizes, count, transport, progress } = setting;
  const largest = Math.max(...sizes, 4096);
  await using node = await LocalNode.start({ processors: [processors[1]], transport });
  await using client = node.client();
  await using lease = await client.lease({ cores: 1, memoryMiB: 4096 });
  const options = { hotTimeout: -1, slots: 2, inputBytes: largest, outputBytes: largest } as const;
  await using executor = await lease.allocate({ library: nativeFile('libbench_functions.so') }, options);
  const echo = executor.function('echo');
  pinThread([processors[0]]);
  const measured: Measurement[] = [];
  for (const bytes of sizes) {
    const samples = bytes > LARGE ? Math.min(count, 2000) : count;
    using input = executor.allocateInput(bytes);
    using output = executor.allocateOutput(bytes);
    const name = `rFaaS hot native, ${bytes} B`;
    const times = {
      count: samples,
      warmUp: Math.min(samples, WARM_UP),
      onProgress: progress.counting(name, samples),
    };
    const beside = { transport: nativeTransport(transport), bytes };
    const hot = (): Measurement =>
      measurement(
        name,
        sample(() => void echo.invokeSync(input, output), times),
        { series: 'rFaaS hot native', bytes },
      );
    measured.push(await measureAtFloor(setting, hot, beside));
    const plain = new Uint8Array(bytes);
    const fewer = { ...times, count: Math.ceil(samples / 10) };
    const promised = async (): Promise<Measurement> =>
      measurement(`rFaaS by promise, ${bytes} B`, await sampleAsync(() => echo.invoke(plain), fewer), {
        series: 'rFaaS by promise',
        bytes,
      });
    measured.push(await measureAtFloor(setting, promised, beside));
  }
  return measured;
}

async function measurePeer(peer: Peer, setting: BenchmarkSetting): Promise<Measurement[]> {
  const { processors, sizes, count, progress } = setting;
  // A worker thread of this process inherits where it may run.
  pinThread(processors);
  await using connection = await peer.connect(processors[1]);
  if (peer.name !== 'piscina') pinThread([processors[0]]);
  const measured: Measurement[] = [];
  for (const bytes of sizes) {
    const samples = Math.ceil(Math.min(count, PEER_SAMPLES) / (bytes > LARGE ? 50 : 1));
    const payload = new Uint8Array(bytes).fill(7);
    const name = `${peer.name}, ${bytes} B`;
    const body = async (): Promise<void> => {
      const answer = await connection.echo(payload);
      if (answer.byteLength !== bytes) throw new Error(`${peer.name} returned ${answer.byteLength} bytes`);
    };
    const warmUp = Math.min(samples, PEER_WARM_UP);
    const times = { count: samples, warmUp, onProgress: progress.counting(name, samples) };
    const take = async (): Promise<Measurement> =>
      measurement(name, await sampleAsync(body, times), { series: peer.name, bytes });
    measured.push(await measureAtFloor(setting, take));
  }
  return measured;
}

function chart(
  measured: readonly Measurement[],
  sizes: readonly number[],
  subtitle: string | undefined,
): string {
  const names = [...new Set(measured.map(({ series }) => series ?? ''))];
  return barChart({
    title: 'The same payload there and back (median)',
    subtitle,
    horizontal: true,
    categories: names,
    value: { name: 'p50 of one round trip', unit: 'nanoseconds', log: true, min: 100 },
    series: sizes.map((bytes) => ({
      name: formatQuantity(bytes, 'bytes'),
      values: names.map((name) => measured.find((each) => each.series === name && each.bytes === bytes)?.p50),
    })),
  });
}

function ratio(one: number, other: number | undefined): number {
  return other === undefined ? 0 : Math.round((one / other) * 10) / 10;
}
