import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openTransport } from '@rfaas/rdmalib';

describe('the shm transport', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rdmalib-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true });
  });

  test('says what it can do', async () => {
    await using transport = openTransport('shm://0');
    expect(transport.name).toBe('shm');
    expect(transport.capabilities).toMatchObject({
      endpointKind: 'connected',
      atomics: 'native',
      blockingWait: 'file-descriptor',
      crossesHosts: false,
      directMap: true,
    });
    expect(transport.tableAddress).toBeGreaterThan(0);
  });

  test('keeps its sockets in the directory that it is told', async () => {
    const { readdir } = await import('node:fs/promises');
    await using transport = openTransport({ kind: 'shm', host: '', port: 0, options: { directory } });
    using domain = transport.openProtectionDomain();
    await using listener = await domain.listen({ host: '', port: 0 });
    expect((await readdir(directory)).join()).toContain(String(listener.address.port));
  });

  test('a port that is taken is refused with what to do', async () => {
    await using transport = openTransport({ kind: 'shm', host: '', port: 0, options: { directory } });
    using domain = transport.openProtectionDomain();
    await using listener = await domain.listen({ host: '', port: 0 });
    await expect(domain.listen(listener.address)).rejects.toMatchObject({
      code: 'RDMA_ERR_CALL_FAILED',
      details: { errno: 'EADDRINUSE' },
      message: expect.stringMatching(/choose another port/),
    });
    await expect(domain.listen({ host: '', port: 70_000 })).rejects.toMatchObject({
      code: 'RDMA_ERR_INVALID_ARGUMENT',
    });
  });

  test('options that it does not know are refused by name', () => {
    expect(() => openTransport('shm://0?colour=green')).toThrow(/colour/);
    expect(() => openTransport('shm://0?directory=/a%0Auids=0')).toThrow(/line break/);
  });

  test('peers of users that were not named are turned away', async () => {
    const other = String((process.getuid?.() ?? 0) + 1);
    await using strict = openTransport({
      kind: 'shm',
      host: '',
      port: 0,
      options: { directory, uids: other },
    });
    await using open = openTransport({ kind: 'shm', host: '', port: 0, options: { directory } });
    using listening = strict.openProtectionDomain();
    using connecting = open.openProtectionDomain();
    await using listener = await listening.listen({ host: '', port: 0 });
    const queue = connecting.createCompletionQueue({ depth: 16 });
    await using endpoint = connecting.createEndpoint({
      sendCompletions: queue,
      receiveCompletions: queue,
      sendQueueDepth: 4,
      receiveQueueDepth: 4,
    });
    await expect(endpoint.connect(listener.address)).rejects.toMatchObject({
      code: expect.stringMatching(/^RDMA_ERR_(CONNECTION|CALL)/),
    });
  });
});
