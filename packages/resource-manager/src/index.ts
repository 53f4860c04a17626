/**
 * The resource manager of rFaaS: nodes, leases and bills of one cluster.
 *
 * @packageDocumentation
 */
export type * from './cluster/cluster-view.ts';
export type * from './cluster/cluster-options.ts';
export * from './cluster/cluster.ts';
export type * from './cluster/executor-registry.ts';
export type * from './cluster/lease-record.ts';
export type * from './cluster/placement/placement-decision.ts';
export * from './cluster/placement/placement-index.ts';
export * from './cluster/placement/placement-node.ts';
export type * from './cluster/placement/placement-policy.ts';
export * from './cluster/placement/placement-request.ts';
export * from './cluster/placement/random.ts';
export * from './cluster/tenants/lease-queue.ts';
export * from './cluster/tenants/tenant-quotas.ts';
export * from './leadership/leadership.ts';
export * from './store/durable-rows.ts';
export * from './store/etcd/etcd-leadership.ts';
export * from './store/memory-store.ts';
export * from './store/sqlite-store.ts';
export * from './store/state-store.ts';
export * from './resource-manager.ts';
