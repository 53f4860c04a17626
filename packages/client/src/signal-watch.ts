/**
 * Listens to AbortSignals once each, however many callbacks there are: a signal that hundreds of invocations share has
 * one listener, which Node does not take for a leak.
 */
export class SignalWatch {
  readonly #callbacks = new Map<AbortSignal, Set<() => void>>();
  readonly #listeners = new Map<AbortSignal, () => void>();

  /** Calls `onAbort` when the signal fires; returns how to stop that. */
  watch(signal: AbortSignal, onAbort: () => void): () => void {
    this.#callbacksOf(signal).add(onAbort);
    return () => this.#forget(signal, onAbort);
  }

  #callbacksOf(signal: AbortSignal): Set<() => void> {
    const existing = this.#callbacks.get(signal);
    if (existing !== undefined) return existing;
    const callbacks = new Set<() => void>();
    const listener = (): void => {
      for (const callback of [...callbacks]) callback();
    };
    this.#callbacks.set(signal, callbacks);
    this.#listeners.set(signal, listener);
    signal.addEventListener('abort', listener, { once: true });
    return callbacks;
  }

  #forget(signal: AbortSignal, onAbort: () => void): void {
    const callbacks = this.#callbacks.get(signal);
    if (callbacks?.delete(onAbort) !== true || callbacks.size > 0) return;
    const listener = this.#listeners.get(signal);
    if (listener !== undefined) signal.removeEventListener('abort', listener);
    this.#callbacks.delete(signal);
    this.#listeners.delete(signal);
  }
}
