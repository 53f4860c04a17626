import type { ExecutorAssignment } from '@rfaas/core';
import {
  decodeMessage,
  encodeConnectionData,
  encodeMessage,
  expectMessage,
  RfaasError,
  splitFunctionNames,
} from '@rfaas/core/wire';
import type { Message, OutgoingMessage } from '@rfaas/core/wire';
import { findNativeLibrary, loadNativeLibrary, MessageChannel, parseTransportUrl } from '@rfaas/rdmalib';
import type { RemoteMemory } from '@rfaas/rdmalib';
import { loadPackage } from './functions/load-package.ts';
import type { LoadedPackage } from './functions/load-package.ts';
import { describeSyntaxError } from './functions/syntax-check.ts';
import { Routes } from './routes.ts';
import { ThreadPool } from './thread/thread-pool.ts';

/** How long threads may take to end the functions that they run when the executor is told to stop. */
const graceMs = 500;

/** How an executor ended. */
export interface ExecutorEnd {
  readonly exitCode: number;
  /** False: a function still runs, so that only a signal ends the process. */
  readonly threadsEnded: boolean;
}

/** Serves one allocation until its client or its manager ends it, or goes away. */
export async function runExecutor(assignment: ExecutorAssignment): Promise<ExecutorEnd> {
  const routes = new Routes(assignment.clientUrl, assignment.managerUrl);
  const manager = await MessageChannel.connect(routes.manager.domain, routes.manager.address, {
    privateData: encodeConnectionData({
      role: 'executor-to-executor-manager',
      id: assignment.allocationId,
      secret: assignment.managerSecret,
    }),
  });
  try {
    return await new Executor(assignment, routes, manager).run();
  } catch (error) {
    // The manager tells the client; it may be gone itself, and then nobody is left to be told.
    await trySend(manager, { kind: 'executor-failed', text: textOf(error) });
    return { exitCode: 1, threadsEnded: false };
  }
}

class Executor {
  readonly #assignment: ExecutorAssignment;
  readonly #routes: Routes;
  readonly #manager: MessageChannel;
  #pool: ThreadPool | undefined;

  constructor(assignment: ExecutorAssignment, routes: Routes, manager: MessageChannel) {
    this.#assignment = assignment;
    this.#routes = routes;
    this.#manager = manager;
  }

  async run(): Promise<ExecutorEnd> {
    const welcome = expectMessage(await receive(this.#manager, 'the executor manager'), 'executor-welcome');
    const client = await this.#connectToClient();
    await send(this.#manager, { kind: 'executor-ready', pid: process.pid });
    const ended = Promise.race([
      this.#manager.disconnected.then((): string => 'the executor manager is gone'),
      client.disconnected.then((): string => 'the client is gone'),
      this.#stopped(),
    ]);
    const accounting = { address: welcome.address, rkey: welcome.rkey, byteLength: welcome.length };
    const failure = await Promise.race([
      ended.then(() => undefined),
      this.#serve(client, accounting, welcome.flushMs),
    ]);
    const threadsEnded = (await this.#pool?.stop(graceMs)) ?? true;
    if (failure !== undefined) {
      await trySend(this.#manager, { kind: 'executor-failed', text: failure });
    }
    await client.close();
    await this.#manager.close();
    return { exitCode: failure === undefined ? 0 : 1, threadsEnded };
  }

  async #connectToClient(): Promise<MessageChannel> {
    const { allocationId, secret, clientUrl, peerTimeoutMs } = this.#assignment;
    const { domain, address } = this.#routes.client;
    const privateData = encodeConnectionData({ role: 'executor-to-client', id: allocationId, secret });
    try {
      return await MessageChannel.connect(domain, address, {
        privateData,
        ...(domain.transport.capabilities.crossesHosts ? { peerTimeoutMs } : {}),
      });
    } catch (error) {
      throw new RfaasError(
        'RFAAS_ERR_ALLOCATION_FAILED',
        `cannot connect back to the client at ${clientUrl}: ${textOf(error)}`,
        { cause: error },
      );
    }
  }

  /** Resolves when the manager says so. */
  async #stopped(): Promise<string> {
    for await (const bytes of this.#manager.messages()) {
      const message = expectMessage(decodeMessage(bytes), 'executor-stop');
      return message.reason;
    }
    return 'the executor manager is gone';
  }

  /** Loads and serves; resolves to why that ended: undefined if the client left, else what failed. */
  async #serve(
    client: MessageChannel,
    accounting: RemoteMemory,
    flushMs: number,
  ): Promise<string | undefined> {
    let loaded: LoadedPackage | undefined;
    let pool: ThreadPool;
    let names: readonly string[];
    try {
      const offer = expectMessage(await receive(client, 'the client'), 'package-offer');
      loaded = await loadPackage(client, this.#routes.client.domain, offer, this.#assignment);
      pool = this.#startThreads(loaded, accounting, flushMs);
      const found = await pool.loaded;
      names = loaded.names ?? found;
    } catch (error) {
      const text = await this.#describeLoadFailure(error, loaded);
      await trySend(client, { kind: 'package-failed', text });
      return text;
    }
    await send(client, {
      kind: 'package-loaded',
      functionCount: names.length,
      threads: this.#assignment.threads,
    });
    for (const message of splitFunctionNames(names)) {
      await send(client, { kind: 'function-names', ...message });
    }
    const end = await pool.ended;
    return end.kind === 'failed' ? end.text : undefined;
  }

  async #describeLoadFailure(error: unknown, loaded: LoadedPackage | undefined): Promise<string> {
    const isSyntax = error instanceof RfaasError && error.details['syntax'] === true;
    const position =
      isSyntax && loaded?.source.kind === 'javascript'
        ? await describeSyntaxError(loaded.source.code)
        : undefined;
    return position ?? textOf(error);
  }

  #startThreads(loaded: LoadedPackage, accounting: RemoteMemory, flushMs: number): ThreadPool {
    const { threads, cpus, pinThreads } = this.#assignment;
    const library = loadNativeLibrary(
      findNativeLibrary(`librdmalib_${parseTransportUrl(this.#assignment.clientUrl).kind}.so`),
    );
    const interrupt = library.function('shim_queue_interrupt', 'int', ['uintptr_t']);
    this.#pool = new ThreadPool({
      domain: this.#routes.manager.domain,
      threads: Array.from({ length: threads }, (_, index) => ({
        ...this.#assignment,
        index,
        cpu: pinThreads ? cpus[index % cpus.length] : undefined,
        flushMs,
        accounting,
        functions: loaded.source,
      })),
      interrupt: (queue) => void interrupt(queue),
      onUsage: (thread, usage) => void trySend(this.#manager, { kind: 'usage-update', thread, ...usage }),
    });
    return this.#pool;
  }
}

async function receive(channel: MessageChannel, peer: string): Promise<Message> {
  const bytes = await channel.receive();
  if (bytes === undefined) {
    throw new RfaasError('RFAAS_ERR_CLOSED', `${peer} closed the connection`);
  }
  return decodeMessage(bytes);
}

async function send(channel: MessageChannel, message: OutgoingMessage): Promise<void> {
  await channel.send(encodeMessage(message));
}

async function trySend(channel: MessageChannel, message: OutgoingMessage): Promise<void> {
  try {
    await send(channel, message);
  } catch {
    // Whoever is gone needs no message; what ends the executor is decided elsewhere.
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
