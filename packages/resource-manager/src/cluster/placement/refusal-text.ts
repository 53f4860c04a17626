import type { PlacementRefusal } from './placement-decision.ts';
import { memoryOfParts, type PlacementRequest } from './placement-request.ts';
import { describeResources } from './resources.ts';

/** The sentence of a refusal: what was asked, why there is no room, what would fit. */
export function refusalText(
  request: PlacementRequest,
  { reason, fittingParts, mostCores }: Pick<PlacementRefusal, 'reason' | 'fittingParts' | 'mostCores'>,
): string {
  const asked = askedText(request);
  switch (reason) {
    case 'no-nodes':
      return 'the cluster has no nodes that take leases: start an executor manager';
    case 'unknown-node':
      return `no node that takes leases is called "${request.node}"`;
    case 'no-match':
      return `no node that takes leases has ${labelsText(request)}`;
    case 'too-large':
      return `the cluster does not have ${asked} at all; ask for less`;
    case 'occupied':
      return `${asked} are not free now, ${fittingText(request, fittingParts, mostCores)}; wait until leases end, or ask for less`;
  }
}

function askedText(request: PlacementRequest): string {
  const { parts, atLeast, distinctNodes } = request;
  const count = distinctNodes ? 1 : atLeast;
  const resources = describeResources({
    cores: count * request.coresPerPart,
    memoryMiB: memoryOfParts(request, count),
    gpus: count * request.gpusPerPart,
  });
  const least = atLeast < parts ? 'at least ' : '';
  const nodes = distinctNodes ? ` on each of ${least}${atLeast} ${atLeast === 1 ? 'node' : 'nodes'}` : '';
  const where = request.node === undefined ? '' : ` on node "${request.node}"`;
  const labels = Object.keys(request.labels).length === 0 ? '' : ` with ${labelsText(request)}`;
  const within = request.within === undefined ? '' : ` within one ${request.within}`;
  return `${distinctNodes ? '' : least}${resources}${nodes}${where}${labels}${within}`;
}

function fittingText(request: PlacementRequest, fittingParts: number, mostCores: number): string {
  if (fittingParts === 0 || request.parts === 1) {
    return `the most on one node with this memory and these GPUs are ${mostCores} cores`;
  }
  return request.distinctNodes
    ? `${fittingParts} such nodes are`
    : `${fittingParts * request.coresPerPart} cores are`;
}

function labelsText({ labels }: PlacementRequest): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(' and ');
}
