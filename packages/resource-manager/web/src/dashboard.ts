import { ApiError, type Api, type List } from './api.ts';
import type { Caller, Lease, Node, Queued, Stats, Tenant } from './answers.ts';
import { Charts } from './charts.ts';
import { confirmAction } from './confirmation.ts';
import { byId } from './element.ts';
import { History } from './history.ts';
import { LeaseTables } from './lease-tables.ts';
import { NodesTable } from './nodes-table.ts';
import { Tiles } from './tiles.ts';

const intervalMs = 2000;
const typingMs = 300;
const announcementMs = 8000;

interface Answers {
  readonly nodes: List<Node>;
  readonly leases: List<Lease>;
  /** Those that the filter lets pass, and perhaps others. */
  readonly matchingLeases: List<Lease>;
  readonly queue: List<Queued>;
  readonly tenants: List<Tenant>;
  readonly stats: Stats | undefined;
}

const none = { items: [], total: 0 };
const nothing: Answers = {
  nodes: none,
  leases: none,
  matchingLeases: none,
  queue: none,
  tenants: none,
  stats: undefined,
};

/** The cluster, asked for again and again while the page is seen. */
export class Dashboard {
  readonly #api: Api;
  readonly #caller: Caller;
  readonly #onRefused: (reason: string) => void;
  readonly #history = new History();
  readonly #tiles = new Tiles();
  readonly #charts = new Charts(byId('charts'));
  readonly #nodes: NodesTable;
  readonly #leases: LeaseTables;
  #answers = nothing;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #announcing: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  /** `onRefused` hears that the token is not taken any more. */
  constructor(api: Api, caller: Caller, onRefused: (reason: string) => void) {
    this.#api = api;
    this.#caller = caller;
    this.#onRefused = onRefused;
    const { role } = caller;
    this.#nodes = new NodesTable(() =>
      role === 'operator' ? (node) => void this.#drainOrResume(node) : undefined,
    );
    this.#leases = new LeaseTables(
      () => api.now(),
      () => (role === 'operator' || role === 'tenant' ? (lease) => void this.#release(lease) : undefined),
    );
    this.#arrange();
  }

  start(): void {
    document.addEventListener('visibilitychange', () => this.#refresh());
    for (const id of ['nodes-filter', 'leases-filter'])
      byId(id).addEventListener('input', () => {
        this.#show();
        // What is not here is looked for by the manager, once the typing pauses.
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#refresh(), typingMs);
      });
    this.#refresh();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    byId('main').hidden = true;
    byId('sign-out').hidden = true;
  }

  /** What a role may not see is not there. */
  #arrange(): void {
    const { role, name } = this.#caller;
    byId('identity').textContent = name === '' ? role : `${role} ${name}`;
    byId('sign-out').hidden = this.#api.token === '';
    byId('main').hidden = false;
    const seesAll = role === 'operator' || role === 'monitor';
    byId('charts-section').hidden = !seesAll;
    byId('tiles').hidden = !seesAll;
    byId('queue-section').hidden = role === 'node';
    byId('tenants-section').hidden = role === 'node';
  }

  #refresh(): void {
    clearTimeout(this.#timer);
    if (this.#stopped || document.hidden) return;
    void this.#poll().finally(() => {
      if (!this.#stopped) this.#timer = setTimeout(() => this.#refresh(), intervalMs);
    });
  }

  async #poll(): Promise<void> {
    const { role } = this.#caller;
    const api = this.#api;
    const isNode = role === 'node';
    try {
      const [nodes, leases, queue, tenants, stats] = await Promise.all([
        api.list<Node>('nodes', wanted('nodes-filter')),
        api.list<Lease>('leases', ''),
        isNode ? none : api.list<Queued>('queue', ''),
        isNode ? none : api.list<Tenant>('tenants', ''),
        isNode || role === 'tenant' ? undefined : api.get<Stats>('stats'),
      ]);
      // Where not all leases came, the manager looks for those that are wanted.
      const filter = leases.total > leases.items.length ? wanted('leases-filter') : '';
      const matchingLeases = filter === '' ? leases : await api.list<Lease>('leases', filter);
      this.#answers = { nodes, leases, matchingLeases, queue, tenants, stats };
      if (stats !== undefined) {
        const moment = this.#history.add(stats);
        this.#tiles.show(stats, moment);
        this.#charts.show(this.#history.moments);
      }
      this.#show();
      this.#connection('live', 'live');
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        this.#onRefused('the token is not taken any more');
      }
      this.#connection('lost', `${error instanceof Error ? error.message : String(error)}; asking again`);
    }
  }

  #show(): void {
    const { nodes, leases, matchingLeases, queue, tenants } = this.#answers;
    const [node, lease] = [wanted('nodes-filter'), wanted('leases-filter')];
    const holds = (name: string): boolean =>
      leases.items.some(
        ({ tenant, shares }) =>
          tenant.toLowerCase().includes(node) && shares.some((share) => share.node === name),
      );
    // Who holds what is known here where all leases came; else the manager's choice stands.
    const shownNodes =
      leases.total > leases.items.length
        ? nodes
        : filtered(
            nodes,
            ({ name, state, drain }) =>
              `${name} ${state} ${drain}`.toLowerCase().includes(node) || holds(name),
          );
    this.#nodes.show(shownNodes, leases, this.#api.now());
    const shownLeases = filtered(matchingLeases, ({ id, tenant, shares }) =>
      [id, tenant, ...shares.map((share) => share.node)].join(' ').toLowerCase().includes(lease),
    );
    this.#leases.show(shownLeases, queue, tenants);
  }

  async #drainOrResume(node: Node): Promise<void> {
    const path = `nodes/${encodeURIComponent(node.name)}`;
    if (node.drain !== 'no') {
      await this.#do(`${node.name} is back in service`, async () => this.#api.send('POST', `${path}/resume`));
      return;
    }
    const answer = await confirmAction({
      title: `Drain ${node.name}?`,
      text: `It takes no new leases. ${node.leases} run there now; they end when the time below is over.`,
      action: 'Drain',
      graceSeconds: 60,
    });
    if (answer !== undefined) {
      await this.#do(`${node.name} is draining`, async () => this.#api.send('POST', `${path}/drain`, answer));
    }
  }

  async #release(lease: Lease): Promise<void> {
    const answer = await confirmAction({
      title: `Release this lease of ${lease.tenant}?`,
      text: `Whatever runs on its ${lease.cores} cores ends at once.`,
      action: 'Release',
    });
    if (answer !== undefined) {
      await this.#do('The lease is released', async () => this.#api.send('DELETE', `leases/${lease.id}`));
    }
  }

  async #do(done: string, action: () => Promise<void>): Promise<void> {
    try {
      await action();
      this.#announce(done, false);
    } catch (error) {
      this.#announce(error instanceof Error ? error.message : String(error), true);
    }
    this.#refresh();
  }

  #announce(text: string, isProblem: boolean): void {
    const place = byId('announcement');
    place.textContent = text;
    place.classList.toggle('problem', isProblem);
    clearTimeout(this.#announcing);
    this.#announcing = setTimeout(() => (place.textContent = ''), announcementMs);
  }

  #connection(state: 'live' | 'lost', text: string): void {
    const place = byId('connection');
    place.dataset['state'] = state;
    // Said only when it changes: it is read aloud.
    if (place.textContent !== text) place.textContent = text;
  }
}

/** What somebody has typed into a filter. */
function wanted(id: string): string {
  return byId<HTMLInputElement>(id).value.trim().toLowerCase();
}

/** What passes; if nothing was left out here, there may be more at the manager. */
function filtered<T>({ items, total }: List<T>, passes: (item: T) => boolean): List<T> {
  const passed = items.filter(passes);
  return { items: passed, total: passed.length < items.length ? passed.length : total };
}
