import { findNativeLibrary, openTransport } from '@rfaas/rdmalib';

import { describeTransport } from '../transport-conformance/src/describe-transport.ts';

const url = 'shm://0';

describeTransport('shm', {
  url,
  open: () => openTransport(url),
  address: () => ({ host: '', port: 0 }),
  unavailable: () => {
    try {
      findNativeLibrary('librdmalib_shm.so');
      return null;
    } catch (error) {
      return (error as Error).message.replaceAll(/\n\s*/g, ' ');
    }
  },
});
