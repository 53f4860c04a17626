import { expect } from '@jest/globals';
import { place, sent, type Connected } from '../party.ts';
import type { Scene, Stage } from '../scene.ts';

function word(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}

async function readWord(party: Connected, offset: number): Promise<bigint> {
  const bytes = await party.side.read(party.region, offset, 8);
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
}

const unsupported = {
  code: 'RDMA_ERR_UNSUPPORTED',
};

/** Runs the body where there are atomics; asserts that they throw where there are none. */
function withAtomics(body: (stage: Stage) => Promise<void>): (stage: Stage) => Promise<void> {
  return async (stage) => {
    if (stage.capabilities.atomics !== 'none') {
      await body(stage);
      return;
    }
    const { near } = await stage.pair();
    const result = place(near, 0, 8);
    await expect(near.side.postFetchAdd(near.endpoint, result, near.target, 0, 1n)).rejects.toMatchObject(
      unsupported,
    );
    const swap = { compare: 0n, swap: 1n };
    await expect(
      near.side.postCompareSwap(near.endpoint, result, near.target, 0, swap),
    ).rejects.toMatchObject(unsupported);
  };
}

export function atomics({ play }: Scene): void {
  play(
    'fetch-add adds and brings the prior value',
    withAtomics(async ({ pair }) => {
      const { near, far } = await pair();
      await far.side.write(far.region, 64, word(0xffff_ffffn));
      await near.side.postFetchAdd(near.endpoint, place(near, 8, 8), near.target, 64, 5n, 4);
      expect(await sent(near, 1)).toMatchObject([{ opcode: 'fetch-add', status: 'success', wrId: 4 }]);
      expect(await readWord(near, 8)).toBe(0xffff_ffffn);
      expect(await readWord(far, 64)).toBe(0x1_0000_0004n);
    }),
  );

  play(
    'fetch-add wraps around at 64 bits',
    withAtomics(async ({ pair }) => {
      const { near, far } = await pair();
      await far.side.write(far.region, 0, word(0xffff_ffff_ffff_ffffn));
      await near.side.postFetchAdd(near.endpoint, place(near, 0, 8), near.target, 0, 2n);
      await sent(near, 1);
      expect(await readWord(far, 0)).toBe(1n);
    }),
  );

  play(
    'compare-swap stores only on a match and brings the prior value',
    withAtomics(async ({ pair }) => {
      const { near, far } = await pair();
      await far.side.write(far.region, 8, word(7n));
      const swap = async (compare: bigint, value: bigint): Promise<bigint> => {
        const request = { compare, swap: value };
        await near.side.postCompareSwap(near.endpoint, place(near, 0, 8), near.target, 8, request);
        expect(await sent(near, 1)).toMatchObject([{ opcode: 'compare-swap', status: 'success' }]);
        return readWord(near, 0);
      };
      expect(await swap(6n, 100n)).toBe(7n);
      expect(await readWord(far, 8)).toBe(7n);
      expect(await swap(7n, 0xdead_beef_0000_0001n)).toBe(7n);
      expect(await readWord(far, 8)).toBe(0xdead_beef_0000_0001n);
    }),
  );

  play(
    'adds over several connections to one counter lose nothing',
    withAtomics(async ({ pair }) => {
      const first = await pair();
      const second = await pair();
      const counter = await second.near.side.resolve(second.near.endpoint, first.far.remote);
      const rounds = 200;
      const add = async (party: Connected, target: number): Promise<void> => {
        for (let round = 0; round < rounds; round += 1) {
          await party.side.postFetchAdd(party.endpoint, place(party, 512, 8), target, 1024, 1n);
          await sent(party, 1);
        }
      };
      await Promise.all([add(first.near, first.near.target), add(second.near, counter)]);
      expect(await readWord(first.far, 1024)).toBe(BigInt(2 * rounds));
    }),
  );

  play(
    'an unaligned or too short target fails and changes nothing',
    withAtomics(async ({ pair }) => {
      const { near, far } = await pair({ regionBytes: 4096 });
      await near.side.postFetchAdd(near.endpoint, place(near, 0, 8), near.target, 4092, 1n);
      const [completion] = await sent(near, 1);
      expect(completion?.status).not.toBe('success');
      expect([...(await far.side.read(far.region, 4080, 16))]).toEqual(new Array(16).fill(0));
    }),
  );
}
