import { expect } from '@jest/globals';
import { RegisteredAllocator } from '@rfaas/rdmalib';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { builtFile } from '../remote-side.ts';

import type { Scene } from '../scene.ts';
import { pairOfTransports } from '../transports.ts';

const run = promisify(execFile);

export function memory({ test, fixture }: Scene): void {
  test('memory is zeroed, as long as asked for, and page aligned', async () => {
    await using transport = fixture.open();
    using domain = transport.openProtectionDomain();
    using region = domain.allocateMemory({ byteLength: 10_001, access: ['local-write'] });
    expect(region.bytes.byteLength).toBe(10_001);
    expect(region.byteLength).toBe(10_001);
    expect(region.bytes.every((byte) => byte === 0)).toBe(true);
    expect(region.address % 4096).toBe(0);
    expect(region.path).toBeUndefined();
  });

  test('impossible sizes and accesses are refused', async () => {
    await using transport = fixture.open();
    using domain = transport.openProtectionDomain();
    const invalid = expect.objectContaining({ code: 'RDMA_ERR_INVALID_ARGUMENT' });
    for (const byteLength of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => domain.allocateMemory({ byteLength, access: [] })).toThrow(invalid);
    }
    const access = ['remote-everything'] as unknown as readonly 'local-write'[];
    expect(() => domain.allocateMemory({ byteLength: 8, access })).toThrow(invalid);
  });

  test('more memory than a view can show, or than there is, is an error and not a crash', async () => {
    await using transport = fixture.open();
    using domain = transport.openProtectionDomain();
    expect(() => domain.allocateMemory({ byteLength: 2 ** 52, access: [] })).toThrow(
      expect.objectContaining({ name: expect.stringMatching(/Error$/) }),
    );
  });

  test('a stale view reads zeros', async () => {
    await using transport = fixture.open();
    using domain = transport.openProtectionDomain();
    const region = domain.allocateMemory({ byteLength: 100_000, access: ['local-write'] });
    const { bytes } = region;
    bytes.fill(7);
    region.close();
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    bytes[5] = 1;
    expect(() => region.bytes).toThrow(expect.objectContaining({ code: 'RDMA_ERR_CLOSED' }));
    expect(() => region.address).toThrow(expect.objectContaining({ code: 'RDMA_ERR_CLOSED' }));
  });

  test('stale views can be read until they are collected, and then their address space is released', async () => {
    const program = builtFile('stale-views-process.js');
    const { stdout } = await run(process.execPath, ['--expose-gc', program, fixture.url]);
    // Some mappings of the JavaScript heap come and go; a leak would leave hundreds.
    expect(Number(stdout)).toBeLessThan(100);
  });

  test('memory backed by a file can be read through its path', async () => {
    await using transport = fixture.open();
    using domain = transport.openProtectionDomain();
    using region = domain.allocateMemory({ byteLength: 5000, access: ['local-write'], backing: 'file' });
    region.bytes.set([1, 2, 3]);
    expect(region.path).toMatch(/^\/proc\/self\/fd\/\d+$/);
    const { readFile } = await import('node:fs/promises');
    const content = await readFile(region.path ?? '');
    expect([...content.subarray(0, 4)]).toEqual([1, 2, 3, 0]);
    expect(content.byteLength).toBeGreaterThanOrEqual(5000);
  });

  test('typed arrays of an allocator travel', async () => {
    await using sides = await pairOfTransports(fixture);
    const access = ['local-write', 'remote-write', 'remote-read'] as const;
    using mine = new RegisteredAllocator(sides.nearDomain, { access });
    using theirs = new RegisteredAllocator(sides.farDomain, { access });
    const source = mine.allocate(Float64Array, 1000);
    theirs.allocate(Uint8Array, 100);
    const destination = theirs.allocate(Float64Array, 1000);
    source.forEach((_, index) => (source[index] = index * 1.5));
    const { offset, ...remote } = theirs.remote(destination);
    sides.near.postRead(mine.segment(source.subarray(0, 10)), await sides.near.resolveRemote(remote), offset);
    sides.near.postWrite(mine.segment(source), await sides.near.resolveRemote(remote), offset, {
      immediate: 1,
    });
    expect(offset % 64).toBe(0);
  });

  test('regions that are closed can no longer be posted', async () => {
    await using sides = await pairOfTransports(fixture);
    const target = await sides.near.resolveRemote(sides.farRegion.remote);
    const segment = { region: sides.nearRegion, offset: 0, byteLength: 8 };
    sides.nearRegion.close();
    expect(() => sides.near.postWrite(segment, target, 0)).toThrow(
      expect.objectContaining({ code: 'RDMA_ERR_CLOSED' }),
    );
  });

  test('regions of another protection domain cannot be posted', async () => {
    await using sides = await pairOfTransports(fixture);
    const target = await sides.near.resolveRemote(sides.farRegion.remote);
    const segment = { region: sides.farRegion, offset: 0, byteLength: 8 };
    expect(() => sides.near.postWrite(segment, target, 0)).toThrow(
      expect.objectContaining({ code: 'RDMA_ERR_INVALID_ARGUMENT' }),
    );
  });

  test('a region whose receives are posted can be closed', async () => {
    await using sides = await pairOfTransports(fixture);
    using other = sides.farDomain.allocateMemory({ byteLength: 4096, access: ['local-write'] });
    sides.far.postReceive({ region: other, offset: 0, byteLength: 64 }, 1);
    other.close();
    sides.near.postSend({ region: sides.nearRegion, offset: 0, byteLength: 8 }, { signaled: false });
    await sides.near.close();
    // Where a device refuses to write there, the connection fails for it.
    expect(await sides.far.disconnected).toMatchObject({
      kind: expect.stringMatching(/^(closed-by-peer|failed)$/),
    });
  });
}
