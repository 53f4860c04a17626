import {
  decodeMessage,
  encodeConnectionData,
  encodeMessage,
  expectMessage,
  slotStride,
  splitFunctionNames,
  type Allocate,
  type AllocationEnded,
  type OutgoingMessage,
} from '@rfaas/core';
import {
  createCompletionBatch,
  MessageChannel,
  openTransport,
  parseTransportUrl,
  type CompletionQueue,
  type Endpoint,
  type MemoryRegion,
  type NetworkAddress,
  type ProtectionDomain,
  type Transport,
} from '@rfaas/rdmalib';
import type { AllocationEnd, ExecutorManagerSession, LeaseGrant } from '../src/executor-manager-session.ts';

/** How the executor behaves. */
export interface PlayedBehaviour {
  readonly functions?: readonly string[];
  /** Says that the package does not load, then ends. */
  readonly packageFails?: string;
  /** Ends at this point, as the manager reports it. */
  readonly endsBefore?: 'connecting' | 'loaded' | 'threads';
  readonly end?: Partial<AllocationEnded>;
  /** Connects and then says nothing. */
  readonly silent?: boolean;
  /** Connects first with another secret. */
  readonly stranger?: boolean;
  /** Its threads hang up as soon as they said that they are ready, and the manager knows nothing of it. */
  readonly threadsLeave?: boolean;
  /** What a thread says of itself that is not true. */
  readonly announces?: Partial<Extract<OutgoingMessage, { kind: 'thread-ready' }>>;
}

const ALLOCATION = 'a'.repeat(32);

