import { formatKey } from '@rfaas/core';
import type { ClusterManager } from './cluster-manager.ts';
import { Crowd } from './crowd.ts';

/** Which nodes, in how many processes. */
export interface NodeCrowdOptions {
  /** The number of the first. */
  readonly first: number;
  readonly nodes: number;
  readonly processes: number;
  /** Registrations of one process that are under way at the same time. Default 16. */
  readonly together?: number;
}

/** Starts processes with nodes that register with a resource manager; see `registered-nodes.ts`. */
export function nodeCrowd(
  { url, clusterKey }: ClusterManager,
  { first, nodes, processes, together = 16 }: NodeCrowdOptions,
): Crowd {
  return new Crowd(
    Array.from({ length: processes }, (_, index) => {
      const from = Math.floor((index * nodes) / processes);
      const to = Math.floor(((index + 1) * nodes) / processes);
      return {
        program: 'registered-nodes.js',
        parameters: [url, first + from, to - from, together],
        environment: { RFAAS_CLUSTER_KEY: formatKey(clusterKey) },
      };
    }),
  );
}
