import uPlot from 'uplot';
import { element } from './element.ts';
import type { Moment } from './history.ts';
import { formatCount, formatSeconds } from './quantities.ts';

type Format = (value: number | null | undefined) => string;
type Series = readonly [label: string, read: (moment: Moment) => number | null];

interface ChartPlan {
  readonly title: string;
  readonly format: Format;
  /** The vertical axis reaches at least so far. */
  readonly least: number;
  readonly series: readonly Series[];
}

const count: Format = (value) => (value === null || value === undefined ? '–' : formatCount(value));
const perSecond: Format = (value) =>
  value === null || value === undefined ? '–' : `${formatCount(value)}/s`;

const plans: readonly ChartPlan[] = [
  {
    title: 'Cores',
    format: count,
    least: 4,
    series: [
      ['leased', (moment) => moment.coresLeased],
      ['all', (moment) => moment.coresAll],
    ],
  },
  {
    title: 'Leases',
    format: count,
    least: 4,
    series: [
      ['open', (moment) => moment.leases],
      ['queued', (moment) => moment.queued],
    ],
  },
  {
    title: 'Lease requests',
    format: perSecond,
    least: 1,
    series: [
      ['granted', (moment) => moment.granted],
      ['refused', (moment) => moment.refused],
    ],
  },
  {
    title: 'Grant latency',
    format: formatSeconds,
    least: 1e-5,
    series: [
      ['p50', (moment) => moment.p50],
      ['p99', (moment) => moment.p99],
    ],
  },
  {
    title: 'Invocations',
    format: perSecond,
    least: 1,
    series: [['reported', (moment) => moment.invocations]],
  },
];

const height = 150;
/** A page that was just opened shows so much of nothing in front of what it has seen. */
const leastSeconds = 120;

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

/** The charts of the page. */
export class Charts {
  readonly #charts: readonly Chart[];

  constructor(parent: HTMLElement) {
    this.#charts = plans.map((plan) => new Chart(parent, plan));
    const observer = new ResizeObserver(() => this.#charts.forEach((chart) => chart.fit()));
    observer.observe(parent);
    // A canvas does not follow the colours of the page by itself.
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () =>
      this.#charts.forEach((chart) => chart.rebuild()),
    );
  }

  show(moments: readonly Moment[]): void {
    this.#charts.forEach((chart) => chart.show(moments));
  }
}

/** A figure: its title, its last values as text, and the lines, which are told as text to those who do not see them. */
class Chart {
  readonly #plan: ChartPlan;
  readonly #canvas = element('div', { attributes: { role: 'img' } });
  readonly #values: readonly HTMLElement[];
  #plot: uPlot | undefined;
  #data: uPlot.AlignedData = [[]];

  constructor(parent: HTMLElement, plan: ChartPlan) {
    this.#plan = plan;
    this.#values = plan.series.map(([label]) => element('span', { text: label }));
    const key = element('span', { class: 'key', children: this.#values });
    const caption = element('figcaption', { children: [element('strong', { text: plan.title }), key] });
    parent.append(element('figure', { class: 'chart card', children: [caption, this.#canvas] }));
  }

  show(moments: readonly Moment[]): void {
    const { series, format, title } = this.#plan;
    const columns = series.map(([, read]) => moments.map(read));
    this.#data = [moments.map(({ time }) => time), ...columns];
    const texts = series.map(([label], index) => `${label} ${format(columns[index]?.at(-1))}`);
    texts.forEach((text, index) => {
      const value = this.#values[index];
      if (value !== undefined) value.textContent = text;
    });
    this.#canvas.setAttribute('aria-label', `${title}: ${texts.join(', ')}`);
    if (this.#plot === undefined) this.rebuild();
    else this.#plot.setData(this.#data);
  }

  fit(): void {
    this.#plot?.setSize({ width: this.#canvas.clientWidth, height });
  }

  rebuild(): void {
    this.#plot?.destroy();
    this.#plot = new uPlot(this.#options(), this.#data, this.#canvas);
  }

  #options(): uPlot.Options {
    const style = getComputedStyle(document.documentElement);
    const color = (name: string): string => style.getPropertyValue(name).trim();
    const axis = {
      stroke: color('--muted'),
      grid: { stroke: color('--line'), width: 1 },
      ticks: { show: false },
      font: '12px system-ui',
    };
    const { format, series, least } = this.#plan;
    return {
      width: this.#canvas.clientWidth,
      height,
      legend: { show: false },
      cursor: { y: false, points: { show: true } },
      scales: {
        x: { range: (_plot, first, last) => [Math.min(first, last - leastSeconds), last] },
        y: { range: (_plot, _low, high) => [0, Math.max(high ?? 0, least) * 1.1] },
      },
      axes: [
        {
          ...axis,
          space: 50,
          size: 28,
          incrs: [60, 120, 300],
          values: (_plot, ticks) => ticks.map((tick) => clock.format(tick * 1000)),
        },
        { ...axis, size: 60, values: (_plot, ticks) => ticks.map((tick) => format(tick)) },
      ],
      series: [
        {},
        ...series.map(([label], index) => ({
          label,
          stroke: color(`--series-${index + 1}`),
          width: 2,
          ...(index === 0 ? { fill: `${color('--series-1')}22` } : {}),
          points: { show: false },
        })),
      ],
    };
  }
}
