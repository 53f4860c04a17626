/** What is tended: a channel that is open. */
export interface TendedChannel {
  tend(): void;
}

/** The open channels of this thread. */
export const openChannels = new Set<TendedChannel>();

/**
 * Takes what arrived on every open message channel of this thread, and answers peers that ask for a sign of life. For
 * code that holds the thread for long without a turn of the event loop, which does this otherwise. Never throws.
 */
export function tendMessageChannels(): void {
  for (const channel of openChannels) {
    channel.tend();
  }
}
