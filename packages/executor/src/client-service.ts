import type { ExecutorAssignment, ExecutorPreparation } from '@rfaas/core';
import { encodeConnectionData, expectMessage, RfaasError, splitFunctionNames } from '@rfaas/core/wire';
import { findNativeLibrary, loadNativeLibrary, MessageChannel, parseTransportUrl } from '@rfaas/rdmalib';
import { receiveMessage, sendMessage, trySendMessage } from './channel-messages.ts';
import { loadPackage } from './functions/load-package.ts';
import type { LoadedPackage } from './functions/load-package.ts';
import { describeSyntaxError } from './functions/syntax-check.ts';
import type { ManagerLink } from './manager-link.ts';
import type { Route } from './routes.ts';
import type { PoolService } from './thread/pool-service.ts';
import type { ThreadPool } from './thread/thread-pool.ts';

/** How long threads may take to end the functions that they run when the executor is told to stop. */
const graceMs = 500;

/** What a service works with. */
export interface ClientServiceParts {
  readonly preparation: ExecutorPreparation;
  readonly assignment: ExecutorAssignment;
  readonly route: Route;
  readonly manager: Pick<ManagerLink, 'accounting' | 'flushMs' | 'ended' | 'released' | 'trySend'>;
  readonly pool: ThreadPool;
  /** What the executor has loaded for the same client before. */
  readonly loaded: LoadedPackage | undefined;
  /** Nobody is billed for what happens. */
  readonly isRehearsal?: boolean;
}

/** How a service ended. */
export interface ServiceEnd {
  /** Set where something went wrong. */
  readonly failure?: string | undefined;
  /** The executor stays for the same client's return, with this package. */
  readonly kept?: LoadedPackage | undefined;
  /** False: a function still runs, so that only a signal ends the process. */
  readonly threadsEnded: boolean;
}

/** Serves one allocation until its client or its manager ends it, or goes away. Rejects where the client cannot be reached. */
export async function serveClient(parts: ClientServiceParts): Promise<ServiceEnd> {
  return new ClientService(parts).run();
}

class ClientService {
  readonly #parts: ClientServiceParts;
  #loaded: LoadedPackage | undefined;

  constructor(parts: ClientServiceParts) {
    this.#parts = parts;
  }

  async run(): Promise<ServiceEnd> {
    const { manager, pool, assignment } = this.#parts;
    const released = manager.released().then(() => 'released' as const);
    // The threads connect while the package comes.
    const service = pool.serve(this.#threadAssignments(), queueInterrupt(assignment.clientUrl));
    const client = await this.#connect();
    // Not awaited: the client's package is what comes next. A manager that is gone ends the service anyway.
    void manager.trySend({ kind: 'executor-ready', pid: process.pid });
    const gone = client.disconnected.then((): string => `the client of ${assignment.allocationId} is gone`);
    const end = await Promise.race([
      released,
      manager.ended.then(() => undefined),
      gone.then(() => undefined),
      this.#serve(client, service).then((failure) => (failure === undefined ? undefined : { failure })),
    ]);
    const threadsEnded = await pool.stop(graceMs);
    await client.close();
    const kept = end === 'released' && threadsEnded ? this.#loaded : undefined;
    return { threadsEnded, kept, ...(typeof end === 'object' ? end : {}) };
  }

  async #connect(): Promise<MessageChannel> {
    const { assignment, route } = this.#parts;
    const { allocationId, secret, clientUrl, peerTimeoutMs } = assignment;
    const { domain, address } = route;
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

  /** Loads and serves; resolves to what failed, undefined if the client left. */
  async #serve(client: MessageChannel, service: PoolService): Promise<string | undefined> {
    let names: readonly string[];
    try {
      names = await this.#load(client, service);
    } catch (error) {
      const text = await this.#describeLoadFailure(error);
      await trySendMessage(client, { kind: 'package-failed', text });
      return text;
    }
    // One after the other, and none waits until the one before is with the client.
    await Promise.all([
      sendMessage(client, {
        kind: 'package-loaded',
        functionCount: names.length,
        threads: service.threads,
      }),
      ...splitFunctionNames(names).map((message) =>
        sendMessage(client, { kind: 'function-names', ...message }),
      ),
    ]);
    const end = await service.ended;
    return end.kind === 'failed' ? end.text : undefined;
  }

  async #load(client: MessageChannel, service: PoolService): Promise<readonly string[]> {
    const { preparation, assignment, route, pool, loaded } = this.#parts;
    const offer = expectMessage(await receiveMessage(client, 'the client'), 'package-offer');
    this.#loaded =
      loaded?.sha256 === assignment.sha256
        ? loaded
        : await loadPackage({ client, domain: route.domain, offer, assignment, preparation });
    pool.give(this.#loaded.source);
    const found = await service.loaded;
    return this.#loaded.names ?? found;
  }

  async #describeLoadFailure(error: unknown): Promise<string> {
    const isSyntax = error instanceof RfaasError && error.details['syntax'] === true;
    const source = this.#loaded?.source;
    const position =
      isSyntax && source?.kind === 'javascript' ? await describeSyntaxError(source.code) : undefined;
    return position ?? textOf(error);
  }

  #threadAssignments() {
    const { assignment, manager, isRehearsal = false } = this.#parts;
    const { threads, cpus, pinThreads } = assignment;
    const { allocationId, secret, clientUrl, hotTimeoutMs, slots, inputBytes, outputBytes } = assignment;
    const { accounting, flushMs } = manager;
    return Array.from({ length: threads }, (_, index) => ({
      ...{ allocationId, secret, clientUrl, hotTimeoutMs, slots, inputBytes, outputBytes },
      ...{ accounting, flushMs, isRehearsal },
      cpu: pinThreads ? cpus[index % cpus.length] : undefined,
    }));
  }
}

/** Wakes who sleeps on a queue of the transport that a client's URL names. */
function queueInterrupt(clientUrl: string): (queue: number) => void {
  const library = loadNativeLibrary(findNativeLibrary(`librdmalib_${parseTransportUrl(clientUrl).kind}.so`));
  const interrupt = library.function('shim_queue_interrupt', 'int', ['uintptr_t']);
  return (queue) => void interrupt(queue);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
