import type { MemoryAccess, RemoteMemory, WorkCompletion } from '@rfaas/rdmalib';
import type { SideClient } from './remote-side.ts';
import type { Handle, Place } from './side.ts';
import type { WaitMode } from './wait-once.ts';

/** One end of a connection in a test, with memory that the other end may use. */
export interface Party {
  readonly side: SideClient;
  readonly sendQueue: Handle;
  readonly receiveQueue: Handle;
  readonly endpoint: Handle;
  readonly id: number;
  readonly region: Handle;
  readonly remote: RemoteMemory;
}

/** A party whose peer's memory can be targeted. */
export interface Connected extends Party {
  /** The other party's region. */
  readonly target: Handle;
}

/** Both ends of a connection. */
export interface Pair {
  readonly near: Connected;
  readonly far: Connected;
}

/** How a pair is made. */
export interface PairOptions {
  readonly sendDepth?: number;
  readonly receiveDepth?: number;
  readonly regionBytes?: number;
  readonly solicitedOnly?: boolean;
  /** Posts receives, before the other side may send. */
  readonly prepare?: (party: Party, end: 'near' | 'far') => Promise<void>;
}

const everything: readonly MemoryAccess[] = ['local-write', 'remote-write', 'remote-read', 'remote-atomic'];

/** `far` listens and accepts, `near` connects; both have memory and know the other's. */
export async function connectPair(
  near: SideClient,
  far: SideClient,
  options: PairOptions = {},
): Promise<Pair> {
  const address = await far.listen();
  const connecting = await prepareParty(near, options);
  await options.prepare?.(connecting, 'near');
  const established = near.connect(connecting.endpoint, address);
  // The far side's failure is reported first; this one's is then only its consequence.
  established.catch(() => undefined);
  const { request } = await far.nextRequest();
  const accepting = await prepareParty(far, options, request);
  await options.prepare?.(accepting, 'far');
  await far.accept(request, accepting.endpoint);
  await established;
  await far.closeListeners();
  return {
    near: { ...connecting, target: await near.resolve(connecting.endpoint, accepting.remote) },
    far: { ...accepting, target: await far.resolve(accepting.endpoint, connecting.remote) },
  };
}

async function prepareParty(side: SideClient, options: PairOptions, request?: Handle): Promise<Party> {
  const sendDepth = options.sendDepth ?? 32;
  const receiveDepth = options.receiveDepth ?? 32;
  const sendQueue = await side.createQueue(sendDepth);
  const receiveQueue = await side.createQueue(receiveDepth, options.solicitedOnly);
  const { region, remote } = await side.allocate({
    byteLength: options.regionBytes ?? 64 * 1024,
    access: everything,
  });
  const shape = { sendQueue, receiveQueue, sendDepth, receiveDepth };
  const { endpoint, id } = await side.createEndpoint(shape, request);
  return { side, sendQueue, receiveQueue, endpoint, id, region, remote };
}

/** A stretch of a party's region. */
export function place(party: Party, offset: number, byteLength: number): Place {
  return { region: party.region, offset, byteLength };
}

/** Takes exactly so many completions of own requests; fails when they do not come. */
export async function sent(party: Party, count: number, mode: WaitMode = 'spin'): Promise<WorkCompletion[]> {
  return exactly(party, party.sendQueue, count, mode);
}

/** Takes exactly so many completions of receives; fails when they do not come. */
export async function received(
  party: Party,
  count: number,
  mode: WaitMode = 'spin',
): Promise<WorkCompletion[]> {
  return exactly(party, party.receiveQueue, count, mode);
}

async function exactly(
  party: Party,
  queue: Handle,
  count: number,
  mode: WaitMode,
): Promise<WorkCompletion[]> {
  const taken = await party.side.take(queue, count, mode);
  if (taken.length !== count) {
    throw new Error(`${taken.length} of ${count} completions came: ${JSON.stringify(taken)}`);
  }
  return taken;
}

/** Bytes that differ from place to place and from seed to seed. */
export function pattern(byteLength: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length: byteLength }, (_, index) => (index * 7 + (index >> 8) + seed * 31) & 0xff);
}

/** Whether two stretches of bytes are equal; unlike matchers fast for large ones. */
export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
