import { test } from '@jest/globals';
import type { TransportCapabilities } from '@rfaas/rdmalib';
import { knownFailures } from './exceptions.ts';
import type { TransportFixture } from './fixture.ts';
import { connectPair, type Pair, type PairOptions } from './party.ts';
import type { LastingPeer } from './lasting-peer.ts';
import { sideHere, type Elsewhere, type SideClient } from './remote-side.ts';
import type { WaitMode } from './wait-once.ts';

/** Where the other side of a test runs. */
export type Placement = 'in one process' | 'in two processes';

/** Every way to wait. */
export const waitModes: readonly WaitMode[] = ['spin', 'block', 'readable'];

/** Both sides of a test, open. */
export interface Stage {
  readonly near: SideClient;
  readonly far: SideClient;
  readonly capabilities: TransportCapabilities;
  readonly pair: (options?: PairOptions) => Promise<Pair>;
}

/** What an area gets to make its tests with. */
export interface Scene {
  readonly fixture: TransportFixture;
  readonly transport: string;
  readonly placement: Placement;
  /** A test with two sides, which are opened before it and closed after it. */
  readonly play: (name: string, body: (stage: Stage) => Promise<void>) => void;
  /** A test that opens what it needs itself. */
  readonly test: (name: string, body: () => Promise<void> | void) => void;
}

/**
 * A scene of a transport; `group` is the name of the describe around its tests.
 *
 * @param peer where the other side is; undefined for this process
 */
export function createScene(
  transport: string,
  fixture: TransportFixture,
  peer: LastingPeer | undefined,
  group: string,
): Scene {
  const declare = (name: string, body: () => Promise<void> | void): void => {
    const known = knownFailures.find(
      (failure) => failure.transport === transport && failure.test === `${group} ${name}`,
    );
    if (known === undefined) {
      test(name, async () => body());
    } else {
      test.failing(`${name} (known: ${known.reason})`, async () => body());
    }
  };
  return {
    fixture,
    transport,
    placement: peer === undefined ? 'in one process' : 'in two processes',
    test: declare,
    play: (name, body) => declare(name, async () => onStage(fixture, peer, body)),
  };
}

async function onStage(
  fixture: TransportFixture,
  peer: LastingPeer | undefined,
  body: (stage: Stage) => Promise<void>,
): Promise<void> {
  const near = sideHere(fixture.url, fixture.address());
  const other = peer === undefined ? anotherSideHere(fixture) : await peer.enter();
  let isInOrder = false;
  try {
    const capabilities = await near.open();
    await other.side.open();
    const pair = async (options?: PairOptions): Promise<Pair> => connectPair(near, other.side, options);
    await body({ near, far: other.side, capabilities, pair });
    isInOrder = true;
  } finally {
    await near.close();
    await (isInOrder ? other.stop() : other.kill());
  }
}

function anotherSideHere(fixture: TransportFixture): Elsewhere {
  const side = sideHere(fixture.url, fixture.address());
  const stop = async (): Promise<void> => side.close();
  return { side, stop, kill: stop };
}
