import type { MemoryAccess } from '../transport/memory-region.ts';
import type { EndpointState } from '../transport/endpoint.ts';
import type { WorkCompletionOpcode, WorkCompletionStatus } from '../transport/work-completion.ts';

/*
 * The structures of native-shims/include/rdmalib_shim.h as word and byte offsets. A test compares them with the C
 * compiler's.
 */

/** SHIM_ABI_VERSION that this file describes. */
export const abiVersion = 2;

/** Words of `struct shim_completion`. */
export const completionWords = 8;

/** Word offsets in `struct shim_completion`. */
export const completionWord = {
  endpointId: 0,
  opcode: 1,
  status: 2,
  wrId: 3,
  flags: 4,
  immediate: 5,
  byteLength: 6,
  providerError: 7,
} as const;

/** SHIM_IMMEDIATE in a completion's flags. */
export const completionFlagImmediate = 8;

/** `enum shim_opcode`, by number. */
export const opcodeNames: readonly (WorkCompletionOpcode | undefined)[] = [
  undefined,
  'send',
  'write',
  'read',
  'fetch-add',
  'compare-swap',
  'receive',
  'receive-write-immediate',
];

/** `enum shim_opcode`, of requests. */
export const opcode = { send: 1, write: 2, read: 3, fetchAdd: 4, compareSwap: 5 } as const;

/** `enum shim_status`, by number. */
export const statusNames: readonly WorkCompletionStatus[] = [
  'success',
  'local-length-error',
  'local-protection-error',
  'remote-access-error',
  'remote-operation-error',
  'receiver-not-ready',
  'retry-exceeded',
  'flushed',
  'other-error',
];

/** `enum shim_work_flags`. */
export const workFlag = { signaled: 1, inline: 2, solicited: 4, immediate: 8, placed: 16 } as const;

/** Word offsets in `struct shim_work`; 64-bit fields take two words, low one first. */
export const workWord = {
  opcode: 0,
  flags: 1,
  wrId: 2,
  immediate: 3,
  target: 4,
  segmentCount: 5,
  targetOffset: 6,
  operand: 8,
  swap: 10,
  segments: 12,
} as const;

/** Words of `struct shim_segment`. */
export const segmentWords = 6;

/** SHIM_MAX_SEGMENTS. */
export const maxSegments = 8;

/** Bytes of `struct shim_work`. */
export const workBytes = 4 * (workWord.segments + maxSegments * segmentWords);

/** Word offsets in `struct shim_capabilities`, 16 words. */
export const capabilitiesWord = {
  abiVersion: 0,
  endpointKind: 1,
  atomics: 2,
  waiting: 3,
  maxPrivateData: 4,
  maxInline: 5,
  maxSegments: 6,
  crossesHosts: 7,
  directMap: 8,
  maxSendBytes: 9,
  maxQueueDepth: 10,
} as const;

/** Words of `struct shim_capabilities`. */
export const capabilitiesWords = 16;

/** Byte offsets in `struct shim_event`. */
export const eventOffset = {
  type: 0,
  ownerId: 4,
  error: 8,
  reason: 12,
  object: 16,
  privateDataBytes: 24,
  peerPort: 28,
  peer: 32,
  privateData: 144,
} as const;

/** Bytes of `struct shim_event`. */
export const eventBytes = 408;

/** SHIM_ADDRESS_BYTES. */
export const addressBytes = 112;

/** SHIM_MAX_PRIVATE_DATA. */
export const maxPrivateDataBytes = 256;

/** `enum shim_event_type`. */
export const eventType = {
  connectRequest: 1,
  established: 2,
  refused: 3,
  failed: 4,
  disconnected: 5,
  readable: 6,
  resolved: 7,
} as const;

/** `enum shim_disconnect_reason`. */
export const disconnectReason = { closedByPeer: 1, peerDied: 2, protocolViolation: 3 } as const;

/** 64-bit word offsets in `struct shim_region_info`. */
export const regionInfoWord = { address: 0, length: 1, mappedLength: 2, remoteAddress: 3, rkey: 4 } as const;

/** 32-bit word offset of `fd` in `struct shim_region_info`. */
export const regionInfoDescriptorWord = 10;

/** Bytes of `struct shim_region_info`. */
export const regionInfoBytes = 64;

/** `enum shim_access`. */
export const accessFlag: Readonly<Record<MemoryAccess, number>> = {
  'local-write': 1,
  'remote-write': 2,
  'remote-read': 4,
  'remote-atomic': 8,
};

/** `enum shim_region_flags`. */
export const regionFlag = { file: 1, guard: 2 } as const;

/** `enum shim_endpoint_state`, by number. */
export const endpointStates: readonly EndpointState[] = [
  'new',
  'connecting',
  'established',
  'disconnected',
  'failed',
];
