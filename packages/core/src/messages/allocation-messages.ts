import { bytesUpTo, choice, hex, i32, u32, u64 } from './field-types.ts';
import { maxTokenBytes, nameBytes, urlBytes } from './lease-messages.ts';
import type { ValueOf } from './lease-messages.ts';
import { defineRecord } from './record-layout.ts';
import { clippedText, label } from './text-fields.ts';

/** What a function package is made of. */
export const packageKinds = ['native', 'javascript'] as const;

/** What a function package is made of. */
export type PackageKind = (typeof packageKinds)[number];

/** A client asks an executor manager for an executor under a lease. */
export const allocate = defineRecord({
  token: bytesUpTo(maxTokenBytes),
  /** Worker threads, one for each core; all allocations of a lease together at most the lease's cores. */
  cores: u32,
  memoryMiB: u32,
  /** Where the executor's threads connect to. */
  clientUrl: label(urlBytes),
  /** Chosen by the client for this allocation: the executor shows it when it connects. */
  secret: hex(16),
  packageKind: choice(packageKinds),
  sha256: hex(32),
  packageBytes: u64,
  packageName: label(nameBytes),
  /** How long a thread spins without work before it sleeps: -1 for ever, 0 not at all, else milliseconds. */
  hotTimeoutMs: i32,
  /** Invocations in flight on a thread: a power of two, at most 64. */
  slots: u32,
  /** Largest input of one invocation. */
  inputBytes: u64,
  /** Largest output of one invocation. */
  outputBytes: u64,
});

/** The executor is being started: it connects to `clientUrl` on its own. */
export const allocationStarted = defineRecord({ allocationId: hex(16) });

/** A client gives an allocation back. */
export const deallocate = defineRecord({ allocationId: hex(16) });

/** Why an allocation ended. */
export const allocationEndReasons = [
  'deallocated',
  'lease-expired',
  'crashed',
  'exited',
  'client-gone',
  'manager-stopping',
  'start-failed',
] as const;

/** Why an allocation ended. */
export type AllocationEndReason = (typeof allocationEndReasons)[number];

/** An allocation is over and its cores are back with the lease. */
export const allocationEnded = defineRecord({
  allocationId: hex(16),
  reason: choice(allocationEndReasons),
  /** The exit status of the process, or -1 if a signal ended it. */
  exitCode: i32,
  /** The signal's name, e.g. `SIGSEGV`, or empty. */
  signal: label(16),
  text: clippedText(256),
});

/** Why a lease is about to end. */
export const leaseWarningReasons = ['expiring', 'draining'] as const;

/** Why a lease is about to end. */
export type LeaseWarningReason = (typeof leaseWarningReasons)[number];

/** A lease is about to end on this node. */
export const leaseWarning = defineRecord({
  leaseId: hex(16),
  /** When it ends unless it is renewed, in milliseconds since 1970. */
  expiry: u64,
  /** `draining`: the node goes out of service, and renewing does not help. */
  reason: choice(leaseWarningReasons),
});

/** A client shows the token of a renewed lease: what runs under it goes on. Answered by `lease-renewed`. */
export const renewLease = defineRecord({ token: bytesUpTo(maxTokenBytes) });

/** The lease ends later on this node. */
export const leaseRenewed = defineRecord({
  leaseId: hex(16),
  generation: u32,
  /** Milliseconds since 1970. */
  expiry: u64,
});

/** See {@link allocate}. */
export type Allocate = ValueOf<typeof allocate>;
/** See {@link allocationEnded}. */
export type AllocationEnded = ValueOf<typeof allocationEnded>;
