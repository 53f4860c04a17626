import { createInterface } from 'node:readline';
import {
  authenticateClient,
  decodeMessage,
  deriveLeaseKey,
  encodeConnectionData,
  encodeMessage,
  expectMessage,
  generateId,
  parseKey,
  signLease,
} from '@rfaas/core';
import { MessageChannel, openTransport, parseTransportUrl, type ProtectionDomain } from '@rfaas/rdmalib';

const TENANT = 'crowd';
const PEER_TIMEOUT_MS = 15_000;
/** A client that was not served after that long was not served. */
const PATIENCE_MS = 60_000;
const LEASE_MS = 3_600_000;
/** Enough for each buffer of a connection to be used. */
const RENEWALS = 48;
const ROLE = 'client-to-executor-manager';

/**
 * Many clients of one executor manager in one process, which all connect at the same moment: each proves its lease over a
 * connection of its own and renews it, again and again. They share so many transports. Prints how many were served and
 * after how many milliseconds the last one had its first answer, and a line for each that has lost its connection. Ends
 * when its standard input does.
 */
async function main([url = '', countText = '', transportsText = '']: string[]): Promise<void> {
  // Not an argument: those are for everybody to see.
  const nodeKey = parseKey(process.env['RFAAS_NODE_KEY'] ?? '', 'node key');
  const transports = Array.from({ length: Number(transportsText) }, () => openTransport(url));
  const domains = transports.map((transport) => transport.openProtectionDomain());
  const begin = performance.now();
  const clients = await Promise.all(
    Array.from({ length: Number(countText) }, (_, index) =>
      Client.connect(domains[index % domains.length] as ProtectionDomain, url, nodeKey),
    ),
  );
  const milliseconds = Math.round(performance.now() - begin);
  for (let renewal = 1; renewal < RENEWALS; renewal += 1) {
    await Promise.all(clients.map((client) => client.renew(renewal)));
  }
  process.stdout.write(`ready ${clients.length} ${milliseconds}\n`);
  let isEnding = false;
  for (const { channel } of clients) {
    void channel.disconnected.then((end) => {
      if (isEnding) return;
      process.stdout.write(`lost: ${end.kind === 'failed' ? end.error.message : end.kind}\n`);
    });
  }
  for await (const _line of createInterface({ input: process.stdin }));
  isEnding = true;
  await Promise.all(clients.map(({ channel }) => channel.close()));
  await Promise.all(transports.map((transport) => transport.close()));
}

class Client {
  readonly channel: MessageChannel;
  readonly #nodeKey: Uint8Array;
  readonly #leaseId: string;
  readonly #node: { readonly peerName: string; readonly incarnation: bigint };

  private constructor(
    channel: MessageChannel,
    nodeKey: Uint8Array,
    leaseId: string,
    node: { readonly peerName: string; readonly incarnation: bigint },
  ) {
    this.channel = channel;
    this.#nodeKey = nodeKey;
    this.#leaseId = leaseId;
    this.#node = node;
  }

  /** Connects, proves the key of a lease, and resolves when the manager has taken that lease. */
  static async connect(domain: ProtectionDomain, url: string, nodeKey: Uint8Array): Promise<Client> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const channel = await MessageChannel.connect(domain, parseTransportUrl(url), {
      privateData: encodeConnectionData({ role: ROLE }),
      peerTimeoutMs: PEER_TIMEOUT_MS,
      timeoutMs: PATIENCE_MS,
      signal,
    });
    const leaseId = generateId();
    const key = deriveLeaseKey(nodeKey, leaseId, 1);
    const proof = { role: ROLE, name: TENANT, key, leaseId, generation: 1, signal } as const;
    const node = await authenticateClient(channel, proof);
    const client = new Client(channel, nodeKey, leaseId, node);
    await client.renew(0);
    return client;
  }

  /** Shows the token of a generation of the lease and waits until the manager has answered. */
  async renew(generation: number): Promise<void> {
    const { peerName: node, incarnation } = this.#node;
    const now = Date.now();
    const lease = { keyId: 0, leaseId: this.#leaseId, generation: generation + 1, node, incarnation };
    const share = { cores: 1, memoryMiB: 64, gpus: 0, tenant: TENANT };
    const token = signLease(this.#nodeKey, {
      ...lease,
      ...share,
      notBefore: now - 1000,
      expiry: now + LEASE_MS,
    });
    await this.channel.send(encodeMessage({ kind: 'renew-lease', token }, 1));
    const answer = await this.channel.receive({ signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer === undefined) throw new Error('the executor manager closed the connection');
    expectMessage(decodeMessage(answer), 'lease-renewed');
  }
}

await main(process.argv.slice(2));
