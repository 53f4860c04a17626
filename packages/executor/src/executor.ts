import type { ExecutorPreparation } from '@rfaas/core';
import { serveClient } from './client-service.ts';
import type { ServiceEnd } from './client-service.ts';
import { parseAssignmentLine } from './executor-input.ts';
import type { ExecutorInput } from './executor-input.ts';
import type { LoadedPackage } from './functions/load-package.ts';
import { ManagerLink } from './manager-link.ts';
import { Routes } from './routes.ts';
import { rehearse } from './rehearsal/rehearse.ts';
import { ThreadPool } from './thread/thread-pool.ts';

/** How an executor ended. */
export interface ExecutorEnd {
  readonly exitCode: number;
  /** False: a function still runs, so that only a signal ends the process. */
  readonly threadsEnded: boolean;
}

/**
 * Prepares threads and memory, and then serves one assignment after the other, each for the same client, until a service
 * ends otherwise than by a release.
 */
export async function runExecutor(
  preparation: ExecutorPreparation,
  input: ExecutorInput,
): Promise<ExecutorEnd> {
  const routes = new Routes(preparation.managerUrl);
  const usage: { manager?: ManagerLink } = {};
  // First of all: threads take longest to start.
  const pool = startThreads(preparation, routes, usage);
  const manager = await ManagerLink.connect(routes.manager, preparation);
  usage.manager = manager;
  const parts = { preparation, routes, pool, manager };
  let end: ServiceEnd;
  try {
    end = (await prepare(parts, input)) ?? (await serveAll(parts, input));
  } catch (error) {
    end = { failure: error instanceof Error ? error.message : String(error), threadsEnded: false };
  }
  if (end.failure !== undefined) {
    // The manager tells the client; it may be gone itself, and then nobody is left to be told.
    await manager.trySend({ kind: 'executor-failed', text: end.failure });
  }
  await manager.close();
  return { exitCode: end.failure === undefined ? 0 : 1, threadsEnded: end.threadsEnded };
}

interface ExecutorParts {
  readonly preparation: ExecutorPreparation;
  readonly routes: Routes;
  readonly pool: ThreadPool;
  readonly manager: ManagerLink;
}

/** Rehearses, unless somebody waits already; resolves to the end if it comes to that. */
async function prepare(parts: ExecutorParts, input: ExecutorInput): Promise<ServiceEnd | undefined> {
  const { preparation, pool, manager } = parts;
  const announce = async (): Promise<void> =>
    manager.trySend({ kind: 'executor-prepared', pid: process.pid });
  if (!preparation.rehearses) {
    void pool.prepared.then(announce);
    return undefined;
  }
  const end = await Promise.race([pool.prepared.then(() => undefined), ...ends(parts)]);
  if (end === undefined) {
    if (!input.hasLine) {
      await rehearse(parts);
    }
    await announce();
  }
  return end;
}

/** What ends an executor whoever it serves. */
function ends({ manager, pool }: ExecutorParts): Promise<ServiceEnd>[] {
  return [
    manager.ended.then((): ServiceEnd => ({ threadsEnded: true })),
    pool.failed.then((failure): ServiceEnd => ({ failure, threadsEnded: false })),
  ];
}

async function serveAll(parts: ExecutorParts, input: ExecutorInput): Promise<ServiceEnd> {
  const { routes, manager } = parts;
  let loaded: LoadedPackage | undefined;
  for (;;) {
    const line = await Promise.race([input.next(), ...ends(parts)]);
    if (typeof line !== 'string') {
      return line;
    }
    const assignment = parseAssignmentLine(line);
    const end = await serveClient({
      ...parts,
      assignment,
      loaded,
      route: routes.toClient(assignment.clientUrl),
    });
    if (end.kept === undefined) {
      return end;
    }
    loaded = end.kept;
    await manager.send({ kind: 'executor-released' });
  }
}

function startThreads(
  preparation: ExecutorPreparation,
  routes: Routes,
  usage: { readonly manager?: ManagerLink },
): ThreadPool {
  const { managerUrl, managerSecret, executorId, slots, inputBytes, outputBytes } = preparation;
  return new ThreadPool({
    domain: routes.manager.domain,
    threads: preparation.threads,
    preparation: { managerUrl, managerSecret, executorId, slots, inputBytes, outputBytes },
    onUsage: (thread, used) => void usage.manager?.trySend({ kind: 'usage-update', thread, ...used }),
  });
}
