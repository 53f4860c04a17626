import type { PlacementRequest } from './placement/placement-request.ts';

/** What a request that waits for room asks for. */
export interface QueuedLease {
  readonly durationMs: number;
  readonly placement: PlacementRequest;
}