/** The manager and the executor of an allocation, in the event loop of the test and over a real transport. */
export class PlayedNode implements AsyncDisposable {
  readonly grant: LeaseGrant;
  readonly session: ExecutorManagerSession;
  readonly deallocated: string[] = [];
  /** Settles when the stranger was turned away. */
  strangerRejected: Promise<Error> | undefined;
  /** What the executor read from the client's memory. */
  packageBytes: Uint8Array | undefined;
  readonly #behaviour: PlayedBehaviour;
  readonly #transport: Transport = openTransport('shm://0');
  readonly #closers: (() => Promise<void>)[] = [];
  #resolveEnd!: (end: AllocationEnd) => void;
  readonly #end = new Promise<AllocationEnd>((resolve) => {
    this.#resolveEnd = resolve;
  });

  constructor(behaviour: PlayedBehaviour = {}) {
    this.#behaviour = behaviour;
    this.grant = {
      leaseId: 'b'.repeat(32),
      generation: 1,
      node: 'played',
      url: 'shm://0',
      cores: 2,
      memoryMiB: 64,
      expiry: Date.now() + 60_000,
      token: new Uint8Array(1),
      leaseKey: new Uint8Array(32),
      tenant: 'tester',
    };
    this.session = {
      allocate: async (fields: Allocate) => {
        void this.#run(fields).catch((error: unknown) =>
          this.#resolveEnd({ kind: 'manager-lost', error: error as never }),
        );
        return ALLOCATION;
      },
      allocationEnd: () => this.#end,
      deallocate: async (id: string) => {
        this.deallocated.push(id);
        this.endWith({ reason: 'deallocated' });
      },
      forget: () => undefined,
    } as unknown as ExecutorManagerSession;
  }

  /** The manager says that the executor ended, and its connections break. */
  endWith(end: Partial<AllocationEnded>): void {
    const message = {
      allocationId: ALLOCATION,
      reason: 'exited',
      exitCode: 1,
      signal: '',
      text: '',
      ...end,
    } as const;
    this.#resolveEnd({ kind: 'ended', message });
    void this.#disconnect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#disconnect();
    await this.#transport.close();
  }

  async #disconnect(): Promise<void> {
    for (const close of this.#closers.splice(0)) await close();
  }

  async #run(fields: Allocate): Promise<void> {
    const { endsBefore, end = {}, silent } = this.#behaviour;
    const address = parseTransportUrl(fields.clientUrl);
    const domain = this.#transport.openProtectionDomain();
    if (this.#behaviour.stranger === true) this.#connectStranger(domain, address);
    if (endsBefore === 'connecting') return this.endWith(end);
    const control = await MessageChannel.connect(domain, address, {
      privateData: encodeConnectionData({
        role: 'executor-to-client',
        id: ALLOCATION,
        secret: fields.secret,
      }),
    });
    this.#closers.push(() => control.close());
    if (silent === true) return;
    await this.#load(domain, control);
    if (this.#behaviour.packageFails !== undefined) {
      await control.send(encodeMessage({ kind: 'package-failed', text: this.#behaviour.packageFails }));
      return this.endWith({ reason: 'exited', exitCode: 1 });
    }
    if (endsBefore === 'loaded') return this.endWith(end);
    const functions = this.#behaviour.functions ?? ['echo'];
    await control.send(
      encodeMessage({ kind: 'package-loaded', functionCount: functions.length, threads: fields.cores }),
    );
    for (const names of splitFunctionNames(functions)) {
      await control.send(encodeMessage({ kind: 'function-names', ...names }));
    }
    if (endsBefore === 'threads') return this.endWith(end);
    for (let index = 0; index < fields.cores; index += 1)
      await this.#startThread(domain, address, fields, index);
  }

  #connectStranger(domain: ProtectionDomain, address: NetworkAddress): void {
    const privateData = encodeConnectionData({
      role: 'executor-to-client',
      id: ALLOCATION,
      secret: '0'.repeat(32),
    });
    this.strangerRejected = MessageChannel.connect(domain, address, { privateData }).then(
      () => new Error('the stranger was let in'),
      (error: unknown) => error as Error,
    );
  }

  async #load(domain: ProtectionDomain, control: MessageChannel): Promise<void> {
    const message = await control.receive();
    if (message === undefined) throw new Error('the client hung up');
    const offer = expectMessage(decodeMessage(message), 'package-offer');
    const region = domain.allocateMemory({ byteLength: offer.bytes, access: ['local-write'] });
    const remote = { address: offer.address, rkey: offer.rkey, byteLength: offer.bytes };
    const target = await control.endpoint.resolveRemote(remote);
    const completion = await control.perform((endpoint, wrId) => {
      endpoint.postRead({ region, offset: 0, byteLength: offer.bytes }, target, 0, { wrId });
    });
    if (completion.status !== 'success') throw new Error(`reading the package: ${completion.status}`);
    this.packageBytes = region.bytes.slice();
    region.close();
  }

  async #startThread(
    domain: ProtectionDomain,
    address: NetworkAddress,
    fields: Allocate,
    index: number,
  ): Promise<void> {
    const { slots, inputBytes, outputBytes } = fields;
    const stride = slotStride(inputBytes);
    const memory = domain.allocateMemory({
      byteLength: slots * stride,
      access: ['local-write', 'remote-write'],
    });
    const queue = domain.createCompletionQueue({ depth: 256 });
    const endpoint = domain.createEndpoint({
      sendCompletions: queue,
      receiveCompletions: queue,
      sendQueueDepth: 64,
      receiveQueueDepth: slots + 2,
    });
    endpoint.postEmptyReceives(slots + 1);
    const privateData = encodeConnectionData({
      role: 'executor-thread-to-client',
      id: ALLOCATION,
      secret: fields.secret,
      threadIndex: index,
    });
    await endpoint.connect(address, { privateData });
    this.#closers.push(() => endpoint.close());
    const { address: slotAddress, rkey } = memory.remote;
    const ready = encodeMessage({
      kind: 'thread-ready',
      index,
      slots,
      slotStride: stride,
      inputBytes,
      outputBytes,
      address: slotAddress,
      rkey,
      length: slots * stride,
      ...this.#behaviour.announces,
    });
    const scratch = domain.allocateMemory({ byteLength: 4096, access: ['local-write'] });
    scratch.bytes.set(ready);
    endpoint.postSend(
      { region: scratch, offset: 0, byteLength: ready.byteLength },
      { inline: true, signaled: false },
    );
    if (this.#behaviour.threadsLeave === true) return endpoint.close();
    void this.#echo(endpoint, queue, memory, stride, slots);
  }

  /** Answers every invocation with its input, from the event loop. */
  async #echo(
    endpoint: Endpoint,
    queue: CompletionQueue,
    memory: MemoryRegion,
    stride: number,
    slots: number,
  ): Promise<void> {
    const batch = createCompletionBatch(16);
    while (endpoint.state === 'established') {
      const count = queue.poll(batch);
      for (let at = 0; at < count; at += 1) {
        if (!batch.hasImmediate(at)) continue;
        endpoint.postEmptyReceives(1);
        const id = batch.immediate(at) >>> 16;
        const slot = (id & (slots - 1)) * stride;
        const header = new DataView(memory.bytes.buffer, memory.bytes.byteOffset + slot + 32, 32);
        const byteLength = header.getUint32(16, true);
        const remote = {
          address: header.getBigUint64(0, true),
          rkey: header.getBigUint64(8, true),
          byteLength: header.getUint32(20, true),
        };
        endpoint.postWrite(
          { region: memory, offset: slot + 64, byteLength },
          await endpoint.resolveRemote(remote),
          0,
          {
            immediate: (id << 16) >>> 0,
            signaled: false,
          },
        );
      }
      if (count === 0) await Promise.race([queue.readable(), endpoint.disconnected]);
    }
  }
}
