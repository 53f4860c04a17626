import type { Clock, Logger } from '@rfaas/core';
import type { ClusterConsole } from '../../cluster/cluster-view.ts';
import type { ManagerDescription } from '../../leadership/leadership.ts';
import type { ManagerMetrics } from '../../metrics/manager-metrics.ts';

/** What the routes answer from and act on. */
export interface RouteOptions {
  readonly console: ClusterConsole;
  readonly metrics: ManagerMetrics;
  readonly now: Clock;
  /** Milliseconds of a clock that never goes back. */
  readonly steadyNow: () => number;
  readonly version: string;
  /** How long running leases of a draining node may go on, unless the request says otherwise. */
  readonly drainGraceMs: number;
  /** The URL of a node that is known by address and port. @throws RfaasError for one that cannot be reached */
  readonly nodeUrl: (address: string, port: number) => string;
  /** Why leases cannot be granted right now; `undefined` if they can. */
  readonly unready: () => string | undefined;
  /** Whether this resource manager leads the cluster, and who does as far as is known. */
  readonly standing: () => { readonly isLeader: boolean; readonly leader: ManagerDescription | undefined };
  readonly logger: Logger;
}
