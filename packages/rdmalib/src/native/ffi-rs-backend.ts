import { close, DataType, load, open } from 'ffi-rs';
import { RdmaError } from '../errors.ts';
import { capabilitiesWords } from './shim-layout.ts';

const library = 'rdmalib-cross-check';

/** A native value that travels as 8 bytes of the caller's memory. */
function call(name: string, types: readonly DataType[], values: readonly unknown[]): number {
  const result: unknown = load({
    library,
    funcName: name,
    retType: DataType.I32,
    paramsType: [...types],
    paramsValue: [...values],
  });
  if (typeof result !== 'number' || result < 0) {
    throw new RdmaError('RDMA_ERR_CALL_FAILED', `${name} through ffi-rs came back with ${String(result)}`, {
      operation: name,
    });
  }
  return result;
}

/**
 * `struct shim_capabilities` of a library's default device, read through ffi-rs instead of koffi: an independent
 * opinion on how the ABI is called. Never on a data path: a call costs microseconds.
 */
export function readCapabilitiesThroughFfiRs(path: string): Uint32Array {
  open({ library, path });
  try {
    const handle = Buffer.alloc(8);
    call('shim_domain_open', [DataType.String, DataType.U8Array], ['', handle]);
    const domain = handle.readBigUInt64LE(0);
    try {
      const words = Buffer.alloc(capabilitiesWords * 4);
      call('shim_domain_capabilities', [DataType.BigInt, DataType.U8Array], [domain, words]);
      return Uint32Array.from({ length: capabilitiesWords }, (_, index) => words.readUInt32LE(4 * index));
    } finally {
      call('shim_domain_close', [DataType.BigInt], [domain]);
    }
  } finally {
    close(library);
  }
}
