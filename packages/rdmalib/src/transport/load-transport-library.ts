import { loadLibfabric } from '../libfabric/load-libfabric.ts';
import { findNativeLibrary } from '../native/find-native-library.ts';
import { Shim } from '../native/shim.ts';
import { loadVerbs } from '../verbs/load-verbs.ts';
import type { TransportUrl } from './transport-url.ts';

/**
 * Loads the native library of a kind of transports and returns its path. Throws RdmaError that says what is missing and
 * where to get it; opens no device.
 */
export function loadTransportLibrary(kind: TransportUrl['kind']): string {
  switch (kind) {
    case 'shm':
      return new Shim('shm', findNativeLibrary('librdmalib_shm.so')).path;
    case 'verbs':
      return loadVerbs().path;
    case 'libfabric':
      return loadLibfabric('libfabric').path;
  }
}
