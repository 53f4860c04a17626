import { bytes, bytesUpTo, choice, counter, flag, hex, u32, u64, word } from './field-types.ts';
import { defineRecord, nested } from './record-layout.ts';
import { label } from './text-fields.ts';

/** Largest node, tenant or package name in UTF-8 bytes. */
export const nameBytes = 64;

/** Largest transport URL in UTF-8 bytes. */
export const urlBytes = 128;

/** Largest text of labels in bytes. */
export const labelsBytes = 256;

/** Largest signed lease token in bytes. */
export const maxTokenBytes = 512;

/** An executor manager tells the resource manager what its node has. */
export const registerNode = defineRecord({
  name: label(nameBytes),
  /** Where clients reach the executor manager, with the real port. */
  url: label(urlBytes),
  cores: u32,
  memoryMiB: u32,
  gpus: u32,
  /** Chosen anew at each start of the executor manager, never 0: leases of an earlier start are void. */
  incarnation: word,
  /** What the node is, for requests that want it: `rack=r12,arch=arm64`. */
  labels: label(labelsBytes),
  /** Leased cores for each hundred cores that the node has, from 100. */
  oversubscription: u32,
  /** So many leases still hold something on the node: a `lease-held` follows for each. */
  held: u32,
});

/** The resource manager took the node. */
export const nodeRegistered = defineRecord({});

/** A node that comes back tells of a lease that still holds something there. */
export const leaseHeld = defineRecord({
  leaseId: hex(16),
  tenant: label(nameBytes),
  generation: u32,
  cores: u32,
  memoryMiB: u32,
  gpus: u32,
  /** Milliseconds since 1970. */
  expiry: u64,
});

/**
 * A client asks for cores. The same request sent again, on this connection or on another, is answered with the lease that
 * it was granted before.
 */
export const leaseRequest = defineRecord({
  /** What the lease shall be called: chosen by the client at random. */
  leaseId: hex(16),
  /** Nodes that are wanted; 0: as many as are needed. If not 0, cores, memory and GPUs are those of each node. */
  nodes: u32,
  cores: u32,
  memoryMiB: u32,
  gpus: u32,
  /** Fewest cores, or nodes if a number of nodes is asked for, that are worth having; 0: all or nothing. */
  atLeast: u32,
  durationMs: u64,
  /** How long to wait for resources; 0: refused at once if there are none. */
  queueMs: u64,
  /** The node that is wanted; empty: any. */
  node: label(nameBytes),
  /** Labels that nodes must have; empty: none. */
  labels: label(labelsBytes),
  /** The key of a label of which all nodes must have the same value; empty: none. */
  within: label(nameBytes),
});

/** The lease is granted or renewed: `shares` messages `lease-share` came in front of this one. */
export const leaseGranted = defineRecord({
  leaseId: hex(16),
  generation: u32,
  /** Milliseconds since 1970. */
  expiry: u64,
  /** Nodes of the lease. */
  shares: u32,
});

/** What a lease has on one node, signed for it. */
export const leaseShare = defineRecord({
  leaseId: hex(16),
  generation: u32,
  node: label(nameBytes),
  url: label(urlBytes),
  cores: u32,
  memoryMiB: u32,
  gpus: u32,
  /** Milliseconds since 1970. */
  expiry: u64,
  token: bytesUpTo(maxTokenBytes),
  /** The lease key, sealed under the session key of this connection with the lease's identifier as context. */
  sealedKey: bytes(60),
});

/** There is no room yet: the request waits. Sent again whenever its position changes. */
export const leaseQueued = defineRecord({
  leaseId: hex(16),
  /** From 1, among the requests of the tenant, which are served in order. */
  position: u32,
  /** Requests of all tenants that wait. */
  waiting: u32,
});

/** A client does not want what it asked for any more: the request is refused, or the lease ends. Not answered itself. */
export const leaseWithdraw = defineRecord({ leaseId: hex(16) });

