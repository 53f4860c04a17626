import { afterAll, describe, jest, test } from '@jest/globals';

import { atomics } from './areas/atomics.ts';
import { connecting } from './areas/connecting.ts';
import { disconnecting } from './areas/disconnecting.ts';
import { failures } from './areas/failures.ts';
import { immediates } from './areas/immediates.ts';
import { lifetimes } from './areas/lifetimes.ts';
import { manyMessages } from './areas/many-messages.ts';
import { mapping } from './areas/mapping.ts';
import { memory } from './areas/memory.ts';
import { messageChannels } from './areas/message-channels.ts';
import { ordering } from './areas/ordering.ts';
import { polling } from './areas/polling.ts';
import { privateData } from './areas/private-data.ts';
import { queueLimits } from './areas/queue-limits.ts';
import { reading } from './areas/reading.ts';
import { sending } from './areas/sending.ts';
import { sharedQueues } from './areas/shared-queues.ts';
import { threads } from './areas/threads.ts';
import { waiting } from './areas/waiting.ts';
import { writing } from './areas/writing.ts';

import type { TransportFixture } from './fixture.ts';
import { LastingPeer } from './lasting-peer.ts';
import { patience } from './patience.ts';
import { createScene, type Scene } from './scene.ts';

type Area = (scene: Scene) => void;

/** Two sides talk: these run in one process and in two. */
const conversations: Readonly<Record<string, Area>> = {
  connecting,
  'private data': privateData,
  sending,
  writing,
  immediates,
  reading,
  atomics,
  polling,
  waiting,
  'shared queues': sharedQueues,
  failures,
  'queue limits': queueLimits,
  ordering,
  disconnecting,
  mapping,
  'many messages': manyMessages,
};

/** About the objects of one process. */
const objects: Readonly<Record<string, Area>> = {
  memory,
  lifetimes,
  threads,
  'message channels': messageChannels,
};

/**
 * Declares the tests that every transport passes. One that is not available here shows up as a skipped test that says
 * why, or fails where RFAAS_REQUIRE_TRANSPORTS (names, separated by commas) says that it is required.
 */
export function describeTransport(name: string, fixture: TransportFixture): void {
  const reason = fixture.unavailable();
  if (reason !== null) {
    declareUnavailable(name, reason);
    return;
  }
  jest.setTimeout(30_000 * patience);
  describe(name, () => {
    describe('in one process', () => declareAreas(conversations, name, fixture));
    if (fixture.isBrief === true) return;
    describe('in two processes', () => {
      const peer = new LastingPeer(fixture);
      afterAll(async () => peer.end());
      declareAreas(conversations, name, fixture, peer);
    });
    declareAreas(objects, name, fixture);
  });
}

function declareAreas(
  areas: Readonly<Record<string, Area>>,
  name: string,
  fixture: TransportFixture,
  peer?: LastingPeer,
): void {
  for (const [title, area] of Object.entries(areas)) {
    describe(title, () => area(createScene(name, fixture, peer, title)));
  }
}

function declareUnavailable(name: string, reason: string): void {
  const required = (process.env['RFAAS_REQUIRE_TRANSPORTS'] ?? '').split(',').includes(name);
  if (required) {
    test(`${name} is required and not available: ${reason}`, () => {
      throw new Error(`RFAAS_REQUIRE_TRANSPORTS names ${name}: ${reason}`);
    });
  } else {
    test.skip(`${name} is not available: ${reason}`, () => undefined);
  }
}
