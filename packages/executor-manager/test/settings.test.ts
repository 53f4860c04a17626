import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { formatKey, generateKey } from '@rfaas/core';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadNodeKey, readSettings } from '../src/settings.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rfaas-settings-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function writeConfig(config: object, executor: object = {}): string {
  const file = join(directory, 'executor_manager.json');
  writeFileSync(file, JSON.stringify({ config, executor }));
  return file;
}

describe('the configuration', () => {
  test('is not needed on a host alone', () => {
    const settings = readSettings({ config: undefined, skipResourceManager: true });
    expect(settings).toMatchObject({ transport: 'shm://0', resourceManager: undefined });
    expect(settings.nodeName).not.toBe('');
  });

  test('must name a resource manager, or the command line says that there is none', () => {
    const config = writeConfig({ node_name: 'n' });
    expect(() => readSettings({ config, skipResourceManager: false })).toThrow(/--skip-resource-manager/);
    expect(readSettings({ config, skipResourceManager: true }).nodeName).toBe('n');
  });

  test('of a cluster is not used for one that is skipped', () => {
    const config = writeConfig({ resource_manager: 'shm://10000' });
    expect(readSettings({ config, skipResourceManager: false }).resourceManager).toBe('shm://10000');
    expect(readSettings({ config, skipResourceManager: true }).resourceManager).toBeUndefined();
  });

  test('has paths relative to its file', () => {
    const config = writeConfig({ node_key_file: 'node.key' }, { modules: 'site' });
    const settings = readSettings({ config, skipResourceManager: true });
    expect(settings.nodeKeyFile).toBe(join(directory, 'node.key'));
    expect(settings.executor.modules).toBe(join(directory, 'site'));
  });

  test('of containers is refused by name', () => {
    const config = writeConfig({}, { use_docker: true });
    expect(() => readSettings({ config, skipResourceManager: true })).toThrow(
      /sandbox "docker".*"use_docker": false/,
    );
  });
});

describe('the node key', () => {
  test('comes from the file that is named', () => {
    const key = generateKey();
    const config = writeConfig({ node_key_file: 'node.key' });
    const file = join(directory, 'node.key');
    writeFileSync(file, formatKey(key), { mode: 0o600 });
    const settings = readSettings({ config, skipResourceManager: true });
    expect(loadNodeKey(settings, {})).toEqual({ key, file });
    chmodSync(file, 0o644);
    expect(() => loadNodeKey(settings, {})).toThrow(/chmod 600/);
  });

  test('comes from the environment', () => {
    const key = generateKey();
    const settings = readSettings({ config: writeConfig({ node_name: 'n' }), skipResourceManager: true });
    expect(loadNodeKey(settings, { RFAAS_NODE_KEY: formatKey(key) })).toEqual({ key, file: undefined });
  });

  test('is made by a node without a resource manager, for its owner only, and stays the same', () => {
    const settings = readSettings({ config: writeConfig({ node_name: 'n' }), skipResourceManager: true });
    const first = loadNodeKey(settings, { RFAAS_HOME: directory });
    expect(statSync(first.file ?? '').mode & 0o777).toBe(0o600);
    expect(loadNodeKey(settings, { RFAAS_HOME: directory })).toEqual(first);
  });

  test('is not made up in a cluster', () => {
    const config = writeConfig({ node_name: 'n', resource_manager: 'shm://1' });
    const settings = readSettings({ config, skipResourceManager: false });
    expect(() => loadNodeKey(settings, { RFAAS_HOME: directory })).toThrow(/cannot read node key/);
  });
});
