import { bytes, bytesUpTo, choice, counter, flag, hex, u32, u64, word } from './field-types.ts';
import { defineRecord, nested } from './record-layout.ts';
import { label } from './text-fields.ts';

/** Largest node, tenant or package name in UTF-8 bytes. */
export const nameBytes = 64;

/** Largest transport URL in UTF-8 bytes. */
export const urlBytes = 128;

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
});

/** The resource manager took the node. */
export const nodeRegistered = defineRecord({});

/** A client asks for cores. */
export const leaseRequest = defineRecord({
  cores: u32,
  memoryMiB: u32,
  gpus: u32,
  durationMs: u64,
  /** The node that is wanted; empty: any. */
  node: label(nameBytes),
});

/** The answer: a lease, signed for the node. */
export const leaseGranted = defineRecord({
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

/** What a lease has used up to now. */
export const usageRecord = defineRecord({
  allocations: u32,
  invocations: counter,
  hotPollingNs: counter,
  executionNs: counter,
  /** Cores times the time for which they were allocated, by the clock of the executor manager. */
  coreNanoseconds: counter,
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
  hotPollingNs: counter,
  executionNs: counter,
  invocations: counter,
  /** No report of this allocation follows. */
  final: flag,
});

/** The value of a layout, e.g. `ValueOf<typeof leaseRequest>`. */
export type ValueOf<L> = L extends { decode(bytes: Uint8Array): infer V } ? V : never;

/** See {@link registerNode}. */
export type RegisterNode = ValueOf<typeof registerNode>;
/** See {@link leaseRequest}. */
export type LeaseRequest = ValueOf<typeof leaseRequest>;
/** See {@link leaseGranted}. */
export type LeaseGranted = ValueOf<typeof leaseGranted>;
/** See {@link usageReport}. */
export type UsageReport = ValueOf<typeof usageReport>;
