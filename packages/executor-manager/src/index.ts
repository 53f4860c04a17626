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
export type { ResourceSettings } from './node-resources.ts';
export { registerNode } from './register-node.ts';
export type { NodeOffer } from './register-node.ts';
export { ProcessorAffinity } from './launchers/processor-affinity.ts';
