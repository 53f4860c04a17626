/** The manager refused, or did not answer (status 0). */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const storageKey = 'rfaas-token';
const timeoutMs = 10_000;
/** Of a list so much is asked for every time: more than is shown, since some of it is filtered out here. */
const listItems = 1000;

/** Some items of a list, and how many there are in all. */
export interface List<T> {
  readonly items: readonly T[];
  readonly total: number;
}

/** Asks the resource manager that the page came from, with a token that never leaves this tab. */
export class Api {
  /** How far the manager's clock is ahead of this one, in milliseconds; a second is as exact as it gets. */
  clockOffsetMs = 0;

  get token(): string {
    return sessionStorage.getItem(storageKey) ?? '';
  }

  set token(token: string) {
    if (token === '') {
      sessionStorage.removeItem(storageKey);
    } else {
      sessionStorage.setItem(storageKey, token);
    }
  }

  /** The manager's time, in milliseconds since 1970. */
  now(): number {
    return Date.now() + this.clockOffsetMs;
  }

  /** @throws ApiError */
  async get<T>(path: string): Promise<T> {
    return (await this.#ask('GET', path)).answer as T;
  }

  /** The beginning of a list of what has `match` in its names. @throws ApiError */
  async list<T>(path: string, match: string): Promise<List<T>> {
    const query = new URLSearchParams({ limit: String(listItems), ...(match === '' ? {} : { match }) });
    const { answer, headers } = await this.#ask('GET', `${path}?${query.toString()}`);
    const items = answer as readonly T[];
    return { items, total: Number(headers.get('x-total-count') ?? items.length) };
  }

  /** @throws ApiError */
  async send(method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<void> {
    await this.#ask(method, path, body);
  }

  async #ask(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly answer: unknown; readonly headers: Headers }> {
    let response: Response;
    try {
      response = await fetch(path, {
        method,
        headers: this.token === '' ? {} : { authorization: `Bearer ${this.token}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
        cache: 'no-store',
      });
    } catch {
      // fetch says no more than that it failed.
      throw new ApiError(0, 'the resource manager does not answer');
    }
    this.#readClock(response.headers.get('date'));
    const answer: unknown = await response.json().catch(() => undefined);
    if (!response.ok) {
      throw new ApiError(response.status, messageOf(answer) ?? `HTTP ${response.status}`);
    }
    return { answer, headers: response.headers };
  }

  #readClock(date: string | null): void {
    const offset = date === null ? NaN : Date.parse(date) - Date.now();
    // The header has whole seconds: what is within one is no difference.
    this.clockOffsetMs = Math.abs(offset) > 1500 ? offset : 0;
  }
}

function messageOf(answer: unknown): string | undefined {
  const { error } = (answer ?? {}) as { readonly error?: { readonly message?: string } };
  return error?.message;
}
