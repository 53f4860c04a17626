import { describe, expect, test } from '@jest/globals';
import {
  bearerToken,
  isLoopback,
  monitorHttpToken,
  nodeHttpToken,
  parseHttpToken,
  tenantHttpToken,
  verifyHttpToken,
} from '../../src/http.ts';
import { deriveNodeKey, deriveTenantCredential, generateKey } from '../../src/index.ts';

const clusterKey = generateKey();
const names = ['alice', 'a', 'n-1.example', 'user@example+x', 'x'.repeat(64)];

describe('HTTP tokens', () => {
  test.each(names)('of node and tenant %s say whose they are, and the cluster key proves it', (name) => {
    const node = nodeHttpToken(deriveNodeKey(clusterKey, name), name);
    const tenant = tenantHttpToken(deriveTenantCredential(clusterKey, name), name);
    expect(verifyHttpToken(node, clusterKey)).toEqual({ role: 'node', name });
    expect(verifyHttpToken(tenant, clusterKey)).toEqual({ role: 'tenant', name });
    expect(parseHttpToken(tenant)).toEqual({ role: 'tenant', name });
    expect(verifyHttpToken(node, generateKey())).toBeUndefined();
  });

  test('of a monitor have no name', () => {
    expect(verifyHttpToken(monitorHttpToken(clusterKey), clusterKey)).toEqual({ role: 'monitor', name: '' });
  });

  test('are characters that the header may have', () => {
    for (const name of names) {
      const token = tenantHttpToken(deriveTenantCredential(clusterKey, name), name);
      expect(token).toMatch(/^[\w.~+/-]+=*$/);
      expect(bearerToken(`Bearer ${token}`)).toBe(token);
    }
  });

  test('that are altered prove nothing', () => {
    const token = tenantHttpToken(deriveTenantCredential(clusterKey, 'alice'), 'alice');
    const [role = '', name = '', secret = ''] = token.split('.');
    const bob = Buffer.from('bob').toString('base64url');
    const flipped = `${secret[0] === 'A' ? 'B' : 'A'}${secret.slice(1)}`;
    const altered = [
      `${role}.${bob}.${secret}`,
      `node.${name}.${secret}`,
      `operator.${name}.${secret}`,
      `${role}.${name}.${flipped}`,
      `${role}.${name}.${secret}A`,
      `${role}.${name}`,
      `${role}..${secret}`,
      'constructor.x.y',
      '',
    ];
    for (const text of altered) {
      expect(verifyHttpToken(text, clusterKey)).toBeUndefined();
    }
  });
});

test('loopback is told from the rest', () => {
  expect(['127.0.0.1', '127.1.2.3', '::1', 'localhost'].every(isLoopback)).toBe(true);
  expect(['0.0.0.0', '128.0.0.1', '::', '127.evil.example', ''].some(isLoopback)).toBe(false);
});
