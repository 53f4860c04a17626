import type { ProtectionDomain } from './protection-domain.ts';

/** One way of moving bytes between address spaces: verbs, a libfabric provider, or shared memory on one host. */
export interface Transport extends AsyncDisposable {
  /** Stable identifier used in logs, errors and test names, e.g. `shm` or `libfabric:tcp;msg`. */
  readonly name: string;
  /** What it can do on the device that it was opened on. */
  readonly capabilities: TransportCapabilities;
  /**
   * Native address of this transport's function table (`struct shim_table`), for native code that works over any
   * transport. Valid as long as the process lives.
   */
  readonly tableAddress: number;
  /** Opens the configured device (verbs) or fabric and domain (libfabric). Throws RdmaError. */
  openProtectionDomain(): ProtectionDomain;
  /** Closes every protection domain that is still open. Idempotent. */
  close(): Promise<void>;
}

/**
 * Facts that change what a caller may do. Everything else that differs between providers is hidden below this
 * interface. Branch on these, never on the name.
 */
export interface TransportCapabilities {
  /** `connected`: RC queue pair, FI_EP_MSG or a shm ring pair. `datagram`: FI_EP_RDM. */
  readonly endpointKind: 'connected' | 'datagram';
  /** `none` means that postFetchAdd and postCompareSwap throw UnsupportedOperationError. */
  readonly atomics: 'native' | 'emulated' | 'none';
  /** `timed-poll` when the provider cannot hand out a file descriptor: waiting then costs up to 1 ms. */
  readonly blockingWait: 'file-descriptor' | 'timed-poll';
  /** What can be said with a connection request and its answer. */
  readonly maxPrivateDataBytes: number;
  /** Largest payload that a request can carry itself. */
  readonly maxInlineBytes: number;
  /** Most segments of one request. */
  readonly maxScatterGatherEntries: number;
  /** False for shm: both ends must be on one host. */
  readonly crossesHosts: boolean;
  /** True where a peer's region can be mapped and used in place (shm); see Endpoint.mapRemote. */
  readonly directMap: boolean;
  /** Largest payload of one send; writes and reads are bounded by their regions only. */
  readonly maxSendBytes: number;
  /** Largest send or receive queue of an endpoint. */
  readonly maxQueueDepth: number;
}
