import { encodeMessage, invocationInputOffset } from '@rfaas/core/wire';
import type { CompletionQueue, MemoryRegion, ProtectionDomain, RemoteMemory } from '@rfaas/rdmalib';
import { AtomicUsageReporter } from '../accounting/atomic-usage-reporter.ts';
import type { AccountingConnection } from '../accounting/atomic-usage-reporter.ts';
import { MessageUsageReporter } from '../accounting/message-usage-reporter.ts';
import { noReporter } from '../accounting/usage-reporter.ts';
import type { UsageReporter } from '../accounting/usage-reporter.ts';
import type { FunctionSource, JavaScriptFunction } from '../functions/function-library.ts';
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
import type {
  InvocationMemory,
  ThreadAssignment,
  ThreadMessage,
  ThreadPreparation,
} from './thread-assignment.ts';
import type { AssignedService } from './thread-commands.ts';
import type { ClientConnection } from './thread-connections.ts';
import { connectToClient, connectToManager, openClientConnection } from './thread-connections.ts';
import { openThreadMemory } from './thread-memory.ts';
import type { ThreadMemory } from './thread-memory.ts';

/** Thrown when the package does not load: the client's mistake, not the executor's. */
export class PackageError extends Error {
  override readonly name = 'PackageError';
}

/** What a thread runs: from JavaScript, or by pointers that native code calls. */
interface Functions {
  readonly source: FunctionSource;
  readonly run: readonly JavaScriptFunction[];
}

/** Where a client is served: made ahead, or when it comes. */
interface Place {
  readonly context: ServeContext;
  readonly memory: ThreadMemory;
  readonly client: ClientConnection;
}

/** One worker thread: prepared before anybody is served, and then serving one assignment after the other. */
export class WorkerThread {
  readonly #preparation: ThreadPreparation;
  /** Reaches the main thread, also while native code runs. */
  readonly #post: (message: ThreadMessage) => void;
  readonly #routes: Routes;
  readonly #accounting: AccountingConnection | undefined;
  readonly #contexts = ServeContext.collector();
  #ahead: Place | undefined;
  /** The queue of the service that ended last. The main thread may interrupt it until it has heard of that end. */
  #spentQueue: CompletionQueue | undefined;
  #usage: UsageReporter | undefined;

  private constructor(
    preparation: ThreadPreparation,
    post: (message: ThreadMessage) => void,
    routes: Routes,
    accounting: AccountingConnection | undefined,
  ) {
    this.#preparation = preparation;
    this.#post = post;
    this.#routes = routes;
    this.#accounting = accounting;
    this.#ahead = this.#open(routes.manager.domain, preparation);
  }

  /** Connects to the manager and allocates memory. Rejects with RdmaError. */
  static async prepare(
    preparation: ThreadPreparation,
    post: (message: ThreadMessage) => void,
  ): Promise<WorkerThread> {
    const routes = new Routes(preparation.managerUrl);
    const hasAtomics = routes.manager.domain.transport.capabilities.atomics !== 'none';
    const accounting = hasAtomics ? await connectToManager(routes.manager, preparation) : undefined;
    return new WorkerThread(preparation, post, routes, accounting);
  }

