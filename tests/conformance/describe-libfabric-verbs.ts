import { openTransport } from '@rfaas/rdmalib';

import { verbsObstacle } from '../support/transport-obstacle.ts';
import { describeTransport } from '../transport-conformance/src/describe-transport.ts';

/** The suite on the device of the emulated machine; on another machine there is none, and libfabric's own choice tells. */
export function describeLibfabricVerbs(provider: string, endpoint: string): void {
  const [host = ''] = (process.env['SOFT_ROCE_ADDRESSES'] ?? '').split(',');
  const url = `libfabric+${provider}://${host === '' ? '' : `${host}:0`}?endpoint=${endpoint}`;
  describeTransport(`libfabric:${provider};${endpoint}`, {
    url,
    open: () => openTransport(url),
    address: () => ({ host, port: 0 }),
    // All of it takes five minutes in the emulated machine, which runs that as a part of its own.
    isBrief: host !== '' && process.env['RFAAS_TEST_ALL_OF_LIBFABRIC_VERBS'] === undefined,
    unavailable: () => verbsObstacle(url),
  });
}
