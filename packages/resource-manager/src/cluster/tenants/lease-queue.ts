import { OrderedForest, type Root } from '../ordering/ordered-forest.ts';

/** A request that waits for room. Times are milliseconds of one clock. */
export interface WaitingRequest<T> {
  readonly id: string;
  readonly tenant: string;
  readonly since: number;
  /** From when on it does not want to wait any more. */
  readonly deadline: number;
  /** Cores that must be free on one node before it is worth trying. */
  readonly coresPerPart: number;
  readonly request: T;
}

/** What came of trying a request: granted, no room for it, or its own tenant has to give something back first. */
export type AttemptResult = 'granted' | 'no-room' | 'over-limit';

/** What a queue is made with. */
export interface LeaseQueueOptions {
  /**
   * After waiting this long, in milliseconds, the first request of a tenant is passed by nobody: nothing is granted until it
   * is, so that small requests do not starve a large one. Default: for ever, every room is used at once.
   */
  readonly patienceMs?: number;
}

interface Line {
  readonly tenant: string;
  readonly number: number;
  /** Its requests by number, which is the order in which they came. */
  requests: Root;
  /** The number of the first one, and what the line is known by among the heads and in turn; 0 if it is empty. */
  head: number;
  turn: number;
}

interface Numbered<T> {
  readonly number: number;
  readonly entry: WaitingRequest<T>;
}

/**
 * Requests that wait for room: first come, first served within a tenant, tenants in turn. Each operation takes time
 * logarithmic in the number of requests; {@link serve} does so for each request that it tries.
 */
export class LeaseQueue<T> {
  readonly #patienceMs: number;
  readonly #sets = new OrderedForest();
  readonly #byId = new Map<string, Numbered<T>>();
  readonly #byNumber = new Map<number, WaitingRequest<T>>();
  readonly #lines = new Map<string, Line>();
  readonly #lineByNumber = new Map<number, Line>();
  /** All requests by deadline. */
  #deadlines: Root = 0;
  /** The first request of each line by age. */
  #heads: Root = 0;
  /** The lines by turn, with the cores of their first request, negative so that the least is the largest. */
  #turns: Root = 0;
  #count = 0;
  #isHeld = false;

  constructor({ patienceMs = Infinity }: LeaseQueueOptions = {}) {
    this.#patienceMs = patienceMs;
  }

  /** How many requests wait. */
  get length(): number {
    return this.#byId.size;
  }

  /** Whether a new request of a tenant has to wait, however much room there is: it may not pass those that wait. */
  mustWait(tenant: string): boolean {
    return this.#isHeld || this.#lines.has(tenant);
  }

  /** Adds a request behind the others of its tenant. Returns its position. @throws RangeError for an id that waits already */
  add(entry: WaitingRequest<T>): number {
    if (this.#byId.has(entry.id)) {
      throw new RangeError(`request ${entry.id} waits already`);
    }
    const number = this.#nextNumber();
    const line = this.#lines.get(entry.tenant) ?? this.#openLine(entry.tenant);
    this.#byId.set(entry.id, { number, entry });
    this.#byNumber.set(number, entry);
    this.#deadlines = this.#sets.insert(this.#deadlines, entry.deadline, 0, number);
    line.requests = this.#sets.insert(line.requests, number, 0, number);
    if (line.head === 0) {
      this.#lift(line, number);
    }
    return this.#sets.size(line.requests);
  }

  /** Takes a request out: it was cancelled, or its client is gone. */
  remove(id: string): WaitingRequest<T> | undefined {
    const found = this.#byId.get(id);
    if (found !== undefined) {
      this.#take(found.number, found.entry, false);
    }
    return found?.entry;
  }

  /** Takes those out whose deadline has come, the earliest first. */
  expire(now: number): readonly WaitingRequest<T>[] {
    const expired: WaitingRequest<T>[] = [];
    for (
      let deadline = this.nextDeadline();
      deadline !== undefined && deadline <= now;
      deadline = this.nextDeadline()
    ) {
      const number = this.#sets.id(this.#sets.lowest(this.#deadlines));
      const entry = this.#byNumber.get(number) as WaitingRequest<T>;
      this.#take(number, entry, false);
      expired.push(entry);
    }
    return expired;
  }

  /** When {@link expire} has something to do. */
  nextDeadline(): number | undefined {
    return this.#deadlines === 0 ? undefined : this.#sets.first(this.#sets.lowest(this.#deadlines));
  }

  /** The place of a request among those of its tenant, from 1. */
  position(id: string): number | undefined {
    const found = this.#byId.get(id);
    const line = found === undefined ? undefined : this.#lines.get(found.entry.tenant);
    return found === undefined || line === undefined
      ? undefined
      : this.#sets.rank(line.requests, found.number) + 1;
  }

