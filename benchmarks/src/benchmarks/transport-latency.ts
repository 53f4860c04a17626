import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openTransport, parseTransportUrl } from '@rfaas/rdmalib';
import { relate, type Measurement } from '../measure/report.ts';
import { sample } from '../measure/sampling.ts';
import { measureCacheLine, measureTransport } from '../programs/native-program.ts';
import { pinThread } from '../programs/processors.ts';
import { TransportSide } from '../programs/transport-side.ts';
import { measureAtFloor, measurement, type Benchmark, type BenchmarkSetting } from './benchmark.ts';

const WARM_UP = 20_000;

/** The raw transport: no function, no header. */
export const transportLatency: Benchmark = {
  name: 'transport-latency',
  description:
    'a write with immediate there and back over shm, both sides spinning: in C, and in TypeScript through rdmalib',
  async run(setting) {
    const { processors, count, sizes, progress } = setting;
    progress.show('cache-line');
    const measurements = [await measureCacheLine(processors, count)];
    for (const bytes of sizes) {
      progress.show(`transport in C, ${bytes} B`);
      measurements.push(await measureAtFloor(processors, () => measureTransport(processors, bytes, count)));
      measurements.push(await measureFromTypeScript('shm://0', setting, bytes));
    }
    const settings = { transport: 'shm', processors, warmUp: `${WARM_UP} round trips`, inline: true };
    return { settings, measurements: relate(measurements) };
  },
};

/** The round trip through rdmalib on any transport; `listenUrl` is where the peer listens. */
export async function measureFromTypeScript(
  listenUrl: string,
  { processors, count, progress }: BenchmarkSetting,
  bytes: number,
): Promise<Measurement> {
  const name = `transport, TypeScript, ${bytes} B`;
  const script = join(import.meta.dirname, '../programs/transport-peer.js');
  const peer = spawn(process.execPath, [script, listenUrl, String(bytes), String(processors[1])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(peer, 'exit');
  try {
    const [line] = (await once(createInterface({ input: peer.stdout }), 'line', {
      signal: AbortSignal.timeout(20_000),
    })) as [string];
    const url = parseTransportUrl(line);
    await using transport = openTransport(url);
    const domain = transport.openProtectionDomain();
    const side = new TransportSide(domain, bytes);
    const endpoint = domain.createEndpoint(side.endpointOptions);
    side.use(endpoint);
    const reply = await endpoint.connect(url, { privateData: side.invitation });
    side.meet(reply.privateData);
    pinThread([processors[0]]);
    const roundTrip = (): void => {
      side.write();
      side.repost();
      if (!side.awaitWrite()) throw new Error('the peer of the ping-pong ended');
    };
    const options = { count, warmUp: WARM_UP, onProgress: progress.counting(name, count) };
    return await measureAtFloor(processors, () => measurement(name, sample(roundTrip, options)));
  } finally {
    pinThread(processors);
    peer.kill('SIGTERM');
    await exited;
  }
}
