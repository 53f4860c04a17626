import type { ProtectionDomain } from '@rfaas/rdmalib';
import { requireInteger } from './allocate-options.ts';
import type { ExecutorThread } from './executor-thread.ts';
import { InputBuffer, OutputBuffer } from './invocation-buffers.ts';
import { inputTooLarge } from './invocation-errors.ts';

const MAX_BYTES = 2 ** 32 - 4096;

/** The buffers that a client allocated for one executor. */
export class ExecutorMemory {
  readonly #owner: object;
  readonly #domain: ProtectionDomain;
  readonly #threads: readonly ExecutorThread[];
  readonly #buffers = new Set<InputBuffer | OutputBuffer>();
  #turn = 0;

  constructor(owner: object, domain: ProtectionDomain, threads: readonly ExecutorThread[]) {
    this.#owner = owner;
    this.#domain = domain;
    this.#threads = threads;
  }

  /** In a slot of the thread with the most free ones, if it keeps one for others, else in local memory. */
  allocateInput(byteLength: number): InputBuffer {
    requireInteger('byteLength', byteLength, 0, MAX_BYTES, 'bytes, below 4 GiB');
    const capacity = this.#threads[0]!.inputBytes;
    if (byteLength > capacity) throw inputTooLarge('any', byteLength, capacity);
    return this.#remember(this.#inSlot(byteLength) ?? this.#inLocalMemory(byteLength));
  }

  allocateOutput(byteLength: number): OutputBuffer {
    requireInteger('byteLength', byteLength, 0, MAX_BYTES, 'bytes, below 4 GiB');
    return this.#remember(new OutputBuffer(this.#owner, this.#domain, byteLength, this.#forget));
  }

  /** Gives everything back, whatever is in flight: the executor is gone. */
  close(): void {
    for (const buffer of [...this.#buffers]) buffer.close();
  }

  #inSlot(byteLength: number): InputBuffer | undefined {
    const thread = this.#threadWithRoom();
    if (thread?.memory.isMapped !== true) return undefined;
    const slot = thread.table.hold();
    const bytes = slot < 0 ? undefined : thread.memory.mappedInput(slot, byteLength);
    if (bytes === undefined) return undefined;
    const place = { table: thread.table, threadIndex: thread.index, slot };
    return new InputBuffer(this.#owner, bytes, { place }, this.#forget);
  }

  #inLocalMemory(byteLength: number): InputBuffer {
    const region = this.#domain.allocateMemory({
      byteLength: Math.max(1, byteLength),
      access: ['local-write'],
    });
    return new InputBuffer(this.#owner, region.bytes.subarray(0, byteLength), { region }, this.#forget);
  }

  #threadWithRoom(): ExecutorThread | undefined {
    let best: ExecutorThread | undefined;
    for (let step = 0; step < this.#threads.length; step += 1) {
      const thread = this.#threads[(this.#turn + step) % this.#threads.length]!;
      const isBetter = best === undefined || thread.table.unheldCount > best.table.unheldCount;
      if (thread.table.unheldCount > 1 && thread.freeCount > 0 && isBetter) best = thread;
    }
    this.#turn += 1;
    return best;
  }

  #remember<Buffer extends InputBuffer | OutputBuffer>(buffer: Buffer): Buffer {
    this.#buffers.add(buffer);
    return buffer;
  }

  readonly #forget = (buffer: InputBuffer | OutputBuffer): void => {
    this.#buffers.delete(buffer);
  };
}
