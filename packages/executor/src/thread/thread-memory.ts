import { slotStride } from '@rfaas/core/wire';
import type { MemoryRegion, ProtectionDomain } from '@rfaas/rdmalib';
import type { ServeContext } from '../native/serve-context.ts';
import type { OutputMemory } from './output-views.ts';
import type { InvocationMemory } from './thread-assignment.ts';

/** The memory in which a thread's invocations happen. */
export interface ThreadMemory {
  /** The slots that the client writes to. */
  readonly inputs: MemoryRegion;
  readonly stride: number;
  /** One for each slot: where a function writes when it cannot write to the client's memory itself. */
  readonly outputs: readonly OutputMemory[];
  /** Gives it back: what the client mapped of it serves nobody any more. */
  close(): void;
}

/** Allocates a thread's slots and outputs and tells the native loop where they are. */
export function openThreadMemory(
  domain: ProtectionDomain,
  context: ServeContext,
  sizes: InvocationMemory,
): ThreadMemory {
  const stride = slotStride(sizes.inputBytes);
  const inputs = domain.allocateMemory({
    byteLength: sizes.slots * stride,
    access: ['local-write', 'remote-write'],
  });
  const pageBytes = 4096;
  // Whole pages, so that the guard page follows the last byte.
  const outputBytes = Math.max(1, Math.ceil(sizes.outputBytes / pageBytes)) * pageBytes;
  context.set64('inputAddress', inputs.address);
  context.set64('slotStride', stride);
  context.set64('inputCapacity', sizes.inputBytes);
  context.set64('outputCapacity', sizes.outputBytes);
  const regions: MemoryRegion[] = [inputs];
  const outputs = Array.from({ length: sizes.slots }, (_, slot) => {
    const region = domain.allocateMemory({
      byteLength: outputBytes,
      access: ['local-write'],
      guardPage: true,
    });
    context.set64('outputRegion', region.nativeHandle, slot);
    context.set64('outputAddress', region.address, slot);
    context.set64('outputEnd', region.address + outputBytes, slot);
    regions.push(region);
    return { address: region.address, bytes: region.bytes };
  });
  return { inputs, stride, outputs, close: () => regions.forEach((region) => region.close()) };
}
