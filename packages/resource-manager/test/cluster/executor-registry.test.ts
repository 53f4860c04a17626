import { expect, test } from '@jest/globals';
import { ExecutorRegistry } from '../../src/cluster/executor-registry.ts';
import { node } from './test-cluster.ts';

test('suspect nodes are counted through all that can happen to them', () => {
  const registry = new ExecutorRegistry();
  const a = registry.connect(node('a'), 1n);
  registry.preload(node('b'));
  expect(registry.suspects).toBe(0);
  registry.update('a', { state: 'suspect' });
  registry.update('a', { drain: 'draining' });
  registry.restore({ ...a, name: 'c', state: 'suspect' });
  expect(registry.suspects).toBe(2);
  registry.connect(node('a'), 1n);
  expect(registry.suspects).toBe(1);
  registry.remove('c');
  registry.remove('b');
  expect(registry.suspects).toBe(0);
});
