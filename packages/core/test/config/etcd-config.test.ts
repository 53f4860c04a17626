import { expect, test } from '@jest/globals';
import { parseConfig } from '../../src/config/read-config.ts';
import {
  resourceManagerConfig,
  type ResourceManagerConfig,
} from '../../src/config/resource-manager-config.ts';

function parse(config: object): ResourceManagerConfig {
  return parseConfig(JSON.stringify({ config }), 'test', resourceManagerConfig);
}

test('etcd has a prefix, a lease and a time limit of its own unless they are set', () => {
  const { store, etcd } = parse({ store: 'etcd', etcd: { endpoints: ['http://10.0.0.1:2379'] } });
  expect(store).toBe('etcd');
  expect(etcd).toMatchObject({ prefix: 'rfaas/', leaseSeconds: 3, timeoutMs: 5000, compactMs: 300_000 });
});

test.each([
  ['etcd without its section', { store: 'etcd' }, /"store": "etcd" and "etcd" belong together/],
  ['the section without etcd', { etcd: { endpoints: ['http://a:1'] } }, /belong together/],
  ['no member', { store: 'etcd', etcd: { endpoints: [] } }, /endpoints/],
  [
    'an address without a scheme',
    { store: 'etcd', etcd: { endpoints: ['a:2379'] } },
    /such as http:\/\/10\.0\.0\.1:2379/,
  ],
  [
    'a lease shorter than etcd allows',
    { store: 'etcd', etcd: { endpoints: ['http://a:1'], lease_seconds: 1 } },
    /lease_seconds/,
  ],
  ['an unknown key', { store: 'etcd', etcd: { endpoints: ['http://a:1'], ttl: 1 } }, /ttl/],
])('%s is refused', (_what, config, message) => {
  expect(() => parse(config)).toThrow(message);
});
