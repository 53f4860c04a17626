import { afterEach, beforeEach, expect, test } from '@jest/globals';
import {
  authenticateServer,
  decodeMessage,
  encodeMessage,
  generateKey,
  RfaasError,
  silentLogger,
} from '@rfaas/core';
import type { LeaseHeld, Message, OutgoingMessage } from '@rfaas/core';
import { MessageChannel, openTransport } from '@rfaas/rdmalib';
import type { ConnectionRequest, Listener, Transport } from '@rfaas/rdmalib';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ResourceManagerLink } from '../src/resource-manager-link.ts';

const nodeKey = generateKey();
const leaseId = 'ab'.repeat(16);
let directory: string;
let played: PlayedResourceManager;
let link: ResourceManagerLink | undefined;
let ended: string[];
let held: LeaseHeld[];

/** Takes one node at a time, as a resource manager does. */
class PlayedResourceManager {
  readonly #transport: Transport;
  readonly #listener: Listener;
  readonly #requests: AsyncIterator<ConnectionRequest, unknown>;
  channel: MessageChannel | undefined;

  private constructor(transport: Transport, listener: Listener) {
    this.#transport = transport;
    this.#listener = listener;
    this.#requests = listener.requests()[Symbol.asyncIterator]();
  }

  static async start(port: number): Promise<PlayedResourceManager> {
    const transport = openTransport(`shm://0?directory=${directory}`);
    const listener = await transport.openProtectionDomain().listen({ host: '', port });
    return new PlayedResourceManager(transport, listener);
  }

  get port(): number {
    return this.#listener.address.port;
  }

  /** Takes the next node up to its registration, which it answers. */
  async takeNode(answer: OutgoingMessage = { kind: 'node-registered' }): Promise<Message> {
    const next = await this.#requests.next();
    if (next.done === true) {
      throw new Error('the listener was closed');
    }
    this.channel = await MessageChannel.accept(next.value);
    const role = 'executor-manager-to-resource-manager';
    await authenticateServer(this.channel, { role, name: 'cluster', keyFor: () => nodeKey });
    const registration = await this.receive();
    await this.send(answer);
    return registration;
  }

  async send(message: OutgoingMessage): Promise<void> {
    await this.channel?.send(encodeMessage(message));
  }

  async receive(): Promise<Message> {
    const bytes = await this.channel?.receive();
    if (bytes === undefined) {
      throw new Error('the node is gone');
    }
    return decodeMessage(bytes);
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rfaas-link-'));
  played = await PlayedResourceManager.start(0);
  ended = [];
  held = [];
});

afterEach(async () => {
  await link?.close();
  link = undefined;
  await played.close();
  rmSync(directory, { recursive: true, force: true });
});

function openLink(port: number, key = nodeKey): ResourceManagerLink {
  link = new ResourceManagerLink({
    urls: [`shm://${port}?directory=${directory}`],
    held: () => held,
    onDrain: (graceMs) => ended.push(`drain ${graceMs}`),
    onResume: () => ended.push('resume'),
    nodeKey: key,
    registration: {
      name: 'node',
      url: 'shm://7',
      cores: 4,
      memoryMiB: 100,
      gpus: 0,
      incarnation: 9n,
      labels: 'rack=r1',
      oversubscription: 100,
    },
    peerTimeoutMs: 30_000,
    logger: silentLogger,
    onLeaseEnd: (id, reason) => ended.push(`${id} ${reason}`),
  });
  return link;
}

function report(
  sequence: number,
  allocationId = 'cd'.repeat(16),
): Parameters<ResourceManagerLink['usageReported']>[0] {
  const counters = {
    coreNanoseconds: 5,
    mebibyteMilliseconds: 1,
    hotPollingNs: 4,
    executionNs: 3,
    invocations: 2,
  };
  return { leaseId, allocationId, sequence, ...counters, final: false };
}

test('a node registers with what it has', async () => {
  const registered = openLink(played.port).registered;
  expect(await played.takeNode()).toMatchObject({
    kind: 'register-node',
    name: 'node',
    url: 'shm://7',
    cores: 4,
    incarnation: 9n,
  });
  await registered;
});

test('reports and ends of leases are told, and leases end on the word of the resource manager', async () => {
  const opened = openLink(played.port);
  await Promise.all([played.takeNode(), opened.registered]);
  opened.usageReported(report(1));
  expect(await played.receive()).toMatchObject({ kind: 'usage-report', sequence: 1, invocations: 2 });
  opened.leaseEnded(leaseId);
  expect(await played.receive()).toMatchObject({ kind: 'lease-ended', leaseId });
  await played.send({ kind: 'lease-end', leaseId, reason: 'released' });
  opened.usageReported(report(2));
  await played.receive();
  await played.send({ kind: 'lease-end', leaseId, reason: 'node-removed' });
  while (ended.length < 2) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(ended).toEqual([`${leaseId} released`, `${leaseId} node-removed`]);
});

test('what happened while the resource manager was away is told when it is back', async () => {
  const { port } = played;
  const opened = openLink(port);
  await Promise.all([played.takeNode(), opened.registered]);
  await played.close();
  opened.usageReported(report(1));
  opened.usageReported(report(2));
  opened.leaseEnded(leaseId);
  played = await PlayedResourceManager.start(port);
  expect(await played.takeNode()).toMatchObject({ kind: 'register-node', incarnation: 9n });
  const told = [await played.receive(), await played.receive()];
  expect(told).toMatchObject([
    { kind: 'usage-report', sequence: 2 },
    { kind: 'lease-ended', leaseId },
  ]);
});

test('a refusal is final', async () => {
  const { failed, registered } = openLink(played.port);
  const exists = new RfaasError('RFAAS_ERR_NODE_EXISTS', 'node "node" is connected already');
  const refusal: OutgoingMessage = { kind: 'refused', code: 24, text: exists.message };
  const [refused] = await Promise.all([
    failed.catch((error: unknown) => error),
    played.takeNode(refusal),
    expect(registered).rejects.toThrow(/connected already/),
  ]);
  expect(refused).toMatchObject({ code: 'RFAAS_ERR_NODE_EXISTS' });
});

test('so is a key that the resource manager does not accept', async () => {
  const { failed } = openLink(played.port, generateKey());
  const taking = played.takeNode().catch((error: unknown) => error);
  await expect(failed).rejects.toMatchObject({ code: 'RFAAS_ERR_UNAUTHORISED' });
  expect(await taking).toMatchObject({ code: 'RFAAS_ERR_UNAUTHORISED' });
});

test('a resource manager that is not there yet is waited for', async () => {
  const { port } = played;
  await played.close();
  const opened = openLink(port);
  while (opened.lastError === undefined) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(opened.lastError).toMatchObject({ code: 'RFAAS_ERR_MANAGER_LOST' });
  played = await PlayedResourceManager.start(port);
  await Promise.all([played.takeNode(), opened.registered]);
});

test('a link that is closed says nothing more, also while it was connecting', async () => {
  const { port } = played;
  await played.close();
  const opened = openLink(port);
  await opened.close();
  await opened.close();
});
