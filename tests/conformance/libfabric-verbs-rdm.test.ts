import { openTransport } from '@rfaas/rdmalib';

import { describeTransport } from '../transport-conformance/src/describe-transport.ts';

/** Of the device in the emulated machine of Soft-RoCE; on another machine none, where libfabric's own choice tells. */
const [host = ''] = (process.env['SOFT_ROCE_ADDRESSES'] ?? '').split(',');
const url = `libfabric+verbs;ofi_rxm://${host === '' ? '' : `${host}:0`}?endpoint=rdm`;

describeTransport('libfabric:verbs;ofi_rxm;rdm', {
  url,
  open: () => openTransport(url),
  address: () => ({ host, port: 0 }),
  // All of it takes five minutes in the emulated machine.
  isBrief: process.env['RFAAS_TEST_ALL_OF_VERBS'] === undefined,
  unavailable: () => {
    try {
      void openTransport(url).close();
      return null;
    } catch (error) {
      return `${(error as Error).message.replaceAll(/\n\s*/g, ' ')}. Soft-RoCE: npm run test:soft-roce -- COMMAND`;
    }
  },
});
