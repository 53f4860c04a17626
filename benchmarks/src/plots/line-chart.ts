import { axisOption, renderChart, type ChartText, type NumberAxis } from './chart.ts';

/** A named line of points. */
export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** For what is compared with, not measured: limits, ideals. */
  readonly dashed?: boolean | undefined;
}

/** Lines over numbers. */
export interface LineChartOptions extends ChartText {
  readonly x: NumberAxis;
  readonly y: NumberAxis;
  readonly lines: readonly Line[];
  /** Draws steps that hold from a point to the next, as of counts over time. Default false. */
  readonly steps?: boolean | undefined;
  /** Marks each point. Default: up to 40 points a line. */
  readonly markers?: boolean | undefined;
}

/** Draws lines as an SVG document. */
export function lineChart({ x, y, lines, steps, markers, ...text }: LineChartOptions): string {
  return renderChart(text, {
    xAxis: axisOption(x, 'x'),
    yAxis: axisOption(y, 'y'),
    series: lines.map(({ name, points, dashed }) => ({
      type: 'line',
      name,
      data: points.map(([at, value]) => [at, value]),
      showSymbol: markers ?? points.length <= 40,
      symbol: 'circle',
      symbolSize: 6,
      lineStyle: { width: 2, type: dashed === true ? 'dashed' : 'solid' },
      ...(steps === true ? { step: 'end' as const } : {}),
    })),
  });
}
