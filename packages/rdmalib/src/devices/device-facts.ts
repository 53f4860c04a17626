import { loadNativeLibrary } from '../native/koffi-backend.ts';
import type { NativeFunction } from '../native/native-library.ts';
import { nativeError } from '../native/native-error.ts';
import type { Shim } from '../native/shim.ts';
import type { RdmaDeviceLimits } from './rdma-device.ts';

/** Bytes of `struct verbs_device_facts`. */
export const deviceFactsBytes = 96;

/** Byte offsets in `struct verbs_device_facts`; a test compares them with the C compiler's. */
export const deviceFactsOffset = {
  maxInlineBytes: 0,
  maxQueuePairs: 4,
  maxCompletionQueues: 8,
  maxMemoryRegions: 12,
  maxQueueDepth: 16,
  maxCompletions: 20,
  maxSegments: 24,
  atomics: 28,
  firmware: 32,
} as const;

const atomicsNames = ['none', 'device', 'global'] as const;

/** Asks devices through libibverbs what they can do. */
export class DeviceFacts {
  readonly #shim: Shim;
  readonly #query: NativeFunction;

  constructor(shim: Shim) {
    this.#shim = shim;
    this.#query = loadNativeLibrary(shim.path).function('verbs_query_device', 'int', ['str', 'void *']);
  }

  /** Throws RdmaError that says why the device cannot be asked. */
  limitsOf(name: string): RdmaDeviceLimits {
    const bytes = new Uint8Array(deviceFactsBytes);
    const result = this.#query(name, bytes);
    if (result < 0) {
      const details = { operation: 'verbs_query_device', transport: 'verbs' };
      throw nativeError(result, this.#shim.lastErrorText(), details);
    }
    const view = new DataView(bytes.buffer);
    const word = (field: keyof typeof deviceFactsOffset): number =>
      view.getUint32(deviceFactsOffset[field], true);
    const firmware = bytes.subarray(deviceFactsOffset.firmware);
    return {
      maxInlineBytes: word('maxInlineBytes'),
      maxQueuePairs: word('maxQueuePairs'),
      maxCompletionQueues: word('maxCompletionQueues'),
      maxMemoryRegions: word('maxMemoryRegions'),
      maxQueueDepth: word('maxQueueDepth'),
      maxCompletions: word('maxCompletions'),
      maxScatterGatherEntries: word('maxSegments'),
      atomics: atomicsNames[word('atomics')] ?? 'none',
      firmware: new TextDecoder().decode(firmware.subarray(0, firmware.indexOf(0))),
    };
  }
}
