import { maxSlots } from '@rfaas/core';

/** Invocation ids have 16 bits. */
const ID_MASK = 0xffff;

const FREE = 0;
const HELD = 1;
const IN_FLIGHT = 2;
const QUARANTINED = 3;

/**
 * What the client knows about the slots of one executor thread: which are free, which are held by a buffer of the
 * caller, which invocation is in flight in each, and which are quarantined because its caller gave up waiting.
 *
 * An invocation's 16-bit id is congruent to its slot modulo the number of slots. Each slot counts through its own
 * ids, so a slow or quarantined slot blocks no other, and an id is never in use twice: its slot takes the next id
 * only after the reply to the one before. Nothing here allocates after construction.
 *
 * `Owner` is what the caller wants back when the reply comes; an invocation without one is a synchronous call, which
 * looks at its slot itself.
 */
export class InvocationTable<Owner> {
  readonly slots: number;
  readonly #mask: number;
  readonly #states: Uint8Array;
  readonly #ids: Uint16Array;
  readonly #held: Uint8Array;
  readonly #owners: (Owner | undefined)[];
  /** Free slots as a stack: the slot used last is the warmest in the caches. */
  readonly #freeSlots: Uint8Array;
  #freeCount: number;
  #inFlight = 0;
  #quarantined = 0;
  #heldCount = 0;

  /** `slots` is a power of two, at most 64; throws a RangeError otherwise. */
  constructor(slots: number) {
    if (!isSlotCount(slots)) {
      throw new RangeError(
        `an executor thread has a power of two of slots, at most ${maxSlots}, not ${slots}`,
      );
    }
    this.slots = slots;
    this.#mask = slots - 1;
    this.#states = new Uint8Array(slots);
    this.#held = new Uint8Array(slots);
    // One step before the first id of each slot, so that slot s begins with id s.
    this.#ids = Uint16Array.from({ length: slots }, (_, slot) => slot - slots);
    this.#owners = new Array<Owner | undefined>(slots).fill(undefined);
    this.#freeSlots = Uint8Array.from({ length: slots }, (_, index) => slots - 1 - index);
    this.#freeCount = slots;
  }

  /** Slots that an invocation could take now. */
  get freeCount(): number {
    return this.#freeCount;
  }

  /** Invocations whose reply has not come, the quarantined ones included. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Invocations in flight that somebody waits for. */
  get awaited(): number {
    return this.#inFlight - this.#quarantined;
  }

  /** Slots that no buffer of the caller lives in. */
  get unheldCount(): number {
    return this.slots - this.#heldCount;
  }

  /** Takes a free slot, or returns -1. */
  acquire(): number {
    if (this.#freeCount === 0) return -1;
    this.#freeCount -= 1;
    const slot = this.#freeSlots[this.#freeCount]!;
    this.#states[slot] = HELD;
    return slot;
  }

  /** Takes a free slot for as long as a buffer of the caller lives inside it, or returns -1. */
  hold(): number {
    const slot = this.acquire();
    if (slot >= 0) {
      this.#held[slot] = 1;
      this.#heldCount += 1;
    }
    return slot;
  }

  /** Ends a {@link hold}; with an invocation in flight the slot becomes free when its reply comes. */
  unhold(slot: number): void {
    if (this.#held[slot] === 0) return;
    this.#held[slot] = 0;
    this.#heldCount -= 1;
    if (this.#states[slot] === HELD) this.#release(slot);
  }

  /** Gives an acquired slot back in which nothing was invoked. */
  giveBack(slot: number): void {
    if (this.#states[slot] === HELD && this.#held[slot] === 0) this.#release(slot);
  }

  /**
   * Takes the id of the next invocation in an acquired or held slot. A synchronous call whose reply is there when it
   * returns needs no more than this: nobody can look at the table meanwhile. Others follow with {@link setInFlight}.
   */
  nextId(slot: number): number {
    if (this.#states[slot] !== HELD) throw new Error(`slot ${slot} was not acquired before an invocation`);
    const id = (this.#ids[slot]! + this.slots) & ID_MASK;
    this.#ids[slot] = id;
    return id;
  }

  /** Marks a slot as having the invocation in flight whose id {@link nextId} gave. */
  setInFlight(slot: number, owner: Owner | undefined): void {
    this.#states[slot] = IN_FLIGHT;
    this.#owners[slot] = owner;
    this.#inFlight += 1;
  }

  /** Marks an acquired or held slot as having an invocation in flight and returns the id to send. */
  begin(slot: number, owner: Owner | undefined): number {
    const id = this.nextId(slot);
    this.setInFlight(slot, owner);
    return id;
  }

  /** Takes {@link begin} back when the request could not be sent; the slot is acquired, as before. */
  cancel(slot: number): void {
    if (this.#states[slot] !== IN_FLIGHT) return;
    this.#states[slot] = HELD;
    this.#owners[slot] = undefined;
    this.#inFlight -= 1;
  }

  /** The slot whose present invocation has this id, or -1: no such invocation is in flight. */
  slotOf(id: number): number {
    const slot = id & this.#mask;
    return this.isWaiting(slot) && this.#ids[slot] === id ? slot : -1;
  }

  /** The id of the slot's present or latest invocation. */
  idOf(slot: number): number {
    return this.#ids[slot]!;
  }

  /** Whether the reply for this slot has not come yet. */
  isWaiting(slot: number): boolean {
    const state = this.#states[slot];
    return state === IN_FLIGHT || state === QUARANTINED;
  }

  /** Whether nobody waits for this slot's reply any more. */
  isQuarantined(slot: number): boolean {
    return this.#states[slot] === QUARANTINED;
  }

  /** What {@link begin} was given. */
  ownerOf(slot: number): Owner | undefined {
    return this.#owners[slot];
  }

  /** Nobody waits for the reply any more. Slot and result stay in use, since the executor may still write there. */
  quarantine(slot: number, owner: Owner | undefined): void {
    if (this.#states[slot] !== IN_FLIGHT) return;
    this.#states[slot] = QUARANTINED;
    this.#quarantined += 1;
    this.#owners[slot] = owner;
  }

  /** The reply came: the slot is free again, or held if a buffer lives in it. */
  complete(slot: number): void {
    if (!this.isWaiting(slot)) return;
    if (this.#states[slot] === QUARANTINED) this.#quarantined -= 1;
    this.#owners[slot] = undefined;
    this.#inFlight -= 1;
    this.#states[slot] = HELD;
    if (this.#held[slot] === 0) this.#release(slot);
  }

  #release(slot: number): void {
    this.#states[slot] = FREE;
    this.#freeSlots[this.#freeCount] = slot;
    this.#freeCount += 1;
  }
}

/** Whether an executor thread can have so many slots. */
export function isSlotCount(slots: number): boolean {
  return Number.isInteger(slots) && slots >= 1 && slots <= maxSlots && (slots & (slots - 1)) === 0;
}
