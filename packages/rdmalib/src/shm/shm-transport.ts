import { findNativeLibrary } from '../native/find-native-library.ts';
import { NativeTransport } from '../native/native-transport.ts';
import { Shim } from '../native/shim.ts';
import type { Transport } from '../transport/transport.ts';

/**
 * Shared memory on one host. Options: `directory` (where the sockets are, default a 0700 directory of this user),
 * `uids` (whose processes may connect, default one's own and root's), `handshake_ms`, and
 * `direct_map` (0: memory is written and never mapped, as on other transports).
 */
export function openShmTransport(options: Readonly<Record<string, string>>): Transport {
  const lines = Object.entries(options).map(([key, value]) => `${key}=${value}\n`);
  return new NativeTransport(new Shim('shm', findNativeLibrary('librdmalib_shm.so')), lines.join(''));
}
