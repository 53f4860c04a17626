/** The replies to invocations whose callers wait synchronously, by slot, until they are read. */
export class SynchronousReplies {
  readonly #capacities: Uint32Array;
  readonly #statuses: Uint16Array;
  readonly #byteLengths: Uint32Array;

  constructor(slots: number) {
    this.#capacities = new Uint32Array(slots);
    this.#statuses = new Uint16Array(slots);
    this.#byteLengths = new Uint32Array(slots);
  }

  /** An invocation was sent whose output has room for so many bytes. */
  expect(slot: number, capacity: number): void {
    this.#capacities[slot] = capacity;
  }

  replied(slot: number, status: number, byteLength: number): void {
    this.#statuses[slot] = status;
    this.#byteLengths[slot] = byteLength;
  }

  capacityOf(slot: number): number {
    return this.#capacities[slot]!;
  }

  statusOf(slot: number): number {
    return this.#statuses[slot]!;
  }

  byteLengthOf(slot: number): number {
    return this.#byteLengths[slot]!;
  }
}
