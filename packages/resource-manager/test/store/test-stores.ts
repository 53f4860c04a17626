import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKey } from '@rfaas/core';
import { etcdObstacle, LocalEtcd } from '../../../../benchmarks/src/programs/local-etcd.ts';
import type { Term } from '../../src/leadership/leadership.ts';
import { EtcdLeadership, type EtcdLeadershipOptions } from '../../src/store/etcd/etcd-leadership.ts';
import { SqliteStore } from '../../src/store/sqlite-store.ts';
import type { StateStore } from '../../src/store/state-store.ts';

/** A place where the state of a cluster may be, for one test. */
export interface TestStores extends AsyncDisposable {
  /** The state as a process finds it that has just started; the one before is closed, or was killed. */
  open(): Promise<StateStore>;
}

/** A kind of store. */
export interface StoreKind {
  readonly name: string;
  /** Why it cannot be tried here. */
  readonly obstacle: string | undefined;
  readonly make: () => Promise<TestStores>;
}

const sqlite: StoreKind = {
  name: 'sqlite',
  obstacle: undefined,
  make: async () => {
    const directory = mkdtempSync(join(tmpdir(), 'rfaas-state-'));
    return {
      open: async () => SqliteStore.open(join(directory, 'state.db')),
      [Symbol.asyncDispose]: async () => rmSync(directory, { recursive: true, force: true }),
    };
  },
};

const etcd: StoreKind = {
  name: 'etcd',
  obstacle: etcdObstacle,
  make: async () => {
    const server = await LocalEtcd.start();
    const clusterKey = generateKey();
    let leadership: EtcdLeadership | undefined;
    let term: Term | undefined;
    return {
      open: async () => {
        // A process that was killed has given up nothing; its term is waited for in tests of leadership, not here.
        await term?.resign();
        await leadership?.close();
        leadership = new EtcdLeadership(etcdOptions(server, { clusterKey }));
        term = await beginTerm(leadership);
        return term.store;
      },
      [Symbol.asyncDispose]: async () => {
        await term?.resign();
        await leadership?.close();
        await server[Symbol.asyncDispose]();
      },
    };
  },
};

/** Every store that outlives its process: what is tested on one is tested on all. */
export const lastingStores: readonly StoreKind[] = [sqlite, etcd];

/** How a test's etcd is used. */
export function etcdOptions(
  server: LocalEtcd,
  more: Partial<EtcdLeadershipOptions> = {},
): EtcdLeadershipOptions {
  return {
    endpoints: server.endpoints,
    prefix: 'rfaas',
    clusterKey: generateKey(),
    timeoutMs: 5000,
    // Longer than this process may stand still on a busy machine; where terms end by themselves it is shorter.
    leaseSeconds: 60,
    compactMs: 0,
    ...more,
  };
}

/** A term of one of several resource managers, once it begins. */
export async function beginTerm(leadership: EtcdLeadership, name = 'a'): Promise<Term> {
  await leadership.prepare();
  const self = { name, url: `shm://${name}`, httpUrl: `http://${name}` };
  return leadership.begin(self, () => undefined, AbortSignal.timeout(20_000));
}
