import { net, type Measurement } from '../measure/report.ts';
import { lineChart } from '../plots/line-chart.ts';

/** What the time of an invocation itself is told by, in bytes. */
export const SMALL = 64;

export const TEMPERATURES = ['hot', 'warm'] as const;
export const KINDS = ['native', 'JavaScript'] as const;

/** The ratios that the project has set itself. */
export function factsOf(measurements: readonly Measurement[]): Record<string, number> {
  const facts: Record<string, number> = {};
  const wakeUp = measurements.find(({ name }) => name.startsWith('futex'));
  for (const each of measurements.filter(({ series }) =>
    TEMPERATURES.some((which) => series?.startsWith(which)),
  )) {
    const { name, bytes } = each;
    const memcpy = measurements.find((other) => other.series === 'memcpy' && other.bytes === bytes);
    if (memcpy !== undefined) facts[`${name} / memcpy`] = ratio(each.p50, memcpy.p50);
    if (bytes !== SMALL) continue;
    if (name.startsWith('warm') && wakeUp !== undefined) {
      facts[`${name} / futex wake-up`] = ratio(each.p50, wakeUp.p50);
    }
    if (name.startsWith('hot')) Object.assign(facts, hotFacts(each));
  }
  return facts;
}

function hotFacts(each: Measurement): Record<string, number> {
  const { name, p50, p99, transport } = each;
  return {
    [`${name}: p99 / p50`]: ratio(p99, p50),
    ...(transport === undefined
      ? {}
      : { [`${name}: ns above the raw transport in C`]: Math.round(net(each) - transport) }),
  };
}

function ratio(one: number, other: number): number {
  return Math.round((one / other) * 100) / 100;
}

/** Median against payload, a chart for each temperature and kind of function. */
export function chartsOf(
  measurements: readonly Measurement[],
  subtitle: string | undefined,
): Record<string, string> {
  const charts: Record<string, string> = {};
  for (const temperature of TEMPERATURES) {
    for (const kind of KINDS) {
      const group = `${temperature} ${kind}`;
      const names = [...new Set(measurements.map(({ series = '' }) => series))].filter((series) =>
        series.startsWith(group),
      );
      if (names.length === 0) continue;
      charts[`size-${temperature}-${kind.toLowerCase()}`] = lineChart({
        title: `${group}: median against payload`,
        subtitle,
        x: { name: 'payload', unit: 'bytes', log: true },
        y: { name: 'p50 of one invocation', unit: 'nanoseconds', log: true },
        lines: [...names, 'memcpy'].map((name) => ({
          name: name.replace(`${group}, `, ''),
          dashed: name === 'memcpy',
          points: measurements
            .filter(({ series }) => series === name)
            .map(({ bytes = 0, p50 }) => [bytes, p50] as const),
        })),
      });
    }
  }
  return charts;
}
