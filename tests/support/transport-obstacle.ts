import { openTransport } from '@rfaas/rdmalib';
import { existsSync } from 'node:fs';

/** Why a transport cannot be tested here, in one line, or null. */
export function transportObstacle(url: string): string | null {
  try {
    void openTransport(url).close();
    return null;
  } catch (error) {
    return (error as Error).message.replaceAll(/\s+/g, ' ');
  }
}

/** As {@link transportObstacle}, for what only the emulated machine has on most hosts. */
export function verbsObstacle(url: string): string | null {
  const obstacle = transportObstacle(url);
  return obstacle === null ? null : `${obstacle}. Soft-RoCE: npm run test:soft-roce -- COMMAND`;
}

/** Why no library can be put in front of libfabric here, or null. */
export function interpositionObstacle(): string | null {
  return existsSync('/usr/include/rdma/fabric.h')
    ? transportObstacle('libfabric+tcp;ofi_rxm://127.0.0.1:0')
    : 'libfabric has no headers here: "apt-get install libfabric-dev"';
}
