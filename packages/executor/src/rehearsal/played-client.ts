import { createHash, randomBytes } from 'node:crypto';
import type { ExecutorAssignment } from '@rfaas/core';
import {
  decodeConnectionData,
  decodeMessage,
  encodeMessage,
  expectMessage,
  invocationHeader,
  invocationHeaderOffset,
  invocationStatus,
  joinFunctionNames,
  parseReplyImmediate,
  requestImmediate,
  resultGuarded,
  RfaasError,
} from '@rfaas/core/wire';
import type { PackageKind, ThreadReady } from '@rfaas/core/wire';
import {
  announcedUrl,
  createCompletionBatch,
  formatTransportUrl,
  MessageChannel,
  openTransport,
  parseTransportUrl,
  requireSuccess,
} from '@rfaas/rdmalib';
import type {
  CompletionQueue,
  ConnectionRequest,
  Endpoint,
  Listener,
  ProtectionDomain,
  Transport,
  WorkCompletion,
} from '@rfaas/rdmalib';
import { receiveMessage } from '../channel-messages.ts';

/** One slot of one cache line: enough to go through everything. */
const memory = { slots: 1, inputBytes: 64, outputBytes: 64 } as const;
const headerBytes = 32;
const messageBytes = 4096;
const invocationId = 0;
/** The announcement's receive, and one for each reply. */
const queueDepth = 8;

/** What the client of a rehearsal sends. */
export interface PlayedPackage {
  readonly kind: PackageKind;
  readonly bytes: Uint8Array;
}

interface PlayedThread {
  readonly endpoint: Endpoint;
  readonly queue: CompletionQueue;
  readonly ready: ThreadReady;
}

/**
 * The client of a rehearsal, inside of the executor itself: it takes the executor's connections, sends a package and invokes a
 * function once on each thread. It has a transport of its own, which is closed with all that came over it.
 */
export class PlayedClient implements AsyncDisposable {
  /** What the executor is assigned. */
  readonly assignment: ExecutorAssignment;
  readonly #package: Uint8Array;
  readonly #transport: Transport;
  readonly #domain: ProtectionDomain;
  readonly #listener: Listener;

  private constructor(
    assignment: ExecutorAssignment,
    bytes: Uint8Array,
    transport: Transport,
    domain: ProtectionDomain,
    listener: Listener,
  ) {
    this.assignment = assignment;
    this.#package = bytes;
    this.#transport = transport;
    this.#domain = domain;
    this.#listener = listener;
  }

  /**
   * Listens where the executor's manager is.
   *
   * @param played a package whose only function copies its input to its output
   */
  static async open(
    managerUrl: string,
    threads: number,
    { kind, bytes }: PlayedPackage,
  ): Promise<PlayedClient> {
    const url = parseTransportUrl(managerUrl);
    const transport = openTransport(url);
    try {
      const domain = transport.openProtectionDomain();
      const listener = await domain.listen({ host: url.host, port: 0 });
      const assignment: ExecutorAssignment = {
        ...memory,
        allocationId: randomBytes(16).toString('hex'),
        secret: randomBytes(16).toString('hex'),
        clientUrl: formatTransportUrl(announcedUrl(url, listener.address)),
        cpus: [],
        pinThreads: false,
        threads,
        hotTimeoutMs: 0,
        packageKind: kind,
        packageName: 'rehearsal',
        sha256: createHash('sha256').update(bytes).digest('hex'),
        packageBytes: bytes.byteLength,
        peerTimeoutMs: 15_000,
      };
      return new PlayedClient(assignment, bytes, transport, domain, listener);
    } catch (error) {
      await transport.close();
      throw error;
    }
  }

