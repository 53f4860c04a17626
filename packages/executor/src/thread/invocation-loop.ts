import { RfaasError } from '@rfaas/core/wire';
import { statusText } from '@rfaas/rdmalib';
import type { UsageReporter } from '../accounting/usage-reporter.ts';
import type { JavaScriptFunction } from '../functions/function-library.ts';
import type { ServeContext } from '../native/serve-context.ts';
import { serveResult, serveWord } from '../native/serve-context-layout.ts';
import type { InputViews } from './input-views.ts';
import type { OutputViews } from './output-views.ts';
import type { PollingState } from './polling-state.ts';
import type { ReplyQueue } from './reply-queue.ts';

/** While promises are pending, spins are this short: turns of the event loop alternate with them. */
const spinBetweenTurnsMicroseconds = 20;
/** A warm thread sleeps until work, an interrupt or a disconnect; this only bounds one sleep. */
const longestSleepMs = 600_000;

/** What the loop works with; everything was opened by the thread that runs it. */
export interface InvocationLoopParts {
  readonly context: ServeContext;
  /** Empty for native packages, which native code runs. */
  readonly functions: readonly JavaScriptFunction[];
  readonly inputs: InputViews;
  readonly outputs: OutputViews;
  readonly replies: ReplyQueue;
  readonly polling: PollingState;
  readonly usage: UsageReporter;
  readonly flushMs: number;
  /** Settles when there may be work, for a warm thread whose functions still wait for promises. */
  waitForWork(signal: AbortSignal): Promise<void>;
}

/** Why the loop ended: told to, or the client is gone. */
export type LoopEnd = 'stopped' | 'disconnected';

/**
 * Runs invocations until told to stop. Native functions never leave native code; a JavaScript function costs one native
 * call: it posts the last reply and brings the next request. Nothing is allocated, logged or awaited between two
 * synchronous functions, so the thread's event loop stands still meanwhile; only pending promises give it turns.
 */
export class InvocationLoop {
  readonly #parts: InvocationLoopParts;
  readonly #words: Uint32Array;
  #pending = 0;
  #asleep = false;
  #reportedAt = 0;
  #reportedInvocations = 0;
  /** Invocations that there had been when it was last seen without work. */
  #idleInvocations = 0;
  #hotToWarm = 0;
  #turnsMs = 0;
  #settled: (() => void) | undefined;

  constructor(parts: InvocationLoopParts) {
    this.#parts = parts;
    this.#words = parts.context.words;
  }

  /** See the class. Throws RfaasError if the native loop cannot go on. */
  async run(): Promise<LoopEnd> {
    this.#words[serveWord.flushMicroseconds] = this.#parts.flushMs * 1000;
    this.#setWaiting(0);
    for (;;) {
      const result = this.#serve();
      if (result !== serveResult.idle) {
        this.#report(performance.now());
        return loopEnd(result, this.#words[serveWord.failure] as number);
      }
      await this.#turn();
    }
  }

  /** Serves until an end, or until the event loop needs a turn (`idle`). */
  #serve(): number {
    const { index, serve } = this.#parts.context;
    for (;;) {
      const result = serve(index);
      if (result === serveResult.request) {
        if (this.#asleep) {
          this.#wake();
        }
        this.#call();
        if (this.#words[serveWord.countersDue] !== 0) {
          this.#words[serveWord.countersDue] = 0;
          this.#report(performance.now());
        }
      } else if (result === serveResult.idle) {
        this.#idle();
        if (this.#pending > 0) {
          return result;
        }
      } else {
        return result;
      }
    }
  }

