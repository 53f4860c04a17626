import { derive, errorMessage, RfaasError } from '@rfaas/core';
import { z } from 'zod';
import type { EtcdClient } from './etcd-client.ts';

/** How the keys under a prefix are laid out; counts up when a release changes it. */
const layoutFormat = 1;

const layoutValue = z.object({ format: z.int(), cluster: z.string() });

/** The keys of a cluster. */
export class EtcdKeys {
  readonly prefix: string;

  /** `prefix` as in the configuration, with a slash at its end or without. */
  constructor(prefix: string) {
    this.prefix = prefix.endsWith('/') ? prefix : `${prefix}/`;
  }

  /** What the keys are, and whose. */
  get layout(): string {
    return `${this.prefix}layout`;
  }

  /** Who leads; it goes with the lease of the leader. */
  get leader(): string {
    return `${this.prefix}leader`;
  }

  /** Changed by every commit, so that none is done twice or late. */
  get commit(): string {
    return `${this.prefix}commit`;
  }

  /** A part of changes that are too many for one transaction; without a number: how many parts there are, once all are. */
  journal(part?: number): string {
    return part === undefined ? `${this.prefix}journal` : `${this.prefix}journal/${part}`;
  }

  /** The row of a key of the state. */
  row(key: string): string {
    return `${this.prefix}rows/${key}`;
  }
}

/**
 * Checks that the keys under the prefix are those of this cluster and of this release; says so there if there are none yet.
 *
 * @returns the revision of the layout: as long as it stays the same, so does what was checked
 * @throws RfaasError `RFAAS_ERR_STORE` for the keys of another cluster, of another release, or damaged ones
 */
export async function checkLayout(
  client: EtcdClient,
  keys: EtcdKeys,
  clusterKey: Uint8Array,
): Promise<string> {
  const cluster = Buffer.from(derive(clusterKey, 'etcd prefix', keys.prefix))
    .toString('hex')
    .slice(0, 32);
  for (;;) {
    const found = (await client.range(keys.layout)).kvs[0];
    if (found !== undefined) {
      check(keys, found.value.toString(), cluster);
      return found.mod_revision;
    }
    const rows = await client.range(keys.row(''), keys.row('~'), { count_only: true });
    if (rows.count !== '0') {
      throw unusable(keys, `has ${rows.count} rows and no "${keys.layout}": somebody has removed it`);
    }
    const value = Buffer.from(JSON.stringify({ format: layoutFormat, cluster }));
    await client.transaction(
      [{ key: keys.layout, is: 'created', revision: '0' }],
      [{ request_put: { key: keys.layout, value } }],
    );
    // Read again: another manager may have been first.
  }
}

function check(keys: EtcdKeys, text: string, cluster: string): void {
  let layout: z.output<typeof layoutValue>;
  try {
    layout = layoutValue.parse(JSON.parse(text));
  } catch (error) {
    throw unusable(keys, `has a damaged "${keys.layout}" (${errorMessage(error).replaceAll('\n', ' ')})`);
  }
  if (layout.format !== layoutFormat) {
    throw new RfaasError(
      'RFAAS_ERR_STORE',
      `etcd under "${keys.prefix}" has format ${layout.format}, this release knows ${layoutFormat}; start the release that made it`,
    );
  }
  if (layout.cluster !== cluster) {
    throw new RfaasError(
      'RFAAS_ERR_STORE',
      `etcd under "${keys.prefix}" belongs to a cluster with another key: give this manager the cluster key of the others ` +
        '("cluster_key_file" or RFAAS_CLUSTER_KEY), or set another "prefix" for another cluster',
    );
  }
}

function unusable(keys: EtcdKeys, what: string): RfaasError {
  return new RfaasError(
    'RFAAS_ERR_STORE',
    `etcd under "${keys.prefix}" ${what}. Nothing was changed. Restore a snapshot of etcd, or begin with an empty state: ` +
      `set another "prefix", or run "etcdctl del --prefix ${keys.prefix}"; nodes register again by themselves, and leases that ` +
      'run are ended as their nodes come back',
  );
}
