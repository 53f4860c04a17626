import { readFileSync } from 'node:fs';
import type { ExecutorPreparation } from '@rfaas/core';
import { RfaasError } from '@rfaas/core/wire';
import { findNativeLibrary } from '@rfaas/rdmalib';
import { serveClient } from '../client-service.ts';
import type { ManagerLink } from '../manager-link.ts';
import type { Routes } from '../routes.ts';
import type { ThreadPool } from '../thread/thread-pool.ts';
import { PlayedClient } from './played-client.ts';
import type { PlayedPackage } from './played-client.ts';

const longestMs = 20_000;

/** What an executor has before it serves anybody. */
export interface RehearsalParts {
  readonly preparation: ExecutorPreparation;
  readonly routes: Routes;
  readonly pool: ThreadPool;
  readonly manager: ManagerLink;
}

/** Does what the native library of a rehearsal does. */
const module = 'export function rehearse(input, output) { output.set(input); return input.length; }';

/**
 * Serves clients that it plays itself, one with a native package and one with a JavaScript module, from the connection to the
 * end, so that whatever happens for the first time in a process (compiling functions, binding native ones, loading modules,
 * faulting pages in) has happened before a client waits for it. Nothing is left of it but modules of the executor's own and, in
 * each thread, the played one: no counter, no file in the package cache, no library, connection or memory. Rejects where anything
 * fails.
 *
 * Where the transport's endpoints are datagrams nothing happens: a second domain takes some 70 MB there.
 */
export async function rehearse(parts: RehearsalParts): Promise<void> {
  if (parts.routes.manager.domain.transport.capabilities.endpointKind !== 'connected') {
    return;
  }
  await serve(parts, { kind: 'native', bytes: readFileSync(findNativeLibrary('librfaas_rehearsal.so')) });
  await serve(parts, { kind: 'javascript', bytes: new TextEncoder().encode(module) });
}

async function serve(
  { preparation, routes, pool, manager }: RehearsalParts,
  played: PlayedPackage,
): Promise<void> {
  const { packageCache: _, ...uncached } = preparation;
  await using client = await PlayedClient.open(preparation.managerUrl, preparation.threads, played);
  const { assignment } = client;
  let timer: NodeJS.Timeout | undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(failure(`it took more than ${longestMs} ms`)), longestMs);
  });
  const playing = client.play();
  playing.catch(() => undefined);
  const service = serveClient({
    preparation: uncached,
    assignment,
    route: routes.toClient(assignment.clientUrl),
    manager: {
      accounting: manager.accounting,
      flushMs: manager.flushMs,
      ended: manager.ended,
      released: () => playing,
      // The manager has assigned nothing, so that it is told nothing.
      trySend: async () => Promise.resolve(),
    },
    pool,
    loaded: undefined,
    isRehearsal: true,
  });
  try {
    const { kept, failure: problem } = await Promise.race([service, failed]);
    if (kept === undefined) {
      throw failure(problem ?? 'it was not served to its end');
    }
    kept.unload();
  } finally {
    clearTimeout(timer);
  }
}

function failure(problem: string): RfaasError {
  return new RfaasError('RFAAS_ERR_INTERNAL', `the rehearsal failed: ${problem}`);
}