  #call(): void {
    const { functions, inputs, outputs, replies } = this.#parts;
    const words = this.#words;
    const slot = words[serveWord.slot] as number;
    const invocationId = words[serveWord.invocationId] as number;
    const output = outputs.view(slot);
    let result: unknown;
    try {
      const run = functions[words[serveWord.functionIndex] as number] as JavaScriptFunction;
      result = run(inputs.view(slot, words[serveWord.inputBytes] as number), output);
    } catch (error) {
      replies.addFailure(slot, invocationId, error, output);
      return;
    }
    if (typeof result === 'number') {
      replies.addResult(slot, invocationId, result, output);
    } else {
      this.#await(slot, invocationId, result, output);
    }
  }

  /** What is no promise settles in the next turn, too. */
  #await(slot: number, invocationId: number, result: unknown, output: Uint8Array): void {
    const { replies } = this.#parts;
    const settle = (): void => {
      this.#pending -= 1;
      this.#settled?.();
    };
    this.#pending += 1;
    this.#setWaiting(0);
    // Not Promise.resolve: it would run getters of the tenant's object outside of a promise.
    new Promise<unknown>((resolve) => resolve(result)).then(
      (value) => {
        replies.addResult(slot, invocationId, value, output);
        settle();
      },
      (error: unknown) => {
        replies.addFailure(slot, invocationId, error, output);
        settle();
      },
    );
  }

  /** A request ended a sleep. A thread that is always warm goes back to it, others spin for the next one. */
  #wake(): void {
    const { polling } = this.#parts;
    polling.update(0);
    if (!polling.warm) {
      this.#setWaiting(0);
    }
  }

  /** Nothing came for a while, or counters are due. */
  #idle(): void {
    const { context, polling, flushMs } = this.#parts;
    const now = performance.now();
    const idleMs = context.get64('idleNanoseconds') / 1e6;
    const invocations = context.get64('invocations');
    if (invocations !== this.#idleInvocations) {
      // What native code has run may have woken it.
      this.#idleInvocations = invocations;
      polling.update(0);
    }
    const fellAsleep = polling.update(idleMs);
    this.#hotToWarm += fellAsleep ? 1 : 0;
    if (fellAsleep || now - this.#reportedAt >= flushMs) {
      this.#report(now);
    }
    this.#setWaiting(idleMs);
  }

  #setWaiting(idleMs: number): void {
    const { polling, flushMs, context } = this.#parts;
    const words = this.#words;
    this.#asleep = polling.warm && this.#pending === 0;
    if (this.#pending > 0) {
      words[serveWord.spinMicroseconds] = spinBetweenTurnsMicroseconds;
      words[serveWord.waitMilliseconds] = 0;
    } else if (polling.warm) {
      // After the work that ends the sleep it spins as long as after any other, or sleeps until counters are due.
      words[serveWord.spinMicroseconds] = polling.spinMicroseconds(0);
      const unreported = context.get64('invocations') !== this.#reportedInvocations;
      words[serveWord.waitMilliseconds] = unreported ? flushMs : longestSleepMs;
    } else {
      words[serveWord.spinMicroseconds] = polling.spinMicroseconds(idleMs);
      words[serveWord.waitMilliseconds] = 0;
    }
  }

  /** Gives promises a turn of the event loop: at once while hot, else once there is something to do. */
  async #turn(): Promise<void> {
    const { polling, replies } = this.#parts;
    const start = performance.now();
    if (!polling.warm || replies.waiting) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    } else {
      const abort = new AbortController();
      const settled = new Promise<void>((resolve) => {
        this.#settled = resolve;
      });
      await Promise.race([settled, this.#parts.waitForWork(abort.signal)]);
      this.#settled = undefined;
      abort.abort();
    }
    this.#turnsMs += performance.now() - start;
  }

  #report(now: number): void {
    const { context, usage } = this.#parts;
    const invocations = context.get64('invocations');
    usage.report({
      hotPollingNs: context.get64('hotNanoseconds'),
      executionNs: context.get64('executionNanoseconds') + Math.round(this.#turnsMs * 1e6),
      invocations,
      hotToWarm: this.#hotToWarm,
    });
    this.#reportedAt = now;
    this.#reportedInvocations = invocations;
  }
}

function loopEnd(result: number, failure: number): LoopEnd {
  if (result === serveResult.stopped) {
    return 'stopped';
  }
  if (result === serveResult.disconnected) {
    return 'disconnected';
  }
  const reason =
    result === serveResult.failed ? `a reply failed, ${statusText(failure)}` : `errno ${-result}`;
  throw new RfaasError('RFAAS_ERR_INTERNAL', `the invocation loop cannot go on: ${reason}`);
}
