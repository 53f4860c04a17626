import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { deriveNodeKey, parseKey } from '@rfaas/core';
import { registerNode } from '@rfaas/executor-manager';
import { openTransport, type MessageChannel } from '@rfaas/rdmalib';

const PEER_TIMEOUT_MS = 15_000;
const REGISTRATION_MS = 60_000;
const RETRY_MS = 1000;

/**
 * Many nodes in one process: each registers over a connection of its own, with the code of the executor manager, and
 * answers signs of life from then on. `together` registrations are under way at the same time. Prints how many have
 * registered, and a line for each that has lost its connection. Ends when its standard input does.
 */
async function main([url = '', firstText = '', countText = '', together = '']: string[]): Promise<void> {
  // Not an argument: those are for everybody to see.
  const key = parseKey(process.env['RFAAS_CLUSTER_KEY'] ?? '', 'cluster key');
  const first = Number(firstText);
  const count = Number(countText);
  const transport = openTransport(url);
  const domain = transport.openProtectionDomain();
  const channels: MessageChannel[] = [];
  let next = first;
  let isEnding = false;
  const register = async (): Promise<void> => {
    for (let number = next++; number < first + count; number = next++) {
      const name = `node-${number}`;
      const registration = {
        name,
        url: `shm://${number}`,
        cores: 64,
        memoryMiB: 262_144,
        gpus: 0,
        incarnation: BigInt(number + 1),
        labels: `rack=rack-${Math.floor(number / 64)}`,
        oversubscription: 100,
      };
      const offer = {
        nodeKey: deriveNodeKey(key, name),
        registration,
        held: [],
        peerTimeoutMs: PEER_TIMEOUT_MS,
        take: (): void => undefined,
      };
      const channel = await persistently(async (signal) => registerNode(domain, url, offer, signal));
      channels.push(channel);
      void channel.disconnected.then((end) => {
        if (!isEnding)
          process.stdout.write(`lost ${name}: ${end.kind === 'failed' ? end.error.message : end.kind}\n`);
      });
    }
  };
  await Promise.all(Array.from({ length: Number(together) }, register));
  process.stdout.write(`ready ${channels.length}\n`);
  for await (const _line of createInterface({ input: process.stdin }));
  isEnding = true;
  await Promise.all(channels.map((channel) => channel.close()));
  await transport.close();
}

/** Tries again, as an executor manager does, where the resource manager has too much to do for a while. */
async function persistently<T>(attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(REGISTRATION_MS);
  for (;;) {
    try {
      return await attempt(signal);
    } catch (error) {
      if (signal.aborted) throw error;
      await delay(RETRY_MS);
    }
  }
}

await main(process.argv.slice(2));
