import type { Labels } from './placement-request.ts';
import type { Resources } from './resources.ts';

/** A node as placement sees it. */
export interface PlacementNode extends Resources {
  readonly name: string;
  readonly labels?: Labels;
  /** Leased cores per core that it has, from 1; default 1. Memory and GPUs are never leased twice. */
  readonly oversubscription?: number;
  /**
   * `open` takes leases, `reserve` takes them when no open node has room, `closed` takes none (drained, or its connection
   * is lost). Default `open`.
   */
  readonly admission?: 'open' | 'reserve' | 'closed';
}

/** What leases may take of a node. @throws RangeError for an oversubscription below 1 */
export function capacityOf(node: PlacementNode): Resources {
  const { cores, memoryMiB, gpus, name, oversubscription = 1 } = node;
  if (!(oversubscription >= 1 && Number.isFinite(oversubscription))) {
    throw new RangeError(`node "${name}" cannot be oversubscribed ${oversubscription} times: from 1`);
  }
  return { cores: Math.floor(cores * oversubscription), memoryMiB, gpus };
}
