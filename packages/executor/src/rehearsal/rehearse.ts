import { readFileSync } from 'node:fs';
import type { ExecutorPreparation } from '@rfaas/core';
import { RfaasError } from '@rfaas/core/wire';
import { findNativeLibrary } from '@rfaas/rdmalib';
import { serveClient } from '../client-service.ts';
import type { ManagerLink } from '../manager-link.ts';
import type { Routes } from '../routes.ts';
import type { ThreadPool } from '../thread/thread-pool.ts';
import { PlayedClient } from './played-client.ts';

const longestMs = 20_000;

/** What an executor has before it serves anybody. */
export interface RehearsalParts {
  readonly preparation: ExecutorPreparation;
  readonly routes: Routes;
  readonly pool: ThreadPool;
  readonly manager: ManagerLink;
}

/**
 * Serves a client that it plays itself, from the connection to the end, so that whatever happens for the first time in a
 * process (compiling functions, binding native ones, faulting pages in) has happened before a client waits for it. Nothing is
 * left of it: no counter, no file in the package cache, no library, connection or memory. Rejects where anything fails.
 *
 * Where the transport's endpoints are datagrams nothing happens: a second domain takes some 70 MB there.
 */
export async function rehearse({ preparation, routes, pool, manager }: RehearsalParts): Promise<void> {
  if (routes.manager.domain.transport.capabilities.endpointKind !== 'connected') {
    return;
  }
  const library = readFileSync(findNativeLibrary('librfaas_rehearsal.so'));
  const { packageCache: _, ...uncached } = preparation;
  await using client = await PlayedClient.open(preparation.managerUrl, preparation.threads, library);
  const { assignment } = client;
  let timer: NodeJS.Timeout | undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(failure(`it took more than ${longestMs} ms`)), longestMs);
  });
  const played = client.play();
  played.catch(() => undefined);
  const service = serveClient({
    preparation: uncached,
    assignment,
    route: routes.toClient(assignment.clientUrl),
    manager: {
      accounting: manager.accounting,
      flushMs: manager.flushMs,
      ended: manager.ended,
      released: () => played,
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
