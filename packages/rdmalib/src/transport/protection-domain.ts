import type { CompletionQueue, CompletionQueueOptions } from './completion-queue.ts';
import type { Listener, ListenOptions } from './connection.ts';
import type { Endpoint, EndpointOptions } from './endpoint.ts';
import type { MemoryOptions, MemoryRegion } from './memory-region.ts';
import type { NetworkAddress } from './network-address.ts';
import type { Transport } from './transport.ts';

/**
 * The scope that memory and endpoints must share to work together: `ibv_pd`, or a libfabric domain. Everything opened
 * from it belongs to the thread that opened it; another worker thread opens a transport of its own.
 */
export interface ProtectionDomain extends Disposable {
  /** What it was opened from. */
  readonly transport: Transport;
  /** Allocates zeroed, page-aligned native memory and registers it. Throws RdmaError. */
  allocateMemory(options: MemoryOptions): MemoryRegion;
  /** Where requests of endpoints of this domain are reported. Throws RdmaError, as for a depth beyond the device's. */
  createCompletionQueue(options: CompletionQueueOptions): CompletionQueue;
  /** An endpoint for `connect`. For an incoming connection see ConnectionRequest.createEndpoint. */
  createEndpoint(options: EndpointOptions): Endpoint;
  /** Rejects with RdmaError when the port is taken or the address is not ours. */
  listen(address: NetworkAddress, options?: ListenOptions): Promise<Listener>;
  /** Closes whatever was opened from it and is still open, then itself. Idempotent. */
  close(): void;
}
