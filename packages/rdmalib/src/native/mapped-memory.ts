import { viewNativeMemory } from './koffi-backend.ts';
import type { NativeFunction } from './native-library.ts';

interface Mapping {
  readonly unmap: NativeFunction;
  readonly address: number;
  readonly mappedLength: number;
}

// A view cannot be detached and reading unmapped memory crashes: address space goes back only when nothing can see it.
const collected = new FinalizationRegistry<Mapping>(({ unmap, address, mappedLength }) => {
  unmap(address, mappedLength);
});

/**
 * A view of native memory whose address space is released once the view and everything made from it was collected.
 * Whoever calls it keeps the result for as long as native code may use the memory.
 */
export function viewMappedMemory(
  unmap: NativeFunction,
  address: number,
  byteLength: number,
  mappedLength: number,
): Uint8Array {
  const buffer = viewNativeMemory(address, byteLength);
  collected.register(buffer, { unmap, address, mappedLength });
  return new Uint8Array(buffer);
}
