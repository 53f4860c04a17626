/**
 * The rFaaS client: lease cores, send functions there, and invoke them by writing straight into the workers' memory.
 *
 * @packageDocumentation
 */
export { Client } from './client.ts';
export type { ConnectOptions, DirectOptions } from './client.ts';
export { Lease } from './lease.ts';
export type { LeaseAllocateOptions } from './lease.ts';
export type { LeaseOptions, QueueOptions, QueuePosition } from './lease-provider.ts';
export { ExecutorGroup } from './executor-group.ts';
export { Executor } from './executor.ts';
export type { AllocateOptions, AllocationStep } from './allocate-options.ts';
export { ExecutorFunction } from './executor-function.ts';
export type { InvokeAsyncOptions, InvokeSyncOptions, MapOptions } from './executor-function.ts';
export type { InvokeOptions } from './pending-invocation.ts';
export type { MapInputs } from './bounded-map.ts';
export type { InvocationInput, InvocationOutput, TypedArrayConstructor } from './invocation-buffers.ts';
export { readFunctionPackage } from './functions/function-package.ts';
export type {
  FunctionPackage,
  FunctionSource,
  LibrarySource,
  ModuleSource,
  ModuleText,
} from './functions/function-package.ts';
export { RfaasError } from '@rfaas/core';
export type { RfaasErrorCode, Usage } from '@rfaas/core';
