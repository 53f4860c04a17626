import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import {
  addressOfDevice,
  benchmarkConfig,
  configFiles,
  devicesConfig,
  executorManagerConfig,
  executorsDatabase,
  formatConfig,
  parseConfig,
  readConfig,
  redact,
  resolveConfigPath,
  resourceManagerConfig,
} from '../../src/index.ts';
import { referenceFiles } from './reference-files.ts';

const configs = new URL('../../../../configs/', import.meta.url);
const parse = <S extends Parameters<typeof parseConfig>[2]>(
  text: string,
  schema: S,
): ReturnType<typeof parseConfig<S>> => parseConfig(text, 'test.json', schema);

describe("the reference's files parse unchanged", () => {
  test('resource_manager.json', () => {
    expect(parse(referenceFiles.resource_manager, resourceManagerConfig)).toMatchObject({
      transport: 'shm://10000',
      httpAddress: '0.0.0.0',
      httpPort: 5000,
      insecure: false,
      warnings: ['configuration key "rdma-secret" is ignored: keys come from key files or the environment'],
    });
  });

  test('executor_manager.json', () => {
    expect(parse(referenceFiles.executor_manager, executorManagerConfig)).toMatchObject({
      transport: 'shm://10005',
      nodeName: 'exec-mgr-node',
      resourceManager: 'shm://10000',
      executor: { sandbox: 'process', pinThreads: false },
      warnings: [expect.stringContaining('"resource_manager_secret" is ignored')],
    });
  });

  test('executor_manager.json of its container branch', () => {
    expect(parse(referenceFiles.executor_manager_containers, executorManagerConfig)).toMatchObject({
      nodeName: undefined,
      resourceManager: undefined,
      executor: { sandbox: 'sarus' },
    });
  });

  test('executors_database.json', () => {
    expect(parse(referenceFiles.executors_database, executorsDatabase)).toEqual([
      { name: 'exec-mgr-node', url: 'shm://10005', cores: 1, memoryMiB: 512, gpus: 0 },
    ]);
  });

  test('devices.json', () => {
    expect(parse(referenceFiles.devices, devicesConfig)).toEqual({
      devices: [
        { name: 'rxe0', ipAddress: '10.1.2.3', port: 10_000, maxInlineData: 0, defaultReceiveBufferSize: 32 },
      ],
      authenticationCredential: 0,
    });
  });

  test('benchmark.json', () => {
    expect(parse(referenceFiles.benchmark, benchmarkConfig)).toMatchObject({
      transport: 'shm://10005',
      resourceManager: undefined,
      memoryMiB: 256,
      repetitions: 100,
      cores: 1,
      hotTimeoutMs: -1,
    });
  });
});

describe('addresses', () => {
  const manager = (config: object): unknown => parse(JSON.stringify({ config }), executorManagerConfig);

  test('a device means verbs on it', () => {
    const rdma = { rdma_device: 'mlx5_0', rdma_device_port: 7 };
    expect(
      manager({ ...rdma, resource_manager_address: '10.0.0.1', resource_manager_port: 9 }),
    ).toMatchObject({
      transport: 'verbs://:7?device=mlx5_0',
      device: 'mlx5_0',
      resourceManager: 'verbs://10.0.0.1:9?device=mlx5_0',
    });
  });

  test('URLs win over the keys of the reference', () => {
    expect(
      manager({ rdma_device: 'mlx5_0', transport: 'libfabric+tcp://h:1', resource_manager: 'shm://4' }),
    ).toMatchObject({ transport: 'libfabric+tcp://h:1', device: undefined, resourceManager: 'shm://4' });
  });

  test('what the command line says wins over the file, through the same schema', () => {
    const file = JSON.stringify({
      config: { resource_manager_address: '10.0.0.1', resource_manager_port: 9 },
    });
    const read = (device: string | undefined): unknown =>
      parseConfig(file, 'test.json', executorManagerConfig, { rdma_device: device });
    expect(read('mlx5_0')).toMatchObject({
      transport: 'verbs://:0?device=mlx5_0',
      resourceManager: 'verbs://10.0.0.1:9?device=mlx5_0',
    });
    expect(read(undefined)).toMatchObject({ transport: 'shm://0', resourceManager: 'shm://9' });
    expect(() =>
      parseConfig('{"config":[]}', 'test.json', executorManagerConfig, { rdma_device: 'x' }),
    ).toThrow(/test\.json is not valid/);
  });

  test('a device database knows where servers on a device listen', () => {
    const database = parse(referenceFiles.devices, devicesConfig);
    expect(addressOfDevice(database, 'rxe0')).toEqual({ host: '10.1.2.3', port: 10_000 });
    expect(() => addressOfDevice(database, 'mlx5_0')).toThrow(
      /no device "mlx5_0" \(it has rxe0\).*rfaas devices/,
    );
  });

  test('an IPv6 address of a node is put in brackets', () => {
    const file = { executors: [{ node: 'a', address: 'fe80::1', port: 1, cores: 1, memory: 1 }] };
    expect(parse(JSON.stringify(file), executorsDatabase)[0]?.url).toBe('verbs://[fe80::1]:1');
  });
});

