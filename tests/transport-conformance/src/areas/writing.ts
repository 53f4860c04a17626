import { expect } from '@jest/globals';

import { pattern, place, sameBytes, sent } from '../party.ts';

import type { Scene } from '../scene.ts';

export function writing({ play }: Scene): void {
  play('a write lands at its offset and takes no receive', async ({ pair }) => {
    const { near, far } = await pair();
    await near.side.write(near.region, 0, pattern(5000));
    await near.side.postWrite(near.endpoint, [place(near, 0, 5000)], near.target, 4321, { wrId: 3 });
    expect(await sent(near, 1)).toMatchObject([{ opcode: 'write', status: 'success', wrId: 3 }]);
    // What a plain write wrote is seen once the writer says so: here by having completed and telling us.
    expect(sameBytes(await far.side.read(far.region, 4321, 5000), pattern(5000))).toBe(true);
    expect(await far.side.poll(far.receiveQueue)).toEqual([]);
  });

  play('bytes around a write stay as they are', async ({ pair }) => {
    const { near, far } = await pair();
    await far.side.write(far.region, 0, new Uint8Array(300).fill(0xee));
    await near.side.postWrite(near.endpoint, [place(near, 0, 100)], near.target, 100);
    await sent(near, 1);
    const seen = [...(await far.side.read(far.region, 0, 300))];
    expect(seen.slice(0, 100).every((byte) => byte === 0xee)).toBe(true);
    expect(seen.slice(100, 200).every((byte) => byte === 0)).toBe(true);
    expect(seen.slice(200).every((byte) => byte === 0xee)).toBe(true);
  });

  play('several segments are written one after the other', async ({ pair, capabilities }) => {
    const { near, far } = await pair();
    const count = Math.min(capabilities.maxScatterGatherEntries, 4);
    await near.side.write(near.region, 0, pattern(1000));
    const places = Array.from({ length: count }, (_, index) => place(near, index * 200, 10));
    await near.side.postWrite(near.endpoint, places, near.target, 50);
    await sent(near, 1);
    const all = pattern(1000);
    const expected = places.flatMap(({ offset }) => [...all.subarray(offset, offset + 10)]);
    expect([...(await far.side.read(far.region, 50, 10 * count))]).toEqual(expected);
  });

  play('the last byte of a region can be written', async ({ pair }) => {
    const { near, far } = await pair({ regionBytes: 10_000 });
    await near.side.write(near.region, 0, Uint8Array.of(0x5a));
    await near.side.postWrite(near.endpoint, [place(near, 0, 1)], near.target, 9999);
    expect(await sent(near, 1)).toMatchObject([{ status: 'success' }]);
    expect([...(await far.side.read(far.region, 9999, 1))]).toEqual([0x5a]);
  });

  play('a large write arrives whole', async ({ pair }) => {
    const byteLength = 3 * 1024 * 1024 + 17;
    const { near, far } = await pair({ regionBytes: byteLength });
    await near.side.write(near.region, 0, pattern(byteLength));
    await near.side.postWrite(near.endpoint, [place(near, 0, byteLength)], near.target, 0);
    expect(await sent(near, 1)).toMatchObject([{ status: 'success' }]);
    expect(sameBytes(await far.side.read(far.region, 0, byteLength), pattern(byteLength))).toBe(true);
  });

  play('both sides can write at once', async ({ pair }) => {
    const { near, far } = await pair();
    await near.side.write(near.region, 0, pattern(1000, 1));
    await far.side.write(far.region, 0, pattern(1000, 2));
    await near.side.postWrite(near.endpoint, [place(near, 0, 1000)], near.target, 2000);
    await far.side.postWrite(far.endpoint, [place(far, 0, 1000)], far.target, 2000);
    await sent(near, 1);
    await sent(far, 1);
    expect(sameBytes(await far.side.read(far.region, 2000, 1000), pattern(1000, 1))).toBe(true);
    expect(sameBytes(await near.side.read(near.region, 2000, 1000), pattern(1000, 2))).toBe(true);
  });
}
