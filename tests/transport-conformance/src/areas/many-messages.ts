import { expect } from '@jest/globals';
import { place, received, sent, type Party } from '../party.ts';
import { waitModes, type Scene } from '../scene.ts';

const window = 48;
const rounds = 42;

export function manyMessages({ play }: Scene): void {
  for (const mode of waitModes) {
    play(`${window * rounds} writes with immediate arrive once and in order (${mode})`, async ({ pair }) => {
      const { near, far } = await pair({
        sendDepth: window,
        receiveDepth: window,
        prepare: async (party: Party) => party.side.postEmptyReceives(party.endpoint, window),
      });
      let next = 0;
      for (let round = 0; round < rounds; round += 1) {
        const arriving = received(far, window, mode);
        for (let index = 0; index < window; index += 1) {
          const request = { immediate: round * window + index, wrId: index, solicited: true };
          await near.side.postWrite(near.endpoint, [place(near, 0, 32)], near.target, 32 * index, request);
        }
        for (const { immediate, status, byteLength } of await arriving) {
          expect([immediate, status, byteLength]).toEqual([next, 'success', 32]);
          next += 1;
        }
        await far.side.postEmptyReceives(far.endpoint, window);
        const completed = await sent(near, window, mode);
        expect(completed.every(({ status }) => status === 'success')).toBe(true);
      }
      expect(next).toBe(window * rounds);
    });
  }
}
