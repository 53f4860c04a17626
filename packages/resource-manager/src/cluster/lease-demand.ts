import { errorMessage, parseLabels, RfaasError, type LeaseRequest } from '@rfaas/core';
import { placementRequest, type PlacementRequest } from './placement/placement-request.ts';
import type { Resources } from './placement/resources.ts';

/** The longest time that a request may wait. */
const longestQueueMs = 24 * 3600_000;

/** What a request asks placement for. @throws RfaasError `RFAAS_ERR_USAGE` for a request that makes no sense */
export function placementOf(request: LeaseRequest, maxLeaseMs: number): PlacementRequest {
  const { cores, nodes, durationMs, queueMs, memoryMiB, gpus, atLeast, node, within } = request;
  if (cores < 1) {
    throw usage(`a lease needs at least 1 core, not ${cores}`);
  }
  if (durationMs < 1 || durationMs > maxLeaseMs) {
    throw usage(`a lease lasts from 1 to ${maxLeaseMs} ms here, not ${durationMs}`);
  }
  if (queueMs > longestQueueMs) {
    throw usage(`a request waits for at most ${longestQueueMs} ms, not ${queueMs}`);
  }
  const conditions = {
    ...(atLeast === 0 ? {} : { atLeast }),
    ...(node === '' ? {} : { node }),
    ...(within === '' ? {} : { within }),
    labels: parseLabels(request.labels),
  };
  try {
    return nodes === 0
      ? placementRequest({ cores, memoryMiB, gpus, ...conditions })
      : placementRequest({
          nodes,
          coresPerNode: cores,
          memoryMiBPerNode: memoryMiB,
          gpusPerNode: gpus,
          ...conditions,
        });
  } catch (error) {
    throw new RfaasError('RFAAS_ERR_USAGE', `this cannot be leased: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

/** What all parts of a request come to. */
export function wantedResources({
  parts,
  coresPerPart,
  gpusPerPart,
  memoryMiB,
}: PlacementRequest): Resources {
  return { cores: parts * coresPerPart, memoryMiB, gpus: parts * gpusPerPart };
}

function usage(text: string): RfaasError {
  return new RfaasError('RFAAS_ERR_USAGE', text);
}
