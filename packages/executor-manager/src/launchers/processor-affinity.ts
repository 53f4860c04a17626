import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { RfaasError } from '@rfaas/core';
import { findNativeLibrary, loadNativeLibrary } from '@rfaas/rdmalib';
import type { NativeFunction } from '@rfaas/rdmalib';

/** Room for 65,536 processors. */
const maskWords = 1024;
const noSuchProcess = constants.errno.ESRCH;

/** Which processors the calling thread, and what it starts, may run on (native-shims/include/rfaas_host.h). */
export class ProcessorAffinity {
  readonly #set: NativeFunction;
  readonly #get: NativeFunction;

  constructor() {
    const library = loadNativeLibrary(findNativeLibrary('librfaas_loops.so'));
    this.#set = library.function('rfaas_set_affinity', 'int', ['int32_t', 'void *', 'uint32_t']);
    this.#get = library.function('rfaas_get_affinity', 'int', ['int32_t', 'void *', 'uint32_t']);
  }

  /** The processors that this thread may run on, ascending. */
  processors(): number[] {
    return processorsOf(this.#mask());
  }

  /** Runs `action` bound to `cpus`, so that a process it starts is bound to them from its first instruction. */
  runBound<T>(cpus: readonly number[], action: () => T): T {
    const before = this.#mask();
    this.#check(this.#set(0, maskOf(cpus), maskOf(cpus).length), `bind to processors ${cpus.join(', ')}`);
    try {
      return action();
    } finally {
      this.#check(this.#set(0, before, before.length), 'restore the processors of the executor manager');
    }
  }

  /**
   * Binds every thread of another process to `cpus`; what they start later is bound to them, too. Nothing for a process
   * that has ended.
   */
  bindProcess(pid: number, cpus: readonly number[]): void {
    const mask = maskOf(cpus);
    const bound = new Set<string>();
    // A thread that was not bound yet may start another meanwhile: until a look finds no new one.
    for (let found = threadsOf(pid); found.some((thread) => !bound.has(thread)); found = threadsOf(pid)) {
      for (const thread of found.filter((each) => !bound.has(each))) {
        bound.add(thread);
        const result = this.#set(Number(thread), mask, mask.length);
        if (result !== -noSuchProcess) {
          this.#check(result, `bind process ${pid} to processors ${cpus.join(', ')}`);
        }
      }
    }
  }

  #mask(): BigUint64Array {
    const mask = new BigUint64Array(maskWords);
    const words = this.#check(this.#get(0, mask, maskWords), 'read the processors of this process');
    return mask.slice(0, words);
  }

  #check(result: number, what: string): number {
    if (result < 0) {
      throw new RfaasError('RFAAS_ERR_UNSUPPORTED', `cannot ${what} (errno ${-result})`);
    }
    return result;
  }
}

/** The ids of a process's threads; none of one that has ended. */
function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** A processor mask for the kernel. */
export function maskOf(cpus: readonly number[]): BigUint64Array {
  const mask = new BigUint64Array(Math.floor(Math.max(0, ...cpus) / 64) + 1);
  for (const cpu of cpus) {
    const word = Math.floor(cpu / 64);
    mask[word] = (mask[word] ?? 0n) | (1n << BigInt(cpu % 64));
  }
  return mask;
}

/** The processors of a mask, ascending. */
export function processorsOf(mask: BigUint64Array): number[] {
  const cpus: number[] = [];
  mask.forEach((word, index) => {
    for (let bit = 0; bit < 64; bit += 1) {
      if (((word >> BigInt(bit)) & 1n) === 1n) {
        cpus.push(64 * index + bit);
      }
    }
  });
  return cpus;
}