  /** Resolves once every thread has answered. Rejects with what went wrong. */
  async play(): Promise<void> {
    const threads: Promise<PlayedThread>[] = [];
    let names: Promise<void> | undefined;
    for await (const request of this.#listener.requests()) {
      const decoded = decodeConnectionData(request.privateData);
      if (!decoded.ok || decoded.data.secret !== this.assignment.secret) {
        await request.reject();
      } else if (decoded.data.role === 'executor-to-client') {
        names = this.#load(request);
      } else {
        threads.push(this.#take(request));
      }
      if (names !== undefined && threads.length === this.assignment.threads) {
        break;
      }
    }
    await Promise.all([names, ...threads.map(async (thread) => this.#invoke(await thread))]);
  }

  /** Disconnects. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport.close();
  }

  async #load(request: ConnectionRequest): Promise<void> {
    const { sha256, packageKind, packageName } = this.assignment;
    const channel = await MessageChannel.accept(request);
    const region = this.#domain.allocateMemory({
      byteLength: this.#package.byteLength,
      access: ['local-write', 'remote-read'],
    });
    region.bytes.set(this.#package);
    const { address, rkey, byteLength: bytes } = region.remote;
    const offer = { address, rkey, bytes, packageKind, sha256, name: packageName };
    await channel.send(encodeMessage({ kind: 'package-offer', ...offer }));
    const loaded = expectMessage(await receiveMessage(channel, 'the executor'), 'package-loaded');
    for (let names: string[] = []; names.length < loaded.functionCount;) {
      const message = await receiveMessage(channel, 'the executor');
      names = joinFunctionNames(names, expectMessage(message, 'function-names'));
    }
  }

  async #take(request: ConnectionRequest): Promise<PlayedThread> {
    const queue = this.#domain.createCompletionQueue({ depth: 2 * queueDepth });
    const endpoint = request.createEndpoint({
      sendCompletions: queue,
      receiveCompletions: queue,
      sendQueueDepth: queueDepth,
      receiveQueueDepth: queueDepth,
    });
    const region = this.#domain.allocateMemory({ byteLength: messageBytes, access: ['local-write'] });
    endpoint.postReceive({ region, offset: 0, byteLength: messageBytes }, 0);
    await request.accept(endpoint);
    const { byteLength } = await nextCompletion(endpoint, queue, 'receive');
    const ready = expectMessage(decodeMessage(region.bytes.slice(0, byteLength)), 'thread-ready');
    return { endpoint, queue, ready };
  }

  async #invoke({ endpoint, queue, ready }: PlayedThread): Promise<void> {
    const access = ['local-write', 'remote-write'] as const;
    const result = this.#domain.allocateMemory({ byteLength: memory.outputBytes, access, guardPage: true });
    const request = this.#domain.allocateMemory({
      byteLength: headerBytes + memory.inputBytes,
      access: ['local-write'],
    });
    const header = invocationHeader.encode({
      resultAddress: result.remote.address,
      resultKey: result.remote.rkey,
      inputBytes: memory.inputBytes,
      resultCapacity: memory.outputBytes,
      invocationId,
      flags: resultGuarded,
    });
    request.bytes.set(header);
    request.bytes.fill(1, headerBytes);
    const slots = await endpoint.resolveRemote({
      address: ready.address,
      rkey: ready.rkey,
      byteLength: ready.length,
    });
    endpoint.postEmptyReceives(1);
    endpoint.postWrite(
      { region: request, offset: 0, byteLength: request.byteLength },
      slots,
      invocationHeaderOffset,
      { immediate: requestImmediate(invocationId, 0, true), solicited: true },
    );
    const { immediate = 0 } = await nextCompletion(endpoint, queue, 'receive-write-immediate');
    const { status } = parseReplyImmediate(immediate);
    if (status !== invocationStatus.ok || result.bytes.some((byte) => byte !== 1)) {
      throw new RfaasError(
        'RFAAS_ERR_INTERNAL',
        `the rehearsed invocation was answered with status ${status}`,
      );
    }
  }
}

async function nextCompletion(
  endpoint: Endpoint,
  queue: CompletionQueue,
  opcode: WorkCompletion['opcode'],
): Promise<WorkCompletion> {
  const batch = createCompletionBatch(1);
  const gone = endpoint.disconnected.then(() => 'gone' as const);
  for (;;) {
    if (queue.poll(batch) > 0) {
      const completion = requireSuccess(batch.at(0));
      if (completion.opcode === opcode) {
        return completion;
      }
    } else if ((await Promise.race([queue.readable(), gone])) === 'gone') {
      throw new RfaasError('RFAAS_ERR_INTERNAL', 'a thread disconnected in the rehearsal');
    }
  }
}
