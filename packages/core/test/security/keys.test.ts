import { mkdtempSync, rmSync, chmodSync, writeFileSync, statSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  createSecretFile,
  defaultKeyFile,
  deriveLeaseKey,
  deriveNodeKey,
  deriveTenantCredential,
  equalSecrets,
  formatKey,
  generateId,
  generateKey,
  loadKey,
  open,
  parseKey,
  readKeyFile,
  seal,
  stateDirectory,
} from '../../src/index.ts';

const clusterKey = new Uint8Array(32).fill(7);
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('derived keys', () => {
  test('have their golden values: every host must derive the same', () => {
    expect(toHex(deriveNodeKey(clusterKey, 'node-1'))).toMatchInlineSnapshot(
      `"b11f7001ff39bc6ac09e75196aa1a6c4d5bbee3d887db8b67255982f266e0553"`,
    );
    expect(toHex(deriveTenantCredential(clusterKey, 'node-1'))).toMatchInlineSnapshot(
      `"2fbea2a8fc27eaa57b5d5bd076804af970014d3d17d69be76fddaf8ae8c9a704"`,
    );
    expect(toHex(deriveLeaseKey(clusterKey, 'a'.repeat(32), 1))).toMatchInlineSnapshot(
      `"d8435c4193a7ba5ad4cd365e5e3aa7afae4b0c2112586ccce9ab840801da43e3"`,
    );
  });

  test('differ by purpose, subject, generation and cluster', () => {
    const keys = [
      deriveNodeKey(clusterKey, 'a'),
      deriveNodeKey(clusterKey, 'b'),
      deriveNodeKey(new Uint8Array(32), 'a'),
      deriveTenantCredential(clusterKey, 'a'),
      deriveLeaseKey(clusterKey, 'a', 1),
      deriveLeaseKey(clusterKey, 'a', 2),
    ].map(toHex);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('need a whole key', () => {
    expect(() => deriveNodeKey(new Uint8Array(16), 'a')).toThrow('a key has 32 bytes, not 16');
  });

  test('random keys and identifiers are random', () => {
    expect(toHex(generateKey())).not.toBe(toHex(generateKey()));
    expect(generateId()).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('seal and open', () => {
  const key = generateKey();
  const secret = generateKey();

  test('a sealed key has 60 bytes and opens to itself', () => {
    const sealed = seal(key, secret, 'lease 1');
    expect(sealed.byteLength).toBe(60);
    expect(open(key, sealed, 'lease 1')).toEqual(secret);
  });

  test.each([
    ['another key', () => open(generateKey(), seal(key, secret))],
    ['another context', () => open(key, seal(key, secret, 'a'), 'b')],
    [
      'altered bytes',
      () =>
        open(
          key,
          seal(key, secret).map((byte, index) => (index === 20 ? byte ^ 1 : byte)),
        ),
    ],
    ['too few bytes', () => open(key, new Uint8Array(27))],
  ])('%s does not open it', (_what, action) => {
    expect(action).toThrow(expect.objectContaining({ code: 'RFAAS_ERR_UNAUTHORISED' }));
  });

  test('equalSecrets compares values and lengths', () => {
    expect(equalSecrets('abc', 'abc')).toBe(true);
    expect(equalSecrets('abc', 'abd')).toBe(false);
    expect(equalSecrets('abc', 'abcd')).toBe(false);
  });
});

describe('key files', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rfaas-keys-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('are made once, with mode 0600 in a folder of mode 0700', () => {
    const path = join(folder, 'keys', 'cluster.key');
    const key = generateKey();
    expect(createSecretFile(path, formatKey(key), 'cluster key')).toBe(true);
    expect(createSecretFile(path, formatKey(generateKey()), 'cluster key')).toBe(false);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'keys')).mode & 0o777).toBe(0o700);
    expect(readKeyFile(path)).toEqual(key);
  });

  test('hold hexadecimal digits or base64', () => {
    const key = generateKey();
    expect(parseKey(`${toHex(key)}\n`)).toEqual(key);
    expect(parseKey(Buffer.from(key).toString('base64'))).toEqual(key);
    expect(parseKey(Buffer.from(key).toString('base64url'))).toEqual(key);
  });

  test.each(['', 'short', 'zz'.repeat(32), 'ab'.repeat(33)])('%j is no key', (text) => {
    expect(() => parseKey(text, 'node key')).toThrow(/^node key is not 32 bytes/);
  });

  test('that others may read are refused with the fix', () => {
    const path = join(folder, 'open.key');
    writeFileSync(path, formatKey(generateKey()));
    chmodSync(path, 0o640);
    expect(() => readKeyFile(path, 'node key')).toThrow(
      `node key: others may read ${path} (mode 640); run "chmod 600`,
    );
  });

  test('that are missing or folders are refused by name', () => {
    expect(() => readKeyFile(join(folder, 'none'), 'node key')).toThrow(
      /cannot read node key from .*none: ENOENT/,
    );
    mkdirSync(join(folder, 'folder'), { mode: 0o700 });
    expect(() => readKeyFile(join(folder, 'folder'), 'node key')).toThrow(/is no file/);
  });

  test('a named file wins over the environment, and that over the default file', () => {
    const inFile = generateKey();
    const inDefault = generateKey();
    const inEnvironment = generateKey();
    const file = join(folder, 'a.key');
    const defaultFile = join(folder, 'b.key');
    createSecretFile(file, formatKey(inFile), 'key');
    createSecretFile(defaultFile, formatKey(inDefault), 'key');
    const source = {
      what: 'key',
      environmentName: 'RFAAS_NODE_KEY',
      environmentValue: toHex(inEnvironment),
      defaultFile,
    };
    expect(loadKey({ ...source, file })).toEqual(inFile);
    expect(loadKey(source)).toEqual(inEnvironment);
    expect(loadKey({ ...source, environmentValue: undefined })).toEqual(inDefault);
    expect(() => loadKey({ what: 'node key', environmentName: 'RFAAS_NODE_KEY' })).toThrow(
      'no node key: name a key file or set RFAAS_NODE_KEY',
    );
  });

  test('lie in the state folder of the user', () => {
    expect(stateDirectory({ RFAAS_HOME: '/r', XDG_STATE_HOME: '/x', HOME: '/h' })).toBe('/r');
    expect(stateDirectory({ XDG_STATE_HOME: '/x', HOME: '/h' })).toBe('/x/rfaas');
    expect(stateDirectory({ HOME: '/h' })).toBe('/h/.local/state/rfaas');
    expect(defaultKeyFile({ RFAAS_HOME: '/r' }, 'cluster')).toBe('/r/keys/cluster.key');
    expect(defaultKeyFile({ RFAAS_HOME: '/r' }, { node: 'n1' })).toBe('/r/keys/node-n1.key');
    expect(defaultKeyFile({ RFAAS_HOME: '/r' }, { tenant: 'me' })).toBe('/r/keys/tenant-me.key');
    expect(() => defaultKeyFile({}, { node: '../x' })).toThrow('cannot be a file');
  });
});
