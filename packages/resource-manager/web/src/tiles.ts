import type { Stats } from './answers.ts';
import { byId, element } from './element.ts';
import type { Moment } from './history.ts';
import { formatCount, formatSeconds } from './quantities.ts';

const rate = (value: number | null): string => (value === null ? '–' : `${formatCount(value)}/s`);

const tiles: readonly (readonly [
  title: string,
  value: (stats: Stats, moment: Moment) => readonly [string, string],
])[] = [
  ['Nodes', ({ nodes }) => [String(nodes.all), nodesNote(nodes)]],
  ['Cores leased', ({ cores }) => [String(cores.all - cores.free), `of ${cores.all}`]],
  [
    'Leases',
    ({ leases }) => [String(leases.running), leases.ending > 0 ? `+ ${leases.ending} ending` : 'running'],
  ],
  ['Queue', ({ queued }) => [String(queued), queued === 1 ? 'request' : 'requests']],
  ['Grants', ({ totals }, { granted }) => [rate(granted), `${formatCount(totals.granted)} in all`]],
  ['Grant p99', ({ grantLatency }) => [formatSeconds(grantLatency.p99), 'last minute']],
  [
    'Invocations',
    ({ usage }, { invocations }) => [rate(invocations), `${formatCount(usage.invocations)} in all`],
  ],
];

/** The figures on top of the page. */
export class Tiles {
  readonly #values: readonly HTMLElement[];
  readonly #meter = element('meter', { attributes: { min: '0', 'aria-label': 'Cores leased' } });

  constructor() {
    this.#values = tiles.map(() => element('dd'));
    byId('tiles').append(
      ...tiles.map(([title], index) =>
        element('div', {
          class: 'tile card',
          children: [element('dt', { text: title }), this.#values[index] ?? ''],
        }),
      ),
    );
  }

  show(stats: Stats, moment: Moment): void {
    tiles.forEach(([title, value], index) => {
      const [figure, note] = value(stats, moment);
      const extra = title === 'Cores leased' ? [this.#meter] : [];
      this.#values[index]?.replaceChildren(`${figure} `, element('small', { text: note }), ...extra);
    });
    this.#meter.max = Math.max(1, stats.cores.all);
    this.#meter.value = stats.cores.all - stats.cores.free;
  }
}

function nodesNote({ connected, draining, lost }: Stats['nodes']): string {
  const notes = [`${connected} connected`];
  if (draining > 0) notes.push(`${draining} draining`);
  if (lost > 0) notes.push(`${lost} lost`);
  return notes.join(', ');
}