describe('wrong files', () => {
  const rm = (config: object): string => JSON.stringify({ config });

  test.each([
    ['an unknown key', rm({ rdma_devise: '' }), 'Unrecognized key: "rdma_devise"'],
    [
      'a key at the wrong place',
      JSON.stringify({ config: {}, insecure: true }),
      'Unrecognized key: "insecure"',
    ],
    ['a wrong type', rm({ rdma_device_port: '10000' }), 'at config.rdma_device_port'],
    ['a port too large', rm({ http_network_port: 65_536 }), 'at config.http_network_port'],
    ['a secret that is no integer', rm({ 'rdma-secret': 'x' }), 'at config["rdma-secret"]'],
    ['a transport that is no URL', rm({ transport: 'shm' }), 'expected a transport URL such as shm://10005'],
    ['oversubscription', rm({ 'allow-oversubscription': true }), 'allow-oversubscription'],
    ['no object', '[]', 'expected object'],
    ['no JSON', '{"config":', 'configuration file test.json is not JSON'],
  ])('%s is named', (_what, text, expected) => {
    expect(() => parse(text, resourceManagerConfig)).toThrow(
      expect.objectContaining({
        code: 'RFAAS_ERR_CONFIGURATION',
        message: expect.stringContaining('test.json'),
      }),
    );
    expect(() => parse(text, resourceManagerConfig)).toThrow(expected);
  });

  test.each([
    ['executor_manager', executorManagerConfig, { config: {}, executor: { pin_thread: true } }],
    [
      'executors_database',
      executorsDatabase,
      { executors: [{ node: 'a b', address: '', port: 1, cores: 1, memory: 1 }] },
    ],
    [
      'executors_database',
      executorsDatabase,
      { executors: [{ node: 'a', address: '', port: 1, cores: 0, memory: 1 }] },
    ],
    ['devices', devicesConfig, { devices: [{}] }],
    ['benchmark', benchmarkConfig, { config: {} }],
  ])('of %s are refused', (_name, schema, value) => {
    expect(() => parse(JSON.stringify(value), schema)).toThrow(/is not valid\n✖/);
  });

  test('two nodes of one name are refused', () => {
    const node = { node: 'a', address: '', port: 1, cores: 1, memory: 1 };
    expect(() => parse(JSON.stringify({ executors: [node, node] }), executorsDatabase)).toThrow(
      'same node name',
    );
  });

  test('a missing file is named with its path', () => {
    expect(() => readConfig('/nowhere/rm.json', resourceManagerConfig)).toThrow(
      /^configuration file \/nowhere\/rm\.json cannot be read: ENOENT/,
    );
  });
});

describe('configs/', () => {
  test.each(Object.entries(configFiles))('%s.json is valid', (name, schema) => {
    expect(() => readConfig(new URL(`${name}.json`, configs).pathname, schema)).not.toThrow();
  });

  test('has no other files than the ones of the schemas', () => {
    const files = readdirSync(configs).filter((name) => name.endsWith('.json'));
    expect(files.sort()).toEqual(Object.keys(configFiles).map((name) => `${name}.json`));
  });

  test('schemas refuse unknown keys', () => {
    const schema = JSON.parse(
      readFileSync(new URL('schema/resource_manager.json', configs), 'utf8'),
    ) as object;
    expect(schema).toMatchObject({
      additionalProperties: false,
      properties: { config: { additionalProperties: false } },
    });
  });
});

describe('around configuration', () => {
  test('paths are relative to the file', () => {
    expect(resolveConfigPath('/etc/rfaas/rm.json', 'keys/a.key')).toBe('/etc/rfaas/keys/a.key');
    expect(resolveConfigPath('/etc/rfaas/rm.json', '/a.key')).toBe('/a.key');
    expect(resolveConfigPath('/etc/rfaas/rm.json', undefined)).toBeUndefined();
  });

  test('secrets are not printed, the names of their files are', () => {
    const config = {
      secret: 'a',
      nested: [{ httpToken: 'b', clusterKey: 'c' }],
      http_token_file: '/d',
      tokens: 3,
    };
    expect(redact(config)).toEqual({
      secret: '[hidden]',
      nested: [{ httpToken: '[hidden]', clusterKey: '[hidden]' }],
      http_token_file: '/d',
      tokens: 3,
    });
    expect(formatConfig({ a: { key: 'x' } })).toBe('{\n  "a": {\n    "key": "[hidden]"\n  }\n}');
  });

  test('a file that is there is read', () => {
    const folder = mkdtempSync(join(tmpdir(), 'rfaas-config-'));
    try {
      const path = join(folder, 'rm.json');
      writeFileSync(path, JSON.stringify({ config: { rdma_device_port: 0 } }));
      expect(readConfig(path, resourceManagerConfig)).toMatchObject({
        transport: 'shm://0',
        httpAddress: '127.0.0.1',
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
