import { findNativeLibrary, loadNativeLibrary } from '@rfaas/rdmalib';

const MASK_WORDS = 128;

interface Affinity {
  readonly get: (mask: BigUint64Array) => number;
  readonly set: (mask: BigUint64Array) => number;
}

function affinity(): Affinity {
  const library = loadNativeLibrary(findNativeLibrary('librfaas_loops.so'));
  const get = library.function('rfaas_get_affinity', 'int', ['int32_t', 'void *', 'uint32_t']);
  const set = library.function('rfaas_set_affinity', 'int', ['int32_t', 'void *', 'uint32_t']);
  return { get: (mask) => get(0, mask, MASK_WORDS), set: (mask) => set(0, mask, MASK_WORDS) };
}

/** The processors that this process may use, by number. */
export function allowedProcessors(): number[] {
  const mask = new BigUint64Array(MASK_WORDS);
  const words = affinity().get(mask);
  if (words < 0) throw new Error(`the processors of this process cannot be read (errno ${-words})`);
  const numbers: number[] = [];
  for (let number = 0; number < MASK_WORDS * 64; number++) {
    if (((mask[number >> 6] as bigint) >> BigInt(number & 63)) & 1n) numbers.push(number);
  }
  return numbers;
}

/** Binds the calling thread to one processor, or to several. */
export function pinThread(processors: readonly number[]): void {
  const mask = new BigUint64Array(MASK_WORDS);
  for (const processor of processors) {
    mask[processor >> 6] = (mask[processor >> 6] as bigint) | (1n << BigInt(processor & 63));
  }
  const result = affinity().set(mask);
  if (result < 0) throw new Error(`cannot run on processor ${processors.join(', ')} (errno ${-result})`);
}

/** Two processors for a client and a worker: as asked for ("0,1"), else the first two that this process may use. */
export function choosePair(asked: string | undefined): readonly [number, number] {
  const allowed = allowedProcessors();
  const [first, second] = asked === undefined ? allowed : asked.split(',').map(Number);
  if (first === undefined || second === undefined || !allowed.includes(first) || !allowed.includes(second)) {
    throw new Error(
      `a client and a worker need two processors of ${allowed.join(', ')}` +
        (asked === undefined ? '' : `; --processors ${asked} names others`),
    );
  }
  return [first, second];
}
