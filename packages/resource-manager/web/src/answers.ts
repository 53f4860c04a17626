/** What a resource manager answers, as far as the page shows it; the OpenAPI document has the rest. */
export interface Usage {
  readonly invocations: number;
  readonly coreSeconds: number;
}

/** Cores, memory and GPUs. */
export interface Resources {
  readonly cores: number;
  readonly memoryMiB: number;
  readonly gpus: number;
}

/** `GET /nodes`. */
export interface Node {
  readonly name: string;
  readonly url: string;
  readonly state: string;
  readonly drain: 'no' | 'draining' | 'drained';
  readonly drainDeadline: string | null;
  readonly cores: number;
  readonly freeCores: number;
  readonly memoryMiB: number;
  readonly freeMemoryMiB: number;
  readonly leases: number;
}

/** `GET /leases`. */
export interface Lease extends Resources {
  readonly id: string;
  readonly tenant: string;
  readonly state: 'running' | 'ending';
  readonly reason: string | null;
  readonly since: string;
  readonly expiry: string;
  readonly shares: readonly (Resources & { readonly node: string; readonly freed: boolean })[];
  readonly usage: Usage;
}

/** `GET /queue`. */
export interface Queued {
  readonly id: string;
  readonly tenant: string;
  readonly position: number;
  readonly since: string;
  readonly deadline: string;
  readonly wanted: Resources;
  readonly nodes: number;
}

/** `GET /tenants`. */
export interface Tenant {
  readonly name: string;
  readonly limits: { readonly cores?: number; readonly leases?: number };
  readonly held: Resources;
  readonly leases: number;
  readonly queued: number;
  readonly usage: Usage;
}

/** `GET /stats`. */
export interface Stats {
  readonly time: string;
  readonly uptimeSeconds: number;
  readonly nodes: {
    readonly all: number;
    readonly connected: number;
    readonly draining: number;
    readonly lost: number;
  };
  readonly cores: { readonly all: number; readonly free: number };
  readonly leases: { readonly running: number; readonly ending: number };
  readonly queued: number;
  readonly usage: Usage;
  readonly totals: { readonly granted: number; readonly refused: number };
  readonly grantLatency: { readonly count: number; readonly p50: number | null; readonly p99: number | null };
}

/** `GET /whoami`. */
export interface Caller {
  readonly role: 'operator' | 'monitor' | 'node' | 'tenant';
  readonly name: string;
}