/** A client wants its lease to go on. Answered as a request, with the next generation. */
export const leaseRenew = defineRecord({
  leaseId: hex(16),
  /** From now on. */
  durationMs: u64,
});

/** A client has come back, or to another resource manager, and holds this lease. Answered as a request. */
export const leaseAttach = defineRecord({ leaseId: hex(16) });

/** What a lease has used up to now. */
export const usageRecord = defineRecord({
  allocations: u32,
  invocations: counter,
  hotPollingNs: counter,
  executionNs: counter,
  /** Cores times the time for which they were allocated, by the clock of the executor manager. */
  coreNanoseconds: counter,
  /** MiB times the milliseconds for which they were allocated. */
  mebibyteMilliseconds: counter,
});

/** What a lease has used up to now. */
export type Usage = ReturnType<typeof usageRecord.read>;

/** A client gives a lease back. */
export const leaseRelease = defineRecord({ leaseId: hex(16) });

/** The lease is over; the bill may still grow until the node confirmed the end. */
export const leaseReleased = defineRecord({ leaseId: hex(16), usage: nested('usage', usageRecord) });

/** A client asks what a lease has used. */
export const usageRequest = defineRecord({ leaseId: hex(16) });

/** What a lease has used up to now, as far as its node has reported. */
export const usage = defineRecord({ leaseId: hex(16), usage: nested('usage', usageRecord) });

/** Why a lease ends. */
export const leaseEndReasons = [
  'released',
  'expired',
  'client-gone',
  'node-removed',
  'manager-stopping',
  'node-lost',
  'node-drained',
  'ended-by-operator',
  'not-known',
] as const;

/** Why a lease ends. */
export type LeaseEndReason = (typeof leaseEndReasons)[number];

/** The resource manager tells a node to end everything that runs under a lease. */
export const leaseEnd = defineRecord({ leaseId: hex(16), reason: choice(leaseEndReasons) });

/** The node has ended it: its cores may be granted again. Also sent for a lease that the node never saw. */
export const leaseEnded = defineRecord({ leaseId: hex(16) });

/** The node reports what one allocation has used since its start; each report replaces those before it. */
export const usageReport = defineRecord({
  leaseId: hex(16),
  allocationId: hex(16),
  /** Counts up within one allocation: a report that is not newer than the last is ignored. */
  sequence: u32,
  coreNanoseconds: counter,
  mebibyteMilliseconds: counter,
  hotPollingNs: counter,
  executionNs: counter,
  invocations: counter,
  /** No report of this allocation follows. */
  final: flag,
});

/** The resource manager has stored a report; the node need not keep it. */
export const usageTaken = defineRecord({ allocationId: hex(16), sequence: u32 });

/**
 * A node is taken out of service: no new allocations, clients are warned, and what still runs after `graceMs` is ended.
 * Either side says so: the resource manager to drain a node, a node that was told to stop.
 */
export const nodeDrain = defineRecord({ graceMs: u64 });

/** The resource manager takes a node back into service. */
export const nodeResume = defineRecord({});

/** The value of a layout, e.g. `ValueOf<typeof leaseRequest>`. */
export type ValueOf<L> = L extends { decode(bytes: Uint8Array): infer V } ? V : never;

/** See {@link registerNode}. */
export type RegisterNode = ValueOf<typeof registerNode>;
/** See {@link leaseRequest}. */
export type LeaseRequest = ValueOf<typeof leaseRequest>;
/** See {@link leaseGranted}. */
export type LeaseGranted = ValueOf<typeof leaseGranted>;
/** See {@link leaseShare}. */
export type LeaseShareMessage = ValueOf<typeof leaseShare>;
/** See {@link leaseHeld}. */
export type LeaseHeld = ValueOf<typeof leaseHeld>;
/** See {@link usageReport}. */
export type UsageReport = ValueOf<typeof usageReport>;
