import { openTransport } from '@rfaas/rdmalib';

import { describeTransport } from '../transport-conformance/src/describe-transport.ts';

const url = 'libfabric+verbs;ofi_rxm://?endpoint=rdm';

describeTransport('libfabric:verbs;ofi_rxm;rdm', {
  url,
  open: () => openTransport(url),
  address: () => ({ host: '', port: 0 }),
  unavailable: () => {
    try {
      void openTransport(url).close();
      return null;
    } catch (error) {
      return (error as Error).message.replaceAll(/\n\s*/g, ' ');
    }
  },
});
