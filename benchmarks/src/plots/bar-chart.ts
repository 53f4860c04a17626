import { axisOption, nameOption, renderChart, type ChartText, type NumberAxis } from './chart.ts';
import { formatQuantity } from './units.ts';

/** A named set of bars, one for each category; undefined where there is none. */
export interface BarSeries {
  readonly name: string;
  readonly values: readonly (number | undefined)[];
}

/** Bars beside or on top of each other. */
export interface BarChartOptions extends ChartText {
  readonly categories: readonly string[];
  readonly value: NumberAxis;
  readonly series: readonly BarSeries[];
  /** What the categories are. */
  readonly categoryName?: string | undefined;
  /** On top of each other instead of side by side. Default false. */
  readonly stacked?: boolean | undefined;
  /** Categories from top to bottom, for long names. Default false. */
  readonly horizontal?: boolean | undefined;
}

/** Draws bars as an SVG document. */
export function barChart(options: BarChartOptions): string {
  const { categories, value, series, stacked, horizontal, categoryName, ...text } = options;
  const isHorizontal = horizontal === true;
  const named = categoryName === undefined ? {} : nameOption(categoryName, isHorizontal ? 'y' : 'x');
  const category = {
    type: 'category' as const,
    data: [...categories],
    inverse: isHorizontal,
    axisLabel: { interval: 0 },
    ...named,
  };
  const numbers = axisOption(value, isHorizontal ? 'x' : 'y');
  const longest = Math.max(...categories.map((name) => name.length));
  return renderChart(text, {
    xAxis: isHorizontal ? numbers : category,
    yAxis: isHorizontal ? category : numbers,
    ...(isHorizontal ? { grid: { left: 40 + 7 * longest, right: 80, top: 88, bottom: 92 } } : {}),
    series: series.map(({ name, values }) => ({
      type: 'bar',
      name,
      data: values.map((each) => each ?? '-'),
      ...(stacked === true ? { stack: 'all' } : {}),
      label: {
        show: stacked !== true,
        position: isHorizontal ? 'right' : 'top',
        fontSize: 11,
        color: '#333',
        formatter: ({ value: at }: { readonly value: unknown }) =>
          typeof at === 'number' ? formatQuantity(at, value.unit) : '',
      },
    })),
  });
}
