/**
 * RDMA for Node.js: verbs, libfabric and shared memory behind one transport interface.
 *
 * @packageDocumentation
 */
export {
  ClosedError,
  ConnectionRefusedError,
  InvalidArgumentError,
  QueueFullError,
  RdmaError,
  rdmaErrorCodes,
  UnsupportedOperationError,
  WorkFailedError,
} from './errors.ts';
export type { RdmaErrorCode, RdmaErrorDetails } from './errors.ts';
export type { NetworkAddress } from './transport/network-address.ts';
export type { Transport, TransportCapabilities } from './transport/transport.ts';
export type { ProtectionDomain } from './transport/protection-domain.ts';
export { decodeRemoteMemory, encodeRemoteMemory, remoteMemoryBytes } from './transport/memory-region.ts';
export type {
  LocalSegment,
  MemoryAccess,
  MemoryOptions,
  MemoryRegion,
  RemoteMemory,
  RemoteTarget,
} from './transport/memory-region.ts';
export type {
  CompareSwap,
  DisconnectReason,
  Endpoint,
  EndpointOptions,
  EndpointState,
  ResolveOptions,
  Segments,
  SendRequest,
  WorkRequest,
  WriteRequest,
} from './transport/endpoint.ts';
export type {
  ConnectionReply,
  ConnectionRequest,
  ConnectOptions,
  Listener,
  ListenOptions,
} from './transport/connection.ts';
export type {
  CompletionQueue,
  CompletionQueueOptions,
  ReadableOptions,
} from './transport/completion-queue.ts';
export { requireSuccess } from './transport/work-completion.ts';
export { statusText } from './native/status-text.ts';
export type {
  WorkCompletion,
  WorkCompletionBatch,
  WorkCompletionOpcode,
  WorkCompletionStatus,
} from './transport/work-completion.ts';
export { cxiAuthorizationKey, gniAuthorizationKey } from './libfabric/credentials/authorization-key.ts';
export type { CxiService } from './libfabric/credentials/authorization-key.ts';
export { openDrc } from './libfabric/credentials/drc.ts';
export type { AcquireOptions, CredentialTarget, Drc, DrcOptions } from './libfabric/credentials/drc.ts';
export { slingshotServices } from './libfabric/credentials/slingshot-environment.ts';
export type { Environment, SlingshotService } from './libfabric/credentials/slingshot-environment.ts';
export { formatTransportUrl, parseTransportUrl } from './transport/transport-url.ts';
export type { TransportUrl } from './transport/transport-url.ts';
export { listeningOnDevice, throughDevice } from './transport/device-url.ts';
export { announcedUrl, withOwnOptions } from './transport/peer-url.ts';
export { openTransport } from './transport/open-transport.ts';
export { loadTransportLibrary } from './transport/load-transport-library.ts';
export { explainNoDevices, listDevices } from './devices/list-devices.ts';
export type { KernelDeviceSources } from './devices/kernel-devices.ts';
export type { RdmaDevice, RdmaDeviceLimits, RdmaPort } from './devices/rdma-device.ts';
export { createCompletionBatch } from './native/completion-batch.ts';
export { crossCheckNativeLibrary } from './native/cross-check.ts';
export { findNativeLibrary } from './native/find-native-library.ts';
export type { NativeLibrarySearch } from './native/find-native-library.ts';
export { loadNativeLibrary } from './native/koffi-backend.ts';
export type { NativeArgument, NativeFunction, NativeLibrary } from './native/native-library.ts';
export { MessageChannel } from './messages/message-channel.ts';
export type {
  AcceptChannelOptions,
  ConnectChannelOptions,
  ReceiveMessageOptions,
} from './messages/channel-options.ts';
export { tendMessageChannels } from './messages/open-channels.ts';
export { RegisteredAllocator } from './memory/registered-allocator.ts';
export type {
  RegisteredAllocatorOptions,
  RegisteredView,
  RegisteredViewConstructor,
  RemoteAllocation,
} from './memory/registered-allocator.ts';
