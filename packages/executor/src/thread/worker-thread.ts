import { encodeMessage, invocationInputOffset } from '@rfaas/core/wire';
import type { ProtectionDomain } from '@rfaas/rdmalib';
import { AtomicUsageReporter } from '../accounting/atomic-usage-reporter.ts';
import { MessageUsageReporter } from '../accounting/message-usage-reporter.ts';
import type { UsageReporter } from '../accounting/usage-reporter.ts';
import type { JavaScriptFunction } from '../functions/function-library.ts';
import { loadJavaScriptFunctions } from '../functions/javascript-function-library.ts';
import { HostFunctions } from '../native/host-functions.ts';
import { ServeContext } from '../native/serve-context.ts';
import { serveWord } from '../native/serve-context-layout.ts';
import { Routes } from '../routes.ts';
import { InputViews } from './input-views.ts';
import { InvocationLoop } from './invocation-loop.ts';
import type { LoopEnd } from './invocation-loop.ts';
import { OutputViews } from './output-views.ts';
import { PollingState } from './polling-state.ts';
import { ReplyQueue } from './reply-queue.ts';
import type { ThreadAssignment, ThreadMessage } from './thread-assignment.ts';
import type { ClientConnection } from './thread-connections.ts';
import { connectToClient, connectToManager } from './thread-connections.ts';
import { openThreadMemory } from './thread-memory.ts';
import type { ThreadMemory } from './thread-memory.ts';

/** Thrown when the package does not load: the client's mistake, not the executor's. */
export class PackageError extends Error {
  override readonly name = 'PackageError';
}

/**
 * One worker thread, from its start to its end. `post` reaches the main thread, also while native code runs; `stopped`
 * settles when the thread shall stop, which only a thread whose event loop runs notices that way.
 */
export async function runWorkerThread(
  assignment: ThreadAssignment,
  post: (message: ThreadMessage) => void,
  stopped: Promise<void>,
): Promise<LoopEnd> {
  if (assignment.cpu !== undefined) {
    new HostFunctions().pinThread(assignment.cpu);
  }
  const functions = await loadFunctions(assignment, post);
  // Neither is closed: the main thread may interrupt this thread's queue as long as the process lives, which is not long.
  const routes = new Routes(assignment.clientUrl, assignment.managerUrl);
  const context = new ServeContext();
  const usage = await openUsageReporter(routes, assignment, post);
  const client = await connectToClient(routes.client.domain, routes.client, assignment);
  const memory = openThreadMemory(routes.client.domain, context, assignment);
  fillContext(context, assignment, routes.client.domain, client, functions.length);
  post({ kind: 'serving', queue: client.queue.nativeHandle });
  sendThreadReady(routes.client.domain, client, memory, assignment);
  const loop = new InvocationLoop({
    context,
    functions,
    inputs: new InputViews(memory.inputs.bytes, assignment.slots, memory.stride, invocationInputOffset),
    outputs: new OutputViews(context, memory.outputs),
    replies: new ReplyQueue(context),
    polling: new PollingState(assignment.hotTimeoutMs),
    usage,
    flushMs: assignment.flushMs,
    waitForWork: (signal) => Promise.race([client.queue.readable({ signal }), stopped]),
  });
  const end = await loop.run();
  await usage.close();
  await client.endpoint.close();
  return end;
}

async function loadFunctions(
  assignment: ThreadAssignment,
  post: (message: ThreadMessage) => void,
): Promise<readonly JavaScriptFunction[]> {
  if (assignment.functions.kind === 'native') {
    post({ kind: 'loaded', names: [] });
    return [];
  }
  let loaded;
  try {
    loaded = await loadJavaScriptFunctions(assignment.functions.code, assignment.functions.name);
  } catch (error) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    post({ kind: 'load-failed', text, syntax: error instanceof SyntaxError });
    throw new PackageError('the package did not load', { cause: error });
  }
  post({ kind: 'loaded', names: loaded.map(({ name }) => name) });
  return loaded.map(({ run }) => run);
}

async function openUsageReporter(
  routes: Routes,
  assignment: ThreadAssignment,
  post: (message: ThreadMessage) => void,
): Promise<UsageReporter> {
  const { domain } = routes.manager;
  if (domain.transport.capabilities.atomics === 'none') {
    return new MessageUsageReporter((usage) => post({ kind: 'usage', usage }));
  }
  const connection = await connectToManager(domain, routes.manager, assignment);
  return new AtomicUsageReporter(connection, assignment.accounting, assignment.index);
}

function fillContext(
  context: ServeContext,
  assignment: ThreadAssignment,
  domain: ProtectionDomain,
  client: ClientConnection,
  javaScriptFunctions: number,
): void {
  const { functions } = assignment;
  context.set64('table', domain.transport.tableAddress);
  context.set64('endpoint', client.endpoint.nativeHandle);
  context.set64('queue', client.queue.nativeHandle);
  context.set64('stop', assignment.stopAddress);
  context.words[serveWord.slotMask] = assignment.slots - 1;
  if (functions.kind === 'native') {
    context.set64('functions', functions.table);
    context.words[serveWord.functionCount] = functions.count;
  } else {
    // No function pointers: each of them is for JavaScript to run.
    const table = domain.allocateMemory({ byteLength: 8 * javaScriptFunctions, access: ['local-write'] });
    context.set64('functions', table.address);
    context.words[serveWord.functionCount] = javaScriptFunctions;
  }
}

function sendThreadReady(
  domain: ProtectionDomain,
  client: ClientConnection,
  memory: ThreadMemory,
  assignment: ThreadAssignment,
): void {
  const { remote } = memory.inputs;
  const message = encodeMessage({
    kind: 'thread-ready',
    index: assignment.index,
    slots: assignment.slots,
    slotStride: memory.stride,
    inputBytes: assignment.inputBytes,
    outputBytes: assignment.outputBytes,
    address: remote.address,
    rkey: remote.rkey,
    length: remote.byteLength,
  });
  const region = domain.allocateMemory({ byteLength: message.byteLength, access: ['local-write'] });
  region.bytes.set(message);
  client.endpoint.postSend({ region, offset: 0, byteLength: message.byteLength });
}
