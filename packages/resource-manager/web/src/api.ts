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
    return (await this.#ask('GET', path)) as T;
  }

  /** @throws ApiError */
  async send(method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<void> {
    await this.#ask(method, path, body);
  }

  async #ask(method: string, path: string, body?: unknown): Promise<unknown> {
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
    return answer;
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
