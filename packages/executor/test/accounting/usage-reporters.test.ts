import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openTransport } from '@rfaas/rdmalib';
import type { ConnectionRequest, Endpoint, MemoryRegion, ProtectionDomain, Transport } from '@rfaas/rdmalib';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AtomicUsageReporter } from '../../src/accounting/atomic-usage-reporter.ts';
import { MessageUsageReporter } from '../../src/accounting/message-usage-reporter.ts';
import type { ThreadUsage } from '../../src/accounting/usage-meter.ts';

let directory: string;
let transport: Transport;
let domain: ProtectionDomain;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rfaas-usage-'));
  transport = openTransport(`shm://0?directory=${directory}`);
  domain = transport.openProtectionDomain();
});

afterEach(async () => {
  await transport.close();
  rmSync(directory, { recursive: true, force: true });
});

async function connectPair(): Promise<{
  ours: Endpoint;
  reporter: AtomicUsageReporter;
  counters: MemoryRegion;
}> {
  const listener = await domain.listen({ host: '', port: 0 });
  const requests = listener.requests()[Symbol.asyncIterator]();
  const queue = domain.createCompletionQueue({ depth: 64 });
  const options = {
    sendCompletions: queue,
    receiveCompletions: queue,
    sendQueueDepth: 16,
    receiveQueueDepth: 1,
  };
  const theirQueue = domain.createCompletionQueue({ depth: 64 });
  const endpoint = domain.createEndpoint(options);
  const connecting = endpoint.connect(listener.address);
  const request = (await requests.next()).value as ConnectionRequest;
  const ours = request.createEndpoint({
    ...options,
    sendCompletions: theirQueue,
    receiveCompletions: theirQueue,
  });
  await request.accept(ours);
  await connecting;
  await listener.close();
  const counters = domain.allocateMemory({ byteLength: 64, access: ['local-write', 'remote-atomic'] });
  return {
    ours,
    counters,
    reporter: await AtomicUsageReporter.open({ domain, endpoint, queue }, counters.remote, 1),
  };
}

function readCounters({ bytes }: MemoryRegion): bigint[] {
  return [...new BigUint64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + 64))];
}

test('usage is added to the place of the thread, and nowhere else', async () => {
  const { counters, reporter } = await connectPair();
  reporter.report({ hotPollingNs: 1000, executionNs: 200, invocations: 3, hotToWarm: 1 });
  reporter.report({ hotPollingNs: 1500, executionNs: 200, invocations: 3, hotToWarm: 2 });
  await reporter.flush();
  expect(readCounters(counters)).toEqual([0n, 0n, 0n, 0n, 1500n, 200n, 3n, 2n]);
});

test('totals that begin anew are added to what was there', async () => {
  const { counters, reporter } = await connectPair();
  reporter.report({ hotPollingNs: 1000, executionNs: 200, invocations: 3, hotToWarm: 1 });
  reporter.restart();
  reporter.report({ hotPollingNs: 50, executionNs: 20, invocations: 1, hotToWarm: 1 });
  await reporter.flush();
  expect(readCounters(counters).slice(4)).toEqual([1050n, 220n, 4n, 2n]);
});

test('a thousand reports arrive, although the queue is shorter', async () => {
  const { counters, reporter } = await connectPair();
  for (let invocations = 1; invocations <= 1000; invocations += 1) {
    reporter.report({
      hotPollingNs: 10 * invocations,
      executionNs: invocations,
      invocations,
      hotToWarm: invocations,
    });
  }
  reporter.report({ hotPollingNs: 10_000, executionNs: 1000, invocations: 1000, hotToWarm: 1000 });
  await reporter.flush();
  expect(readCounters(counters).slice(4)).toEqual([10_000n, 1000n, 1000n, 1000n]);
});

test('a manager that is gone is no error', async () => {
  const { ours, reporter } = await connectPair();
  await ours.close();
  reporter.report({ hotPollingNs: 1, executionNs: 1, invocations: 1, hotToWarm: 1 });
  await reporter.flush();
});

test('without atomics totals go to whoever sends messages', async () => {
  const seen: ThreadUsage[] = [];
  const reporter = new MessageUsageReporter((usage) => seen.push(usage));
  const totals = { hotPollingNs: 7, executionNs: 8, invocations: 9, hotToWarm: 10 };
  reporter.report(totals);
  await reporter.flush();
  expect(seen).toEqual([totals]);
});
