/**
 * The executor manager of one worker node, as the program `rfaas-executor-manager` runs it.
 *
 * @packageDocumentation
 */
export { ExecutorManager } from './executor-manager.ts';
export type { ExecutorManagerOptions } from './executor-manager.ts';
export type { ExecutorSettings } from './allocation-table.ts';
export type { NodeCapacity } from './claims.ts';
export { hostMemoryMiB, nodeCapacity } from './node-resources.ts';
export { registerNode } from './register-node.ts';
export type { NodeOffer } from './register-node.ts';
export type { HostProcessors, ResourceSettings } from './node-resources.ts';
export { processorQuota } from './topology/processor-quota.ts';
export { readTopology } from './topology/processor-topology.ts';
export type { ProcessorPlace, ProcessorTopology } from './topology/processor-topology.ts';
export { ProcessorAffinity } from './launchers/processor-affinity.ts';
