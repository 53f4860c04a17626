import { RdmaError } from '../errors.ts';
import { Shim } from './shim.ts';
import { capabilitiesWords } from './shim-layout.ts';

/**
 * Asks a transport's native library the same through two foreign function interfaces and compares what they heard.
 * Throws RdmaError with code RDMA_ERR_ABI_MISMATCH where they differ: then one of them, or the library, does not follow
 * this platform's calling convention. For diagnosis; nothing on a data path needs it.
 */
export async function crossCheckNativeLibrary(path: string): Promise<void> {
  const { readCapabilitiesThroughFfiRs } = await import('./ffi-rs-backend.ts');
  const other = readCapabilitiesThroughFfiRs(path);
  const own = readCapabilities(new Shim('cross-check', path));
  const word = own.findIndex((value, index) => value !== other[index]);
  if (word >= 0) {
    throw new RdmaError(
      'RDMA_ERR_ABI_MISMATCH',
      `capability word ${word} of ${path} is ${own[word]} through koffi and ${other[word]} through ffi-rs`,
      { operation: 'shim_domain_capabilities' },
    );
  }
}

function readCapabilities(shim: Shim): Uint32Array {
  const handle = new BigUint64Array(1);
  shim.check(shim.call.shim_domain_open('', handle), 'shim_domain_open');
  const domain = Number(handle[0]);
  try {
    const words = new Uint32Array(capabilitiesWords);
    shim.check(shim.call.shim_domain_capabilities(domain, words), 'shim_domain_capabilities');
    return words;
  } finally {
    shim.call.shim_domain_close(domain);
  }
}
