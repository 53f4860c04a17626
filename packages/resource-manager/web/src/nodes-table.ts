import type { Lease, Node } from './answers.ts';
import type { List } from './api.ts';
import { byId, element } from './element.ts';
import { KeyedTable } from './keyed-table.ts';
import { formatDuration, formatMebibytes } from './quantities.ts';
import { tenantHue, tenantMark } from './tenant-colour.ts';

/** Who holds how much of a node. */
interface Holder {
  readonly tenant: string;
  readonly cores: number;
}

interface Row {
  readonly node: Node;
  readonly holders: readonly Holder[];
  /** The manager's time. */
  readonly now: number;
}

/** What can be done to a node; `undefined` where the token is not enough. */
export type NodeAction = ((node: Node) => void) | undefined;

/** More cores than this are a bar of parts, not boxes. */
const mostBoxes = 64;

/** The table of nodes: their cores, and who holds them. */
export class NodesTable {
  readonly #table: KeyedTable<Row>;

  constructor(action: () => NodeAction) {
    this.#table = new KeyedTable<Row>({
      table: byId('nodes'),
      caption: 'Nodes with their cores and who holds them',
      key: ({ node }) => node.name,
      empty: 'No node: start an executor manager',
      columns: [
        { heading: 'Node', text: ({ node }) => node.name },
        { heading: 'State', text: stateText, content: (row) => [stateMark(row)] },
        { heading: 'Cores', text: coresKey, content: (row) => [coreBoxes(row)] },
        {
          heading: 'Leased',
          class: 'number',
          text: ({ node }) => `${node.cores - node.freeCores} of ${node.cores}`,
        },
        {
          heading: 'Held by',
          class: 'wrap',
          text: coresKey,
          content: ({ holders }) => holders.map(holderMark),
        },
        {
          heading: 'Free memory',
          class: 'number',
          text: ({ node }) => `${formatMebibytes(node.freeMemoryMiB)} of ${formatMebibytes(node.memoryMiB)}`,
        },
        {
          heading: 'Action',
          text: ({ node }) => (action() === undefined ? '' : node.drain === 'no' ? 'Drain' : 'Resume'),
          content: ({ node }) => actionButton(node, action),
        },
      ],
    });
  }

  show(nodes: List<Node>, leases: List<Lease>, now: number): void {
    const known = holdersByNode(leases.items);
    const isComplete = leases.items.length >= leases.total;
    const rows = nodes.items.map((node) => {
      const holders = known.get(node.name) ?? [];
      return { node, holders: isComplete ? holders : withOthers(node, holders), now };
    });
    this.#table.show(rows, nodes.total);
  }
}

function holdersByNode(leases: readonly Lease[]): ReadonlyMap<string, Holder[]> {
  const found = new Map<string, Map<string, number>>();
  for (const { tenant, shares } of leases) {
    for (const { node, cores, freed } of shares) {
      if (freed) continue;
      const tenants = found.get(node) ?? new Map<string, number>();
      tenants.set(tenant, (tenants.get(tenant) ?? 0) + cores);
      found.set(node, tenants);
    }
  }
  const list = (tenants: Map<string, number>): Holder[] =>
    [...tenants].map(([tenant, cores]) => ({ tenant, cores })).sort((a, b) => b.cores - a.cores);
  return new Map([...found].map(([node, tenants]) => [node, list(tenants)]));
}

/** Whose leases did not come, because there are so many, are others. */
function withOthers({ cores, freeCores }: Node, holders: readonly Holder[]): readonly Holder[] {
  const unknown = cores - freeCores - holders.reduce((sum, holder) => sum + holder.cores, 0);
  return unknown > 0 ? [...holders, { tenant: 'others', cores: unknown }] : holders;
}

function stateText({ node, now }: Row): string {
  if (node.drain === 'draining' && node.drainDeadline !== null) {
    return `draining, ${formatDuration(Date.parse(node.drainDeadline) - now)} left`;
  }
  return node.drain === 'no' ? node.state : node.drain;
}

function stateMark(row: Row): HTMLElement {
  const { state, drain } = row.node;
  const isBad = state === 'lost';
  const level = isBad ? 'bad' : drain !== 'no' || state !== 'connected' ? 'warn' : 'good';
  const sign = { good: '●', warn: '◐', bad: '○' }[level];
  return element('span', {
    class: 'state',
    text: `${sign} ${stateText(row)}`,
    attributes: { 'data-level': level },
  });
}

function coresKey({ node, holders }: Row): string {
  return [node.cores, ...holders.map(({ tenant, cores }) => `${tenant} ${cores}`)].join(', ');
}

/** A box for each core, or a bar where there are many; the column beside it says the same in words. */
function coreBoxes({ node, holders }: Row): HTMLElement {
  const isDense = node.cores > mostBoxes;
  const boxes = holders.flatMap(({ tenant, cores }) =>
    isDense ? [part(cores, tenant)] : Array.from({ length: cores }, () => part(1, tenant)),
  );
  const held = holders.reduce((sum, { cores }) => sum + cores, 0);
  const free = Math.max(0, node.cores - held);
  const rest = isDense ? [part(free)] : Array.from({ length: free }, () => part(1));
  return element('div', {
    class: isDense ? 'cores dense' : 'cores',
    attributes: { 'aria-hidden': 'true' },
    children: [...boxes, ...rest],
  });
}

function part(cores: number, tenant?: string): HTMLElement {
  const box = element('span', { class: tenant === undefined ? 'core' : 'core held' });
  box.style.flexGrow = cores > 1 ? String(cores) : '';
  if (tenant !== undefined) {
    box.style.setProperty('--hue', String(tenantHue(tenant)));
    box.title = tenant;
  }
  return box;
}

function holderMark({ tenant, cores }: Holder): HTMLElement {
  return element('span', { class: 'holder', children: [tenantMark(tenant), `${tenant} ${cores}`] });
}

function actionButton(node: Node, action: () => NodeAction): HTMLElement[] {
  if (action() === undefined) return [];
  const what = node.drain === 'no' ? 'Drain' : 'Resume';
  const button = element('button', {
    text: what,
    attributes: { type: 'button', 'aria-label': `${what} ${node.name}` },
  });
  button.addEventListener('click', () => action()?.(node));
  return [button];
}
