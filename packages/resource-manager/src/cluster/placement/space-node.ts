import type { Tier } from './node-view.ts';
import type { Labels } from './placement-request.ts';
import type { Resources } from './resources.ts';

/** A node that takes leases, with the room that it has. */
export interface SpaceNode {
  readonly name: string;
  readonly number: number;
  readonly tier: Tier;
  readonly labels: Labels;
  readonly room: Resources;
}
