import { expect } from '@jest/globals';
import { pattern, place, received, sameBytes, sent, type Party } from '../party.ts';
import type { Scene } from '../scene.ts';

const bufferBytes = 4096;

/** Posts `count` receives of 4 KiB on the far side; wrId is the number of the buffer. */
function receives(count: number): (party: Party, end: 'near' | 'far') => Promise<void> {
  return async (party, end) => {
    for (let index = 0; end === 'far' && index < count; index += 1) {
      await party.side.postReceive(party.endpoint, place(party, index * bufferBytes, bufferBytes), index);
    }
  };
}

export function sending({ play }: Scene): void {
  play('a send lands in the posted receive, with its length', async ({ pair }) => {
    const { near, far } = await pair({ prepare: receives(1) });
    await near.side.write(near.region, 100, pattern(700));
    await near.side.postSend(near.endpoint, [place(near, 100, 700)], { wrId: 77 });
    expect(await received(far, 1)).toMatchObject([
      { opcode: 'receive', status: 'success', wrId: 0, byteLength: 700, immediate: undefined },
    ]);
    expect(await sent(near, 1)).toMatchObject([{ opcode: 'send', status: 'success', wrId: 77 }]);
    expect(sameBytes(await far.side.read(far.region, 0, 700), pattern(700))).toBe(true);
  });

  play('sends use the receives in the order of posting', async ({ pair }) => {
    const { near, far } = await pair({ prepare: receives(4) });
    for (let index = 0; index < 4; index += 1) {
      await near.side.write(near.region, index * 64, Uint8Array.of(index + 1));
      await near.side.postSend(near.endpoint, [place(near, index * 64, 1)]);
    }
    const wrIds = (await received(far, 4)).map((completion) => completion.wrId);
    expect(wrIds.sort()).toEqual([0, 1, 2, 3]);
    for (let index = 0; index < 4; index += 1) {
      expect([...(await far.side.read(far.region, index * bufferBytes, 1))]).toEqual([index + 1]);
    }
  });

  play('several segments travel as one message', async ({ pair, capabilities }) => {
    if (capabilities.maxScatterGatherEntries < 3) {
      return;
    }
    const { near, far } = await pair({ prepare: receives(1) });
    await near.side.write(near.region, 0, pattern(1000));
    const places = [place(near, 0, 10), place(near, 500, 20), place(near, 100, 30)];
    await near.side.postSend(near.endpoint, places);
    expect(await received(far, 1)).toMatchObject([{ byteLength: 60 }]);
    const all = pattern(1000);
    const expected = [...all.subarray(0, 10), ...all.subarray(500, 520), ...all.subarray(100, 130)];
    expect([...(await far.side.read(far.region, 0, 60))]).toEqual(expected);
  });

  play('a send may carry an immediate, all 32 bits of it', async ({ pair }) => {
    const { near, far } = await pair({ prepare: receives(2) });
    await near.side.postSend(near.endpoint, [place(near, 0, 4)], { immediate: 0xdead_beef });
    await near.side.postSend(near.endpoint, [place(near, 0, 4)], { immediate: 0 });
    const immediates = (await received(far, 2)).map((completion) => completion.immediate);
    expect(immediates).toEqual([0xdead_beef, 0]);
  });

  play('a send of no bytes is a message', async ({ pair }) => {
    const { near, far } = await pair({ prepare: receives(1) });
    await near.side.postSend(near.endpoint, []);
    expect(await received(far, 1)).toMatchObject([{ status: 'success', byteLength: 0 }]);
  });

  play('an inlined payload may be overwritten when the post returns', async ({ pair, capabilities }) => {
    const { near, far } = await pair({ prepare: receives(1) });
    const byteLength = Math.min(64, capabilities.maxInlineBytes);
    await near.side.write(near.region, 0, pattern(byteLength));
    await near.side.postSend(near.endpoint, [place(near, 0, byteLength)], { inline: true });
    await near.side.write(near.region, 0, new Uint8Array(byteLength));
    await received(far, 1);
    const seen = await far.side.read(far.region, 0, byteLength);
    expect(byteLength === 0 || sameBytes(seen, pattern(byteLength))).toBe(true);
  });

  play('an unsignaled send that succeeds does not complete', async ({ pair }) => {
    const { near, far } = await pair({ prepare: receives(2) });
    await near.side.postSend(near.endpoint, [place(near, 0, 4)], { wrId: 1, signaled: false });
    await near.side.postSend(near.endpoint, [place(near, 0, 4)], { wrId: 2 });
    await received(far, 2);
    expect(await sent(near, 1)).toMatchObject([{ wrId: 2 }]);
    expect(await near.side.poll(near.sendQueue)).toEqual([]);
  });

  play('the longest send that the capabilities allow arrives', async ({ pair, capabilities }) => {
    const byteLength = Math.min(capabilities.maxSendBytes, 1024 * 1024);
    const { near, far } = await pair({
      regionBytes: byteLength,
      prepare: async (party, end) => {
        if (end === 'far') {
          await party.side.postReceive(party.endpoint, place(party, 0, byteLength), 1);
        }
      },
    });
    await near.side.write(near.region, 0, pattern(byteLength));
    await near.side.postSend(near.endpoint, [place(near, 0, byteLength)]);
    expect(await received(far, 1)).toMatchObject([{ status: 'success', byteLength }]);
    expect(sameBytes(await far.side.read(far.region, 0, byteLength), pattern(byteLength))).toBe(true);
  });
}