  get(id: string): WaitingRequest<T> | undefined {
    return this.#byId.get(id)?.entry;
  }

  /** The requests of a tenant in their order. */
  line(tenant: string): readonly WaitingRequest<T>[] {
    const { requests } = this.#lines.get(tenant) ?? { requests: 0 };
    return Array.from({ length: this.#sets.size(requests) }, (_, rank) => {
      const number = this.#sets.id(this.#sets.at(requests, rank));
      return this.#byNumber.get(number) as WaitingRequest<T>;
    });
  }

  /** How many requests of a tenant wait. */
  waiting(tenant: string): number {
    const line = this.#lines.get(tenant);
    return line === undefined ? 0 : this.#sets.size(line.requests);
  }

  /** All that wait, in the order in which they came. */
  list(): readonly WaitingRequest<T>[] {
    return [...this.#byNumber.values()];
  }

  /**
   * Something has become free, or a request that held others up is gone: tries the first request of each tenant, in turn, and again the next one of a tenant whose
   * first was granted. Requests that have waited longer than the queue's patience come first, the oldest before the others,
   * and the first of these without room ends the round.
   *
   * @param mostCores how many cores are free on the emptiest node, asked again after each grant
   * @param attempt grants the request if it can
   * @returns those that were granted; they wait no more
   */
  serve(
    now: number,
    mostCores: () => number,
    attempt: (entry: WaitingRequest<T>) => AttemptResult,
  ): readonly WaitingRequest<T>[] {
    const granted: WaitingRequest<T>[] = [];
    const attemptHead = (line: Line): AttemptResult => {
      const entry = this.#byNumber.get(line.head) as WaitingRequest<T>;
      const result = attempt(entry);
      if (result === 'granted') {
        this.#take(line.head, entry, true);
        granted.push(entry);
      }
      return result;
    };
    this.#isHeld = this.#serveOverdue(now, attemptHead);
    if (!this.#isHeld) {
      this.#serveInTurn(mostCores, attemptHead);
    }
    return granted;
  }

  /** Returns whether one of them found no room. */
  #serveOverdue(now: number, attemptHead: (line: Line) => AttemptResult): boolean {
    let element = this.#sets.lowest(this.#heads);
    while (element !== 0 && this.#sets.first(element) + this.#patienceMs <= now) {
      const since = this.#sets.first(element);
      const number = this.#sets.second(element);
      const line = this.#lineByNumber.get(this.#sets.id(element)) as Line;
      if (attemptHead(line) === 'no-room') {
        return true;
      }
      element = this.#sets.after(this.#heads, since, number, line.number);
    }
    return false;
  }

  #serveInTurn(mostCores: () => number, attemptHead: (line: Line) => AttemptResult): void {
    let most = mostCores();
    for (let turn = -Infinity; ;) {
      const element = this.#sets.lowest(this.#turns, turn, -most);
      if (element === 0) {
        return;
      }
      turn = this.#sets.first(element) + 1;
      if (attemptHead(this.#lineByNumber.get(this.#sets.id(element)) as Line) === 'granted') {
        most = mostCores();
      }
    }
  }

  #openLine(tenant: string): Line {
    const line: Line = { tenant, number: this.#nextNumber(), requests: 0, head: 0, turn: 0 };
    this.#lines.set(tenant, line);
    this.#lineByNumber.set(line.number, line);
    return line;
  }

  #take(number: number, entry: WaitingRequest<T>, isGranted: boolean): void {
    const line = this.#lines.get(entry.tenant) as Line;
    this.#byId.delete(entry.id);
    this.#byNumber.delete(number);
    this.#deadlines = this.#sets.remove(this.#deadlines, entry.deadline, 0, number);
    line.requests = this.#sets.remove(line.requests, number, 0, number);
    if (line.head !== number) {
      return;
    }
    this.#heads = this.#sets.remove(this.#heads, entry.since, number, line.number);
    this.#turns = this.#sets.remove(this.#turns, line.turn, -entry.coresPerPart, line.number);
    this.#isHeld = false;
    if (line.requests === 0) {
      this.#lines.delete(line.tenant);
      this.#lineByNumber.delete(line.number);
    } else {
      this.#lift(line, isGranted ? this.#nextNumber() : line.turn);
    }
  }

  /** The next request of a line becomes its first. */
  #lift(line: Line, turn: number): void {
    line.head = this.#sets.id(this.#sets.lowest(line.requests));
    line.turn = turn;
    const { since, coresPerPart } = this.#byNumber.get(line.head) as WaitingRequest<T>;
    this.#heads = this.#sets.insert(this.#heads, since, line.head, line.number);
    this.#turns = this.#sets.insert(this.#turns, turn, -coresPerPart, line.number);
  }

  #nextNumber(): number {
    this.#count += 1;
    return this.#count;
  }
}
