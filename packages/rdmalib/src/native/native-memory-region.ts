import { InvalidArgumentError } from '../errors.ts';
import type { MemoryOptions, MemoryRegion, RemoteMemory } from '../transport/memory-region.ts';
import { MappedMemory, requireViewable } from './mapped-memory.ts';
import { closedError } from './native-error.ts';
import type { NativeProtectionDomain } from './native-protection-domain.ts';
import type { Shim } from './shim.ts';
import {
  accessFlag,
  regionFlag,
  regionInfoBytes,
  regionInfoDescriptorWord,
  regionInfoWord,
} from './shim-layout.ts';

/** A region over any native transport. */
export class NativeMemoryRegion implements MemoryRegion {
  readonly domain: NativeProtectionDomain;
  readonly byteLength: number;
  readonly remote: RemoteMemory;
  readonly path: string | undefined;
  readonly #shim: Shim;
  readonly #address: number;
  #handle: number;
  #bytes: Uint8Array | undefined;

  constructor(domain: NativeProtectionDomain, options: MemoryOptions) {
    const { shim } = domain;
    const handle = openRegion(domain, options);
    const info = new BigUint64Array(regionInfoBytes / 8);
    shim.check(shim.call.shim_region_query(handle, info), 'shim_region_query');
    const word = (index: number): bigint => info[index] ?? 0n;
    const descriptor = new Int32Array(info.buffer)[regionInfoDescriptorWord] ?? -1;
    this.domain = domain;
    this.byteLength = options.byteLength;
    this.remote = {
      address: word(regionInfoWord.remoteAddress),
      rkey: word(regionInfoWord.rkey),
      byteLength: options.byteLength,
    };
    this.path = options.backing === 'file' && descriptor >= 0 ? `/proc/self/fd/${descriptor}` : undefined;
    this.#shim = shim;
    this.#handle = handle;
    this.#address = Number(word(regionInfoWord.address));
    const mappedLength = Number(word(regionInfoWord.mappedLength));
    const mapping = new MappedMemory(shim.call.shim_unmap);
    mapping.release(this.#address, mappedLength);
    this.#bytes = mapping.view(this.#address, options.byteLength);
  }

  get bytes(): Uint8Array {
    if (this.#bytes === undefined) {
      throw closedError('memory region', 'use its bytes');
    }
    return this.#bytes;
  }

  get address(): number {
    if (this.#handle === 0) {
      throw closedError('memory region', 'use its address');
    }
    return this.#address;
  }

  get nativeHandle(): number {
    if (this.#handle === 0) {
      throw closedError('memory region', 'use it');
    }
    return this.#handle;
  }

  close(): void {
    if (this.#handle !== 0) {
      this.#shim.check(this.#shim.call.shim_region_close(this.#handle), 'shim_region_close');
      this.#handle = 0;
      this.#bytes = undefined;
      this.domain.forget(this);
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function openRegion(domain: NativeProtectionDomain, options: MemoryOptions): number {
  const { byteLength } = options;
  if (!Number.isSafeInteger(byteLength) || byteLength <= 0) {
    throw new InvalidArgumentError(`cannot allocate ${byteLength} bytes: a positive whole number is needed`, {
      operation: 'allocateMemory',
    });
  }
  requireViewable(byteLength);
  let access = 0;
  for (const name of options.access) {
    const flag: number | undefined = accessFlag[name];
    if (flag === undefined) {
      throw new InvalidArgumentError(
        `"${String(name)}" is no memory access: use ${Object.keys(accessFlag).join(', ')}`,
        { operation: 'allocateMemory' },
      );
    }
    access |= flag;
  }
  const flags =
    (options.backing === 'file' ? regionFlag.file : 0) | (options.guardPage === true ? regionFlag.guard : 0);
  const result = new BigUint64Array(1);
  const { shim } = domain;
  shim.check(
    shim.call.shim_region_open(domain.handle, byteLength, access, flags, result),
    'shim_region_open',
  );
  return Number(result[0]);
}
