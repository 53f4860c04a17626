import { deriveNodeKey, deriveTenantCredential, generateKey, silentLogger } from '@rfaas/core';
import { monitorHttpToken, nodeHttpToken, tenantHttpToken } from '@rfaas/core/http';
import { createAuthenticator } from '../../src/http/authenticator.ts';
import { OperatorDesk } from '../../src/cluster/operator-desk.ts';
import { DurableRows } from '../../src/store/durable-rows.ts';
import { MemoryStore } from '../../src/store/memory-store.ts';
import type { HttpApp } from '../../src/http/http-app.ts';
import { createApi, type ApiOptions } from '../../src/http/http-server.ts';
import { ManagerMetrics } from '../../src/metrics/manager-metrics.ts';
import { testCluster, type TestCluster } from '../cluster/test-cluster.ts';

/** The cluster key behind the tokens of tests. */
export const clusterKey = generateKey();

/** The token of the operator. */
export const operatorToken = 'a-token-of-the-server';

/** Tokens of callers that are not the operator. */
export const tokens = {
  monitor: monitorHttpToken(clusterKey),
  node: (name: string): string => nodeHttpToken(deriveNodeKey(clusterKey, name), name),
  tenant: (name: string): string => tenantHttpToken(deriveTenantCredential(clusterKey, name), name),
};

/** An answer of the interface. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly body: unknown;
}

/** An HTTP interface without a socket, in front of a cluster that tests play with. */
export interface TestApi {
  readonly app: HttpApp;
  readonly world: TestCluster;
  readonly metrics: ManagerMetrics;
  ask(method: string, path: string, request?: { token?: string; body?: unknown }): Promise<Answer>;
}

export async function testApi(options: Partial<ApiOptions> = {}): Promise<TestApi> {
  const store = new MemoryStore();
  const rows = new DurableRows(store);
  const world = testCluster({ rows });
  const metrics = new ManagerMetrics();
  const console = new OperatorDesk(world.cluster, rows, store);
  metrics.watch(console, () => true);
  const app = await createApi({
    authenticate: createAuthenticator({ operatorToken, clusterKey }),
    tls: undefined,
    hostNames: ['login-1'],
    requestsPerSecond: 1000,
    console,
    metrics,
    now: () => world.now,
    steadyNow: () => world.now,
    version: '9.9.9',
    drainGraceMs: 1000,
    nodeUrl: (_address, port) => `shm://${port}`,
    unready: () => undefined,
    standing: () => ({ isLeader: true, leader: undefined }),
    logger: silentLogger,
    ...options,
  });
  return {
    app,
    world,
    metrics,
    ask: async (method, path, { token = operatorToken, body } = {}) => {
      const answer = await app.inject({
        method: method as 'GET',
        url: path,
        headers: { host: '127.0.0.1', ...(token === '' ? {} : { authorization: `Bearer ${token}` }) },
        ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const { statusCode: status, headers, body: text } = answer;
      const isJson = String(headers['content-type']).startsWith('application/json');
      return { status, headers, text, body: isJson ? JSON.parse(text) : undefined };
    },
  };
}
