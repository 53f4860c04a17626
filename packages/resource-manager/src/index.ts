/**
 * The resource manager of rFaaS: nodes, leases and bills of one cluster.
 *
 * @packageDocumentation
 */
export * from './cluster/cluster.ts';
export * from './cluster/executor-registry.ts';
export * from './cluster/lease-allocator.ts';
export * from './cluster/lease-store.ts';
export * from './cluster/lease-table.ts';
export * from './cluster/usage-ledger.ts';
export * from './resource-manager.ts';
