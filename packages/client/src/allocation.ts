import { generateId, RfaasError, type Allocate } from '@rfaas/core';
import {
  announcedUrl,
  formatTransportUrl,
  parseTransportUrl,
  type MessageChannel,
  type ProtectionDomain,
  type Transport,
} from '@rfaas/rdmalib';
import type { CompleteAllocateOptions } from './allocate-options.ts';
import { allocationFailedError } from './allocation-end-error.ts';
import { ExecutorAcceptor, type AcceptedThread } from './executor-acceptor.ts';
import type { AllocationEnd, ExecutorManagerSession, LeaseGrant } from './executor-manager-session.ts';
import type { FunctionPackage } from './functions/function-package.ts';
import type { Landing } from './landing.ts';
import { transferPackage } from './package-transfer.ts';
import { abortError, settledWithin, timeLimit, type TimeLimit } from './time-limit.ts';

/** How long to wait for the rest of the story once something went wrong: who ended, and why. */
const EXPLANATION_MS = 1_000;

/** How long to wait for the end of an executor that did not get ready. */
const GIVING_UP_MS = 5_000;

/** An executor that is connected, loaded and ready. */
export interface Allocation {
  readonly allocationId: string;
  readonly transport: Transport;
  readonly domain: ProtectionDomain;
  readonly control: MessageChannel;
  readonly threads: readonly AcceptedThread[];
  readonly functions: readonly string[];
}

/** What to allocate, under which lease. */
export interface AllocationRequest {
  readonly grant: LeaseGrant;
  readonly session: ExecutorManagerSession;
  readonly functionPackage: FunctionPackage;
  /** Closed where the allocation fails. */
  readonly landing: Landing;
  readonly options: CompleteAllocateOptions;
  /** Memory of the lease for this allocation. */
  readonly memoryMiB: number;
  /** An executor on another host of which nothing is heard for this long is lost. */
  readonly peerTimeoutMs: number;
}

/**
 * Has an executor started, takes its connections, sends it the package, and waits until every thread is ready. If any
 * step fails, everything is undone and the error says which.
 */
export async function allocateExecutor(request: AllocationRequest): Promise<Allocation> {
  const { grant, functionPackage, options } = request;
  const what = `allocating an executor for ${functionPackage.name} on node ${grant.node}`;
  using limit = timeLimit(what, options.timeoutMs, options.signal);
  try {
    return await connectExecutor(request, limit);
  } catch (error) {
    await request.landing.transport.close();
    throw limit.signal.aborted ? abortError(limit.signal) : error;
  }
}

async function connectExecutor(request: AllocationRequest, limit: TimeLimit): Promise<Allocation> {
  const { grant, session, options, peerTimeoutMs } = request;
  const { transport, domain } = request.landing;
  await using listener = request.landing.listener;
  const url = parseTransportUrl(grant.url);
  const clientUrl = formatTransportUrl(announcedUrl(url, listener.address));
  const secret = generateId();
  const acceptor = new ExecutorAcceptor({
    domain,
    listener,
    secret,
    threads: options.cores,
    slots: options.slots,
    ...(transport.capabilities.crossesHosts ? { peerTimeoutMs } : {}),
  });
  const allocationId = await startExecutor(request, allocateMessage(request, clientUrl, secret), limit);
  options.onStep('submitted');
  const end = session.allocationEnd(allocationId);
  try {
    return { allocationId, transport, domain, ...(await loadPackage(request, domain, acceptor, end, limit)) };
  } catch (error) {
    await giveUp(session, allocationId);
    throw error;
  }
}

/** Asks for the executor. What a manager has started when the caller gives up meanwhile is ended before that is told. */
async function startExecutor(
  { session, options }: AllocationRequest,
  message: Allocate,
  limit: TimeLimit,
): Promise<string> {
  const started = session.allocate(message, options.timeoutMs + GIVING_UP_MS);
  try {
    return await Promise.race([started, limit.passed]);
  } catch (error) {
    const undone = started.then(
      async (allocationId) => giveUp(session, allocationId),
      () => undefined,
    );
    await settledWithin(undone, GIVING_UP_MS);
    throw error;
  }
}

/** Has an allocation ended of which nothing came, and waits until its cores are back with the lease. */
export async function giveUp(session: ExecutorManagerSession, allocationId: string): Promise<void> {
  const end = session.allocationEnd(allocationId);
  session.forget(allocationId);
  // A manager that is gone ends it by itself, and that is how the promise above settles.
  await session.deallocate(allocationId).catch(() => undefined);
  await settledWithin(end, GIVING_UP_MS);
}

function allocateMessage(
  { grant, functionPackage, options, memoryMiB }: AllocationRequest,
  clientUrl: string,
  secret: string,
) {
  const { cores, hotTimeoutMs, slots, inputBytes, outputBytes } = options;
  return {
    token: grant.token,
    cores,
    memoryMiB,
    clientUrl,
    secret,
    packageKind: functionPackage.kind,
    sha256: functionPackage.sha256,
    packageBytes: functionPackage.bytes.byteLength,
    packageName: functionPackage.name,
    hotTimeoutMs,
    slots,
    inputBytes,
    outputBytes,
  };
}

async function loadPackage(
  { grant, functionPackage, options }: AllocationRequest,
  domain: ProtectionDomain,
  acceptor: ExecutorAcceptor,
  end: Promise<AllocationEnd>,
  limit: TimeLimit,
): Promise<Pick<Allocation, 'control' | 'threads' | 'functions'>> {
  using region = domain.allocateMemory({
    byteLength: functionPackage.bytes.byteLength,
    access: ['local-write', 'remote-read'],
  });
  region.bytes.set(functionPackage.bytes);
  let isConnected = false;
  const loading = acceptor.control.then(async (control) => {
    isConnected = true;
    options.onStep('spawned');
    const functions = await transferPackage(control, functionPackage, region);
    return { control, functions };
  });
  const ready = Promise.all([loading, acceptor.threads]);
  const failed = end.then((ended) => {
    throw allocationFailedError(ended, grant.node, functionPackage.name);
  });
  for (const each of [loading, ready, failed]) each.catch(() => undefined);
  try {
    const [{ control, functions }, threads] = await Promise.race([
      ready,
      failed,
      acceptor.failed,
      limit.passed,
    ]);
    return { control, functions, threads };
  } catch (error) {
    const isKnown =
      limit.signal.aborted || (error instanceof RfaasError && error.code === 'RFAAS_ERR_PROTOCOL');
    throw isKnown ? error : await explain(error, isConnected ? loading : undefined, failed);
  }
}

/**
 * The executor's own words come over one connection and its end over another, in either order: its words say most, then
 * how it ended, then what we saw. `loading` is undefined if it never connected: then there are no words to wait for.
 */
async function explain(
  seen: unknown,
  loading: Promise<unknown> | undefined,
  ended: Promise<never>,
): Promise<unknown> {
  const errors: { spoken?: unknown; how?: unknown } = {};
  const hear = loading?.catch((error: unknown) => {
    errors.spoken = error;
  });
  const learn = ended.catch((error: unknown) => {
    errors.how = error;
  });
  await settledWithin(Promise.all([hear, learn]), EXPLANATION_MS);
  const isAboutPackage = errors.spoken instanceof RfaasError && errors.spoken.code === 'RFAAS_ERR_PACKAGE';
  return isAboutPackage ? errors.spoken : (errors.how ?? seen);
}
