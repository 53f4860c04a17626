import { openTransport } from '@rfaas/rdmalib';

import { verbsObstacle } from '../support/transport-obstacle.ts';
import { describeTransport } from '../transport-conformance/src/describe-transport.ts';

const url = 'verbs://';

describeTransport('verbs', {
  url,
  open: () => openTransport(url),
  address: () => ({ host: '', port: 0 }),
  unavailable: () => verbsObstacle(url),
});
