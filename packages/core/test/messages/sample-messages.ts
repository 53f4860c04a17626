import type { OutgoingMessage } from '../../src/index.ts';

const id = (start: number): string =>
  Array.from({ length: 16 }, (_, index) => (start + index).toString(16).padStart(2, '0')).join('');
const usage = { allocations: 3, invocations: 70_000, hotPollingNs: 5_000_000_000, executionNs: 123, coreNanoseconds: 2 ** 40 };
const digest = 'ab'.repeat(32);

/** One message of every kind, with a different value in every field. */
export const sampleMessages: readonly OutgoingMessage[] = [
  { kind: 'hello', nonce: new Uint8Array(32).fill(1), name: 'tenant-é', leaseId: id(1), generation: 2 },
  { kind: 'challenge', nonce: new Uint8Array(32).fill(2), name: 'node', incarnation: 2n ** 63n, proof: new Uint8Array(32).fill(3) },
  { kind: 'proof', proof: new Uint8Array(32).fill(4) },
  { kind: 'welcome' },
  { kind: 'refused', code: 6, text: 'no node has 4 cores' },
  { kind: 'lease-request', cores: 4, memoryMiB: 512, gpus: 1, durationMs: 60_000, node: 'node-1' },
  {
    kind: 'lease-granted', leaseId: id(16), generation: 1, node: 'node-1', url: 'shm://43211', cores: 4, memoryMiB: 512,
    gpus: 0, expiry: 1_790_000_000_000, token: Uint8Array.of(1, 2, 3), sealedKey: new Uint8Array(60).fill(5),
  },
  { kind: 'lease-release', leaseId: id(32) },
  { kind: 'lease-released', leaseId: id(32), usage },
  { kind: 'usage-request', leaseId: id(48) },
  { kind: 'usage', leaseId: id(48), usage },
  { kind: 'register-node', name: 'node-1', url: 'shm://43211', cores: 8, memoryMiB: 16_384, gpus: 2, incarnation: 77n },
  { kind: 'node-registered' },
  { kind: 'lease-end', leaseId: id(64), reason: 'expired' },
  { kind: 'lease-ended', leaseId: id(64) },
  {
    kind: 'usage-report', leaseId: id(80), allocationId: id(96), sequence: 9, coreNanoseconds: 1, hotPollingNs: 2,
    executionNs: 3, invocations: 4, final: true,
  },
  { kind: 'heartbeat' },
  {
    kind: 'allocate', token: Uint8Array.of(9, 8), cores: 2, memoryMiB: 64, clientUrl: 'shm://5', secret: id(112),
    packageKind: 'javascript', sha256: digest, packageBytes: 12_345, packageName: 'thumbnails', hotTimeoutMs: -1, slots: 8,
    inputBytes: 2 ** 33, outputBytes: 4096,
  },
  { kind: 'allocation-started', allocationId: id(128) },
  { kind: 'deallocate', allocationId: id(128) },
  { kind: 'allocation-ended', allocationId: id(128), reason: 'crashed', exitCode: -1, signal: 'SIGSEGV', text: 'ended' },
  { kind: 'lease-warning', leaseId: id(144), expiry: 1_790_000_000_001 },
  {
    kind: 'package-offer', address: 2n ** 47n, rkey: 2n ** 64n - 1n, bytes: 99, packageKind: 'native', sha256: digest,
    name: 'options',
  },
  { kind: 'package-loaded', functionCount: 3, threads: 2 },
  { kind: 'function-names', first: 1, count: 2, names: 'black_scholes\necho' },
  { kind: 'package-failed', text: 'no function is exported' },
  {
    kind: 'thread-ready', index: 1, slots: 8, slotStride: 8192, inputBytes: 4096, outputBytes: 1, address: 4096n, rkey: 6n,
    length: 65_536,
  },
  { kind: 'executor-welcome', address: 8192n, rkey: 3n, length: 48, flushMs: 100 },
  { kind: 'executor-ready', pid: 4711 },
  { kind: 'executor-failed', text: 'cannot connect' },
  { kind: 'usage-update', thread: 1, hotPollingNs: 2, executionNs: 3, invocations: 4 },
  { kind: 'executor-stop', reason: 'client-gone' },
];
