import {
  authenticateClient,
  decodeMessage,
  deriveLeaseKey,
  encodeConnectionData,
  encodeMessage,
  generateId,
  signLease,
  type Lease,
  type Message,
} from '@rfaas/core';
import { MessageChannel, openTransport, parseTransportUrl, type Transport } from '@rfaas/rdmalib';
import { testTransportAt } from './test-transport.ts';

/** A lease of one core on `node-0` that is in force now. */
export function leaseFor(node: string, incarnation: bigint, changes: Partial<Lease> = {}): Lease {
  const now = Date.now();
  return {
    keyId: 0,
    leaseId: generateId(),
    generation: 0,
    node,
    incarnation,
    cores: 1,
    memoryMiB: 64,
    gpus: 0,
    tenant: 'tester',
    notBefore: now,
    expiry: now + 60_000,
    ...changes,
  };
}

/** What a test wants to be wrong, or right, in what it shows an executor manager. */
export interface RawLease {
  readonly lease: Lease;
  /** The key that the connection proves is derived from this node key. */
  readonly provenWith: Uint8Array;
  /** The token is signed with this node key. */
  readonly signedWith: Uint8Array;
  /** Where the executor shall connect to. Default: where nobody listens. */
  readonly clientUrl?: string;
  /** What happens to the token on its way. */
  readonly alter?: (token: Uint8Array) => void;
}

/** A client that speaks to an executor manager message by message, so that it can say what the SDK never would. */
export class RawManagerClient implements AsyncDisposable {
  readonly #transport: Transport;
  readonly #channel: MessageChannel;

  private constructor(transport: Transport, channel: MessageChannel) {
    this.#transport = transport;
    this.#channel = channel;
  }

  /** Connects and proves that it holds the lease's key. Rejects with what the manager refuses it with. */
  static async connect(url: string, { lease, provenWith }: RawLease): Promise<RawManagerClient> {
    const address = parseTransportUrl(url);
    const transport = openTransport(address);
    try {
      const channel = await MessageChannel.connect(transport.openProtectionDomain(), address, {
        privateData: encodeConnectionData({ role: 'client-to-executor-manager' }),
      });
      await authenticateClient(channel, {
        role: 'client-to-executor-manager',
        name: lease.tenant,
        key: deriveLeaseKey(provenWith, lease.leaseId, lease.generation),
        leaseId: lease.leaseId,
        generation: lease.generation,
        signal: AbortSignal.timeout(10_000),
      });
      return new RawManagerClient(transport, channel);
    } catch (error) {
      await transport[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Asks for cores under the lease. */
  async allocate(
    { lease, signedWith, clientUrl = testTransportAt(1), alter }: RawLease,
    cores = 1,
  ): Promise<Message> {
    const token = signLease(signedWith, lease);
    alter?.(token);
    return this.request({
      kind: 'allocate',
      token,
      cores,
      memoryMiB: 64,
      clientUrl,
      secret: generateId(),
      packageKind: 'native',
      sha256: '00'.repeat(32),
      packageBytes: 1,
      packageName: 'nothing',
      hotTimeoutMs: 0,
      slots: 1,
      inputBytes: 64,
      outputBytes: 64,
    });
  }

  /** Sends a message and resolves to the next one that comes. */
  async request(message: Parameters<typeof encodeMessage>[0]): Promise<Message> {
    await this.#channel.send(encodeMessage(message, 1));
    return this.next();
  }

  /** The next message. */
  async next(): Promise<Message> {
    const bytes = await this.#channel.receive({ signal: AbortSignal.timeout(20_000) });
    if (bytes === undefined) throw new Error('the executor manager disconnected');
    return decodeMessage(bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#channel.close();
    await this.#transport[Symbol.asyncDispose]();
  }
}

/** Shows the lease on a connection of its own and resolves to the manager's answer. */
export async function allocateOnce(url: string, raw: RawLease, cores?: number): Promise<Message> {
  await using client = await RawManagerClient.connect(url, raw);
  // Awaited here: the client is disposed when this function returns.
  return await client.allocate(raw, cores);
}