  /** Serves one client until told to stop, or until it is gone. */
  async serve({ assignment, functions, stopped }: AssignedService): Promise<LoopEnd> {
    // Who assigns has heard of the last end.
    this.#spentQueue?.close();
    this.#spentQueue = undefined;
    if (assignment.cpu !== undefined) {
      new HostFunctions().pinThread(assignment.cpu);
    }
    const route = this.#routes.toClient(assignment.clientUrl);
    const place = await this.#place(route.domain, assignment);
    const { context, memory, client } = place;
    await connectToClient(client, route, assignment, this.#preparation.index);
    const regions: ({ close(): void } | undefined)[] = [memory];
    const told = await Promise.race([functions, stopped.then(() => 'stopped' as const)]);
    const loaded = told === 'stopped' ? undefined : await this.#load(told);
    let end: LoopEnd = 'stopped';
    if (loaded !== undefined) {
      regions.push(functionPointers(context, route.domain, loaded));
      fillContext(context, assignment, route.domain, client, this.#preparation.stopAddress);
      this.#post({ kind: 'serving', queue: client.queue.nativeHandle });
      regions.push(sendThreadReady(route.domain, client, memory, assignment, this.#preparation.index));
      const reporter = await this.#reporter(assignment.accounting);
      const usage = assignment.isRehearsal ? noReporter : reporter;
      end = await invocationLoop({ ...place, loaded, assignment, usage, stopped }).run();
      await usage.flush();
    }
    await client.endpoint.close();
    this.#spentQueue = client.queue;
    context.close();
    regions.forEach((region) => region?.close());
    return end;
  }

  /** What was made ahead if it is what the client asked for, else what it asked for. */
  async #place(domain: ProtectionDomain, assignment: ThreadAssignment): Promise<Place> {
    const ahead = assignment.isRehearsal ? undefined : this.#ahead;
    if (!assignment.isRehearsal) {
      this.#ahead = undefined;
    }
    const { slots, inputBytes, outputBytes } = this.#preparation;
    const fits =
      domain === this.#routes.manager.domain &&
      slots === assignment.slots &&
      inputBytes === assignment.inputBytes &&
      outputBytes === assignment.outputBytes;
    if (ahead !== undefined && fits) {
      return ahead;
    }
    await ahead?.client.endpoint.close();
    ahead?.client.queue.close();
    ahead?.context.close();
    ahead?.memory.close();
    return this.#open(domain, assignment);
  }

  #open(domain: ProtectionDomain, sizes: InvocationMemory): Place {
    const context = new ServeContext(this.#contexts);
    const memory = openThreadMemory(domain, context, sizes);
    return { context, memory, client: openClientConnection(domain, sizes.slots) };
  }

  /** A module that was evaluated before is the same instance again. */
  async #load(source: FunctionSource): Promise<Functions> {
    if (source.kind === 'native') {
      this.#post({ kind: 'loaded', names: [] });
      return { source, run: [] };
    }
    try {
      const found = await loadJavaScriptFunctions(source.code, source.name);
      this.#post({ kind: 'loaded', names: found.map(({ name }) => name) });
      return { source, run: found.map(({ run }) => run) };
    } catch (error) {
      const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      this.#post({ kind: 'load-failed', text, syntax: error instanceof SyntaxError });
      throw new PackageError('the package did not load', { cause: error });
    }
  }

  async #reporter(accounting: RemoteMemory): Promise<UsageReporter> {
    this.#usage ??=
      this.#accounting === undefined
        ? new MessageUsageReporter((usage) => this.#post({ kind: 'usage', usage }))
        : await AtomicUsageReporter.open(this.#accounting, accounting, this.#preparation.index);
    this.#usage.restart();
    return this.#usage;
  }
}

interface LoopParts extends Place {
  readonly loaded: Functions;
  readonly assignment: ThreadAssignment;
  readonly usage: UsageReporter;
  readonly stopped: Promise<void>;
}

function invocationLoop(parts: LoopParts): InvocationLoop {
  const { context, memory, loaded, assignment, client, usage, stopped } = parts;
  return new InvocationLoop({
    context,
    functions: loaded.run,
    inputs: new InputViews(memory.inputs.bytes, assignment.slots, memory.stride, invocationInputOffset),
    outputs: new OutputViews(context, memory.outputs),
    replies: new ReplyQueue(context),
    polling: new PollingState(assignment.hotTimeoutMs),
    usage,
    flushMs: assignment.flushMs,
    waitForWork: (signal) => Promise.race([client.queue.readable({ signal }), stopped]),
  });
}

function fillContext(
  context: ServeContext,
  assignment: ThreadAssignment,
  domain: ProtectionDomain,
  client: ClientConnection,
  stopAddress: number,
): void {
  context.set64('table', domain.transport.tableAddress);
  context.set64('endpoint', client.endpoint.nativeHandle);
  context.set64('queue', client.queue.nativeHandle);
  context.set64('stop', stopAddress);
  context.words[serveWord.slotMask] = assignment.slots - 1;
}

/** Tells the native loop its functions; the memory that was made for that, if any was needed. */
function functionPointers(
  context: ServeContext,
  domain: ProtectionDomain,
  { source, run }: Functions,
): MemoryRegion | undefined {
  if (source.kind === 'native') {
    context.set64('functions', source.table);
    context.words[serveWord.functionCount] = source.count;
    return undefined;
  }
  // No function pointers: each of them is for JavaScript to run.
  const table = domain.allocateMemory({ byteLength: 8 * run.length, access: ['local-write'] });
  context.set64('functions', table.address);
  context.words[serveWord.functionCount] = run.length;
  return table;
}

/** Sends it, and returns the memory that it is in. */
function sendThreadReady(
  domain: ProtectionDomain,
  client: ClientConnection,
  memory: ThreadMemory,
  assignment: ThreadAssignment,
  index: number,
): MemoryRegion {
  const { remote } = memory.inputs;
  const message = encodeMessage({
    kind: 'thread-ready',
    index,
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
  return region;
}
