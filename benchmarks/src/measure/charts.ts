import { barChart } from '../plots/bar-chart.ts';
import { lineChart, type Line } from '../plots/line-chart.ts';
import type { Measurement, Report } from './report.ts';

/** More lines than this nobody tells apart. */
const MOST_LINES = 8;
const FINEST = 1e-5;

/** The charts that every report has: percentiles, the distribution, and latency against size where there are sizes. */
export function generalCharts(report: Report, subtitle: string): Record<string, string> {
  const measured = report.measurements.filter(({ count }) => count > 0);
  if (measured.length === 0) return {};
  const charts: Record<string, string> = { latency: percentiles(report, measured, subtitle) };
  const spread = measured.filter(({ histogram }) => histogram !== undefined).slice(0, MOST_LINES);
  if (spread.length > 0) charts['distribution'] = distribution(report, spread, subtitle);
  const bySize = linesBySize(measured);
  if (bySize.length > 0) charts['size'] = againstSize(report, bySize, subtitle);
  return charts;
}

function percentiles(report: Report, measured: readonly Measurement[], subtitle: string): string {
  const shown = measured.slice(0, 14);
  return barChart({
    title: `${report.benchmark}: median and 99th percentile`,
    subtitle,
    horizontal: true,
    categories: shown.map(({ name }) => name),
    value: { name: 'time of one operation', unit: 'nanoseconds', log: true },
    series: [
      { name: 'p50', values: shown.map(({ p50 }) => p50) },
      { name: 'p99', values: shown.map(({ p99 }) => p99) },
    ],
  });
}

/** How many of the samples took longer, on a logarithmic scale: the tail is what this shows. */
function distribution(report: Report, measured: readonly Measurement[], subtitle: string): string {
  return lineChart({
    title: `${report.benchmark}: how many take longer`,
    subtitle,
    x: { name: 'time of one operation', unit: 'nanoseconds', log: true },
    y: { name: 'samples that take longer', unit: 'percent', log: true },
    markers: false,
    lines: measured.map(({ name, histogram = [], count }) => {
      let above = count;
      const points = histogram.map(({ to, count: inside }) => {
        above -= inside;
        return [to, (100 * above) / count] as const;
      });
      return { name, points: points.filter(([, share]) => share > 100 * FINEST) };
    }),
  });
}

function linesBySize(measured: readonly Measurement[]): Line[] {
  const lines = new Map<string, [number, number][]>();
  for (const { series, bytes, p50 } of measured) {
    if (series === undefined || bytes === undefined) continue;
    const points = lines.get(series) ?? [];
    points.push([bytes, p50]);
    lines.set(series, points);
  }
  return [...lines]
    .filter(([, points]) => points.length > 1)
    .slice(0, MOST_LINES)
    .map(([name, points]) => ({ name, points: points.sort(([one], [other]) => one - other) }));
}

function againstSize(report: Report, lines: readonly Line[], subtitle: string): string {
  return lineChart({
    title: `${report.benchmark}: median against payload`,
    subtitle,
    x: { name: 'payload', unit: 'bytes', log: true },
    y: { name: 'p50 of one operation', unit: 'nanoseconds', log: true },
    lines,
  });
}
