import type { CompletionQueue, Endpoint, ProtectionDomain, RemoteTarget } from '@rfaas/rdmalib';
import type { NativeLoops } from './native-loops.ts';
import type { ThreadAnnouncement } from './slot-memory.ts';

/** What a thread connection is made of. */
export interface ThreadParts {
  readonly domain: ProtectionDomain;
  readonly endpoint: Endpoint;
  /** This endpoint's alone, so that a synchronous invocation polls nothing else. */
  readonly queue: CompletionQueue;
  readonly loops: NativeLoops;
  readonly announcement: ThreadAnnouncement;
  /** The executor's slots as a target of this connection. */
  readonly slotMemory: RemoteTarget;
  /** Marks buffers as this executor's. */
  readonly owner: object;
  /** False once the executor's control connection has ended: with its host, say. */
  readonly isControlled: () => boolean;
  /** The connection is of no use any more; called once, by whatever noticed it. */
  readonly onLost: (reason: string) => void;
}
