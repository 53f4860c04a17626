import { openTransport } from '@rfaas/rdmalib';

import { transportObstacle } from '../support/transport-obstacle.ts';
import { describeTransport } from '../transport-conformance/src/describe-transport.ts';

const url = 'libfabric+tcp;ofi_rxm://127.0.0.1:0?endpoint=rdm';

describeTransport('libfabric:tcp;ofi_rxm;rdm', {
  url,
  open: () => openTransport(url),
  address: () => ({ host: '127.0.0.1', port: 0 }),
  unavailable: () => transportObstacle(url),
});
