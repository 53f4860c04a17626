import { expect } from '@jest/globals';
import { pattern, place, received, sameBytes, sent, type Party } from '../party.ts';
import { waitModes, type Scene } from '../scene.ts';

const receives = async (party: Party): Promise<void> => party.side.postEmptyReceives(party.endpoint, 8);

export function immediates({ play }: Scene): void {
  for (const mode of waitModes) {
    play(`a write with immediate is seen after its bytes (${mode})`, async ({ pair }) => {
      const { near, far } = await pair({ prepare: receives });
      await near.side.write(near.region, 0, pattern(3000));
      const request = { wrId: 11, immediate: 0x8000_0001, solicited: true };
      await near.side.postWrite(near.endpoint, [place(near, 0, 3000)], near.target, 128, request);
      expect(await received(far, 1, mode)).toMatchObject([
        {
          opcode: 'receive-write-immediate',
          status: 'success',
          immediate: 0x8000_0001,
          byteLength: 3000,
          endpointId: far.id,
        },
      ]);
      expect(sameBytes(await far.side.read(far.region, 128, 3000), pattern(3000))).toBe(true);
      expect(await sent(near, 1, mode)).toMatchObject([{ opcode: 'write', status: 'success', wrId: 11 }]);
    });
  }

  play('an immediate travels without bytes', async ({ pair }) => {
    const { near, far } = await pair({ prepare: receives });
    await near.side.postWrite(near.endpoint, [], near.target, 0, { immediate: 0xffff_ffff });
    expect(await received(far, 1)).toMatchObject([{ immediate: 0xffff_ffff, byteLength: 0 }]);
  });

  play('an empty receive has work request number 0', async ({ pair }) => {
    const { near, far } = await pair({ prepare: receives });
    await near.side.postWrite(near.endpoint, [], near.target, 0, { immediate: 1, wrId: 99 });
    expect(await received(far, 1)).toMatchObject([{ wrId: 0 }]);
  });

  play('the byte length is what the peer wrote, of several segments too', async ({ pair, capabilities }) => {
    const { near, far } = await pair({ prepare: receives });
    const count = Math.min(2, capabilities.maxScatterGatherEntries);
    const places = Array.from({ length: count }, (_, index) => place(near, index * 64, 33));
    await near.side.postWrite(near.endpoint, places, near.target, 0, { immediate: 1 });
    expect(await received(far, 1)).toMatchObject([{ byteLength: 33 * count }]);
  });

  play('an immediate uses up one posted receive', async ({ pair }) => {
    const { near, far } = await pair({
      prepare: async (party) => party.side.postEmptyReceives(party.endpoint, 2),
    });
    for (const immediate of [1, 2]) {
      await near.side.postWrite(near.endpoint, [], near.target, 0, { immediate });
    }
    await received(far, 2);
    await far.side.postEmptyReceives(far.endpoint, 1);
    await near.side.postWrite(near.endpoint, [], near.target, 0, { immediate: 3 });
    expect(await received(far, 1)).toMatchObject([{ immediate: 3 }]);
    expect((await sent(near, 3)).every(({ status }) => status === 'success')).toBe(true);
  });
}
