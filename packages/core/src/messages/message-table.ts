import * as allocation from './allocation-messages.ts';
import * as executor from './executor-messages.ts';
import * as handshake from './handshake-messages.ts';
import * as lease from './lease-messages.ts';

/** Every message: the number in its envelope and the layout behind it. Numbers are never used again. */
export const messageTable = {
  hello: { number: 0x0001, layout: handshake.hello },
  challenge: { number: 0x0002, layout: handshake.challenge },
  proof: { number: 0x0003, layout: handshake.proof },
  welcome: { number: 0x0004, layout: handshake.welcome },
  refused: { number: 0x0005, layout: handshake.refused },
  'lease-request': { number: 0x0101, layout: lease.leaseRequest },
  'lease-granted': { number: 0x0102, layout: lease.leaseGranted },
  'lease-release': { number: 0x0103, layout: lease.leaseRelease },
  'lease-released': { number: 0x0104, layout: lease.leaseReleased },
  'usage-request': { number: 0x0105, layout: lease.usageRequest },
  usage: { number: 0x0106, layout: lease.usage },
  'lease-share': { number: 0x0107, layout: lease.leaseShare },
  'lease-queued': { number: 0x0108, layout: lease.leaseQueued },
  'lease-withdraw': { number: 0x0109, layout: lease.leaseWithdraw },
  'lease-renew': { number: 0x010a, layout: lease.leaseRenew },
  'lease-attach': { number: 0x010b, layout: lease.leaseAttach },
  'register-node': { number: 0x0201, layout: lease.registerNode },
  'node-registered': { number: 0x0202, layout: lease.nodeRegistered },
  'lease-end': { number: 0x0203, layout: lease.leaseEnd },
  'lease-ended': { number: 0x0204, layout: lease.leaseEnded },
  'usage-report': { number: 0x0205, layout: lease.usageReport },
  'usage-taken': { number: 0x0207, layout: lease.usageTaken },
  'lease-held': { number: 0x0208, layout: lease.leaseHeld },
  'node-drain': { number: 0x0209, layout: lease.nodeDrain },
  'node-resume': { number: 0x020a, layout: lease.nodeResume },
  allocate: { number: 0x0301, layout: allocation.allocate },
  'allocation-started': { number: 0x0302, layout: allocation.allocationStarted },
  deallocate: { number: 0x0303, layout: allocation.deallocate },
  'allocation-ended': { number: 0x0304, layout: allocation.allocationEnded },
  'lease-warning': { number: 0x0305, layout: allocation.leaseWarning },
  'renew-lease': { number: 0x0306, layout: allocation.renewLease },
  'lease-renewed': { number: 0x0307, layout: allocation.leaseRenewed },
  'package-offer': { number: 0x0401, layout: executor.packageOffer },
  'package-loaded': { number: 0x0402, layout: executor.packageLoaded },
  'function-names': { number: 0x0403, layout: executor.functionNames },
  'package-failed': { number: 0x0404, layout: executor.packageFailed },
  'thread-ready': { number: 0x0501, layout: executor.threadReady },
  'executor-welcome': { number: 0x0601, layout: executor.executorWelcome },
  'executor-ready': { number: 0x0602, layout: executor.executorReady },
  'executor-failed': { number: 0x0603, layout: executor.executorFailed },
  'usage-update': { number: 0x0604, layout: executor.usageUpdate },
  'executor-stop': { number: 0x0605, layout: executor.executorStop },
  'executor-prepared': { number: 0x0606, layout: executor.executorPrepared },
  'executor-release': { number: 0x0607, layout: executor.executorRelease },
  'executor-released': { number: 0x0608, layout: executor.executorReleased },
} as const;

/** The name of a message. */
export type MessageKind = keyof typeof messageTable;
