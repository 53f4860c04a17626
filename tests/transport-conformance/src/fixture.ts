import type { NetworkAddress, Transport } from '@rfaas/rdmalib';

/** How the suite gets at the transport that it tests. */
export interface TransportFixture {
  /** The transport's URL, also for the other process. */
  readonly url: string;
  open(): Transport;
  /** Where a listener of a test listens; port 0. */
  address(): NetworkAddress;
  /** Why the transport cannot be tested here, or null. */
  unavailable(): string | null;
  /** Only conversations within one process: where everything would take too long to be run each time. Default false. */
  readonly isBrief?: boolean;
}
