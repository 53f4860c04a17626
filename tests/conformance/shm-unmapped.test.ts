import { openTransport } from '@rfaas/rdmalib';

import { describeTransport } from '../transport-conformance/src/describe-transport.ts';

const url = 'shm://0?direct_map=0';

// Whether shm is here at all is what shm.test.ts says.
describeTransport('shm, not mapped', {
  url,
  open: () => openTransport(url),
  address: () => ({ host: '', port: 0 }),
  unavailable: () => null,
});
