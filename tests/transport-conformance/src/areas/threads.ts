import { expect } from '@jest/globals';
import { connectPair, pattern, place, received, sameBytes, sent, type Party } from '../party.ts';
import { sideHere, sideInThread } from '../remote-side.ts';
import { waitModes, type Scene } from '../scene.ts';

const receives = async (party: Party): Promise<void> => party.side.postEmptyReceives(party.endpoint, 16);

export function threads({ test, fixture }: Scene): void {
  for (const mode of waitModes) {
    test(`worker threads with a transport each talk to each other (${mode})`, async () => {
      const first = sideInThread(fixture.url, fixture.address());
      const second = sideInThread(fixture.url, fixture.address());
      try {
        await first.side.open();
        await second.side.open();
        const { near, far } = await connectPair(first.side, second.side, { prepare: receives });
        for (let round = 0; round < 10; round += 1) {
          const waited = received(far, 1, mode);
          await near.side.write(near.region, 0, pattern(2000, round));
          await near.side.postWrite(near.endpoint, [place(near, 0, 2000)], near.target, 0, {
            immediate: round,
          });
          expect(await waited).toMatchObject([{ immediate: round, byteLength: 2000 }]);
          expect(sameBytes(await far.side.read(far.region, 0, 2000), pattern(2000, round))).toBe(true);
          await sent(near, 1, mode);
          await far.side.postEmptyReceives(far.endpoint, 1);
        }
      } finally {
        await first.stop();
        await second.stop();
      }
    });
  }

  test('a thread that ends disconnects its peers', async () => {
    const here = sideHere(fixture.url, fixture.address());
    const thread = sideInThread(fixture.url, fixture.address());
    try {
      await here.open();
      await thread.side.open();
      const { near } = await connectPair(here, thread.side);
      await thread.stop();
      expect(await here.disconnected(near.endpoint)).toBe('closed-by-peer');
    } finally {
      await here.close();
    }
  });

  test('a thread that is terminated in the middle of it all takes nobody along', async () => {
    const here = sideHere(fixture.url, fixture.address());
    await here.open();
    try {
      for (let round = 0; round < 10; round += 1) {
        const thread = sideInThread(fixture.url, fixture.address());
        await thread.side.open();
        const { near } = await connectPair(here, thread.side);
        // The thread has an event to take while it ends.
        await here.disconnect(near.endpoint);
        await thread.kill();
      }
    } finally {
      await here.close();
    }
  });
}
