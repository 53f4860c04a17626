import type { ThreadUsage } from './usage-meter.ts';
import type { UsageReporter } from './usage-reporter.ts';

/** Where the transport has no atomics: the executor's main thread passes totals on in messages. */
export class MessageUsageReporter implements UsageReporter {
  readonly #post: (totals: ThreadUsage) => void;

  constructor(post: (totals: ThreadUsage) => void) {
    this.#post = post;
  }

  report(totals: ThreadUsage): void {
    this.#post(totals);
  }

  restart(): void {
    // What is passed on are totals.
  }

  async flush(): Promise<void> {
    // Messages to the main thread arrive in order, whatever follows them.
  }
}
