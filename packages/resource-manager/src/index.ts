/**
 * The resource manager of rFaaS: nodes, leases and bills of one cluster.
 *
 * @packageDocumentation
 */
export type * from './cluster/cluster-view.ts';
export * from './cluster/cluster.ts';
export * from './cluster/executor-registry.ts';
export * from './cluster/lease-allocator.ts';
export * from './cluster/lease-store.ts';
export * from './cluster/lease-table.ts';
export type * from './cluster/placement/placement-decision.ts';
export * from './cluster/placement/placement-index.ts';
export * from './cluster/placement/placement-node.ts';
export type * from './cluster/placement/placement-policy.ts';
export * from './cluster/placement/placement-request.ts';
export * from './cluster/placement/random.ts';
export * from './cluster/tenants/lease-queue.ts';
export * from './cluster/tenants/tenant-quotas.ts';
export * from './cluster/usage-ledger.ts';
export * from './resource-manager.ts';
