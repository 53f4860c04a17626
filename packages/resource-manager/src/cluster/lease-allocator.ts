import type { LeaseRequest } from '@rfaas/core';
import type { ClusterNode } from './executor-registry.ts';
import type { Resources } from './lease-table.ts';

/** A node and what leases take of it. */
export interface Candidate {
  readonly node: ClusterNode;
  readonly taken: Resources;
}

/** Where a lease goes, or why it goes nowhere. */
export type LeaseDecision =
  | { readonly ok: true; readonly node: ClusterNode }
  | {
      readonly ok: false;
      readonly reason: 'unknown-node' | 'too-large' | 'occupied' | 'no-nodes';
      readonly text: string;
    };

/**
 * Chooses the node for a lease: among those that have room a connected one before one that was never seen, then the one
 * that is left with the fewest cores, so that large leases find room elsewhere, then by name.
 */
export function chooseNode(request: LeaseRequest, candidates: readonly Candidate[]): LeaseDecision {
  const usable = candidates.filter(({ node }) => node.state !== 'lost');
  const wanted = request.node === '' ? usable : usable.filter(({ node }) => node.name === request.node);
  const fitting = wanted.filter((candidate) => fits(request, freeOf(candidate)));
  const best = fitting.reduce<Candidate | undefined>(
    (chosen, candidate) => (chosen === undefined || isBetter(candidate, chosen) ? candidate : chosen),
    undefined,
  );
  return best === undefined ? refuse(request, usable, wanted) : { ok: true, node: best.node };
}

/** What is left of a node. */
export function freeOf({ node, taken }: Candidate): Resources {
  return {
    cores: Math.max(0, node.cores - taken.cores),
    memoryMiB: Math.max(0, node.memoryMiB - taken.memoryMiB),
    gpus: Math.max(0, node.gpus - taken.gpus),
  };
}

function fits(request: Resources, room: Resources): boolean {
  return request.cores <= room.cores && request.memoryMiB <= room.memoryMiB && request.gpus <= room.gpus;
}

function isBetter(a: Candidate, b: Candidate): boolean {
  if (a.node.state !== b.node.state) {
    return a.node.state === 'connected';
  }
  const difference = freeOf(a).cores - freeOf(b).cores;
  return difference === 0 ? a.node.name < b.node.name : difference < 0;
}

function refuse(
  request: LeaseRequest,
  usable: readonly Candidate[],
  wanted: readonly Candidate[],
): LeaseDecision & { readonly ok: false } {
  if (usable.length === 0) {
    return { ok: false, reason: 'no-nodes', text: 'the cluster has no nodes: start an executor manager' };
  }
  if (wanted.length === 0) {
    return { ok: false, reason: 'unknown-node', text: `no node is called "${request.node}"` };
  }
  const where = request.node === '' ? 'no node has' : `node "${request.node}" does not have`;
  if (wanted.some(({ node }) => fits(request, node))) {
    return {
      ok: false,
      reason: 'occupied',
      text: `${where} ${describe(request)} free now; wait until leases end, or ask for less`,
    };
  }
  return { ok: false, reason: 'too-large', text: `${where} ${describe(request)} at all; ask for less` };
}

function describe({ cores, memoryMiB, gpus }: Resources): string {
  const parts = [`${cores} ${cores === 1 ? 'core' : 'cores'}`, `${memoryMiB} MiB`];
  return (gpus === 0 ? parts : [...parts, `${gpus} ${gpus === 1 ? 'GPU' : 'GPUs'}`]).join(' and ');
}
