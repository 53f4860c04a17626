import { openTransport } from '@rfaas/rdmalib';

import { describeTransport } from '../transport-conformance/src/describe-transport.ts';

const url = 'libfabric+shm://127.0.0.1:0?endpoint=rdm';

describeTransport('libfabric:shm;rdm', {
  url,
  open: () => openTransport(url),
  address: () => ({ host: '127.0.0.1', port: 0 }),
  unavailable: () => {
    try {
      void openTransport(url).close();
      return null;
    } catch (error) {
      return (error as Error).message.replaceAll(/\n\s*/g, ' ');
    }
  },
});
