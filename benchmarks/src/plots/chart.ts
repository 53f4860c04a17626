import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { init, type EChartsOption } from 'echarts';
import { formatQuantity, type Unit } from './units.ts';

/** What every chart says about itself. */
export interface ChartText {
  readonly title: string;
  /** Machine, date, command: what a reader needs to trust the chart. One line, or several with line feeds. */
  readonly subtitle?: string | undefined;
}

/** An axis of numbers. */
export interface NumberAxis {
  readonly name: string;
  readonly unit: Unit;
  /** Logarithmic: to the base 2 for bytes and counts of cores, else to the base 10. Default false. */
  readonly log?: boolean | undefined;
  /** Where it begins; default: 0, logarithmic ones where the data do. */
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

/** Pixels of every chart. */
const SIZE = { width: 900, height: 520 } as const;
// No quotes: echarts writes the name into an attribute as it is.
const FONT = 'Helvetica, Arial, sans-serif';
/** Okabe and Ito's palette, which also those read who do not tell red from green; black is left to text. */
const COLORS = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#7F7F7F', '#B7A400'];

/** An axis in the form that echarts takes. */
export function axisOption(axis: NumberAxis, place: 'x' | 'y'): Record<string, unknown> {
  const isBinary = axis.unit === 'bytes' || axis.unit === 'count';
  return {
    type: axis.log === true ? 'log' : 'value',
    ...(axis.log === true ? { logBase: isBinary ? 2 : 10 } : {}),
    ...(axis.min === undefined ? {} : { min: axis.min }),
    ...(axis.max === undefined ? {} : { max: axis.max }),
    ...nameOption(axis.name, place),
    axisLabel: { formatter: (value: number) => formatQuantity(value, axis.unit), hideOverlap: true },
    splitLine: { show: true, lineStyle: { color: '#e6e6e6' } },
  };
}

/** How an axis is named. */
export function nameOption(name: string, place: 'x' | 'y'): Record<string, unknown> {
  return {
    name,
    nameLocation: 'middle',
    nameGap: place === 'x' ? 32 : 72,
    nameTextStyle: { fontSize: 13, color: '#333' },
    axisLine: { show: true, lineStyle: { color: '#555' } },
  };
}

/** Draws a chart as an SVG document. The same data give the same bytes. */
export function renderChart(text: ChartText, option: EChartsOption): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, ...SIZE });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: '#ffffff',
      color: COLORS,
      textStyle: { fontFamily: FONT },
      title: {
        text: text.title,
        subtext: text.subtitle ?? '',
        left: 16,
        top: 10,
        textStyle: { fontSize: 17, color: '#222' },
        subtextStyle: { fontSize: 12, color: '#666', lineHeight: 16 },
      },
      legend: { bottom: 8, type: 'plain', icon: 'roundRect', itemWidth: 18, itemHeight: 4 },
      grid: { left: 104, right: 36, top: topMargin(text), bottom: 92 },
      ...option,
    });
    return plain(chart.renderToSVGString());
  } finally {
    chart.dispose();
  }
}

/** Writes a chart to `path`, whose folder is made. Throws the error of the file system. */
export function writeChart(path: string, svg: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, svg.endsWith('\n') ? svg : `${svg}\n`);
}

function topMargin({ subtitle }: ChartText): number {
  return 56 + 16 * (subtitle === undefined || subtitle === '' ? 0 : subtitle.split('\n').length);
}

/**
 * What remains for paper: no style sheet, which only tells how parts look under a pointer, and no names that count the
 * charts of this process.
 */
function plain(svg: string): string {
  return svg
    .replaceAll(/<style[^>]*>.*?<\/style>\n?/gs, '')
    .replaceAll(/ class="[^"]*"/g, '')
    .replaceAll(/zr\d+-/g, 'zr-');
}
