import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { formatKey, generateKey } from '@rfaas/core';
import { randomBytes } from 'node:crypto';

import { functionFile } from '../support/function-file.ts';
import { runNode, type ProgramResult } from '../support/run-program.ts';
import { TemporaryConfig } from '../support/temporary-config.ts';

/** Every test starts programs; on a busy machine each takes seconds. */
jest.setTimeout(60_000);

let files: TemporaryConfig;

beforeAll(async () => {
  files = await TemporaryConfig.create();
});

afterAll(async () => {
  await files[Symbol.asyncDispose]();
});

const resourceManager = 'packages/resource-manager/bin/rfaas-resource-manager.cjs';
const executorManager = 'packages/executor-manager/bin/rfaas-executor-manager.cjs';

function program(words: readonly string[], input = ''): Promise<ProgramResult> {
  const environment = { RFAAS_HOME: files.directory, RFAAS_NODE_KEY: formatKey(generateKey()) };
  return runNode(words, { environment, input });
}

async function effective(...words: readonly string[]): Promise<Record<string, unknown>> {
  const result = await program([...words, '--print-config']);
  expect(result).toMatchObject({ code: 0, errors: '' });
  return JSON.parse(result.output) as Record<string, unknown>;
}

describe('a device is enough to say where to listen', () => {
  test('for a resource manager', async () => {
    expect(await effective(resourceManager, '--device', 'mlx5_0')).toMatchObject({
      transport: 'verbs://:0?device=mlx5_0',
    });
    const config = await files.json('rm.json', {
      config: { rdma_device: 'mlx5_0', rdma_device_port: 10_000 },
    });
    expect(await effective(resourceManager, '-c', config)).toMatchObject({
      transport: 'verbs://:10000?device=mlx5_0',
    });
    expect(await effective(resourceManager, '-c', config, '--device', 'mlx5_1')).toMatchObject({
      transport: 'verbs://:10000?device=mlx5_1',
    });
  });

  test('for an executor manager, which reaches its resource manager through it', async () => {
    const config = await files.json('em.json', {
      config: {
        rdma_device_port: 10_005,
        resource_manager_address: '10.0.0.1',
        resource_manager_port: 10_000,
      },
    });
    expect(await effective(executorManager, '-c', config, '--device', 'mlx5_0')).toMatchObject({
      transport: 'verbs://:10005?device=mlx5_0',
      resourceManager: 'verbs://10.0.0.1:10000?device=mlx5_0',
    });
    const urls = await files.json('em-urls.json', {
      config: {
        transport: 'verbs://10.0.0.7:10005',
        resource_manager: 'verbs://10.0.0.1:10000?device=mlx4_0',
      },
    });
    expect(await effective(executorManager, '-c', urls, '--device', 'mlx5_0')).toMatchObject({
      transport: 'verbs://:10005?device=mlx5_0',
      resourceManager: 'verbs://10.0.0.1:10000?device=mlx5_0',
    });
    expect(await effective(executorManager, '--skip-resource-manager', '--device', 'mlx5_0')).toMatchObject({
      transport: 'verbs://:0?device=mlx5_0',
    });
  });

  test('and a device database says which of its addresses, and the port', async () => {
    const entry = {
      ip_address: '10.0.0.7',
      port: 10_010,
      max_inline_data: 0,
      default_receive_buffer_size: 32,
    };
    const database = await files.json('devices.json', { devices: [{ name: 'mlx5_0', ...entry }] });
    const flags = ['--device', 'mlx5_0', '--devices-database', database];
    const expected = { transport: 'verbs://10.0.0.7:10010?device=mlx5_0' };
    expect(await effective(resourceManager, ...flags)).toMatchObject(expected);
    expect(await effective(executorManager, '--skip-resource-manager', ...flags)).toMatchObject(expected);
    const keys = { config: { rdma_device: 'mlx5_0', devices_database: 'devices.json' } };
    const config = await files.json('keys.json', keys);
    expect(await effective(resourceManager, '-c', config)).toMatchObject(expected);
    expect(await effective(executorManager, '--skip-resource-manager', '-c', config)).toMatchObject(expected);
    const absent = await program([resourceManager, '--device', 'rxe9', '--devices-database', database]);
    expect(absent).toMatchObject({ code: 2, output: '' });
    expect(absent.errors).toMatch(/no device "rxe9" \(it has mlx5_0\)/);
  });
});

function invokeOn(device: string): string[] {
  const module = functionFile('test-functions.js');
  return ['packages/client/bin/rfaas.cjs', 'invoke', 'shout', '--module', module, '--device', device];
}

describe('a device that is not there is an error with what to do, for', () => {
  const fix = /error: .*(no RDMA device|modprobe).*\[RDMA_ERR_/s;
  test.each([
    ['the resource manager', [resourceManager, '--device', 'nonesuch']],
    ['the executor manager', [executorManager, '--skip-resource-manager', '--device', 'nonesuch']],
  ])('%s', async (_what, words) => {
    const result = await program(words);
    expect(result).toMatchObject({ code: 1, output: '' });
    expect(result.errors).toMatch(fix);
  });

  test('the client', async () => {
    const result = await program([...invokeOn('nonesuch'), '-e', 'verbs://127.0.0.1:10005']);
    expect(result).toMatchObject({ code: 1, output: '' });
    expect(result.errors).toMatch(
      /cannot connect to the executor manager.*(no RDMA device|modprobe)|no RDMA device/s,
    );
  });

  test('the executor', async () => {
    const id = (): string => randomBytes(16).toString('hex');
    const assignment = {
      allocationId: id(),
      secret: id(),
      managerUrl: 'verbs://127.0.0.1:10005',
      managerSecret: id(),
      clientUrl: 'verbs://127.0.0.1:10006',
    };
    const words = ['packages/executor/bin/rfaas-executor.cjs', '--device', 'nonesuch'];
    const result = await program(words, `${JSON.stringify(assignment)}\n`);
    expect(result.code).not.toBe(0);
    expect(result.errors).toMatch(/rfaas-executor: .*(no RDMA device|modprobe)/);
  });
});

test('a device and a manager on shared memory do not go together', async () => {
  const result = await program([...invokeOn('mlx5_0'), '-e', 'shm://10005']);
  expect(result).toMatchObject({ code: 1, output: '' });
  expect(result.errors).toMatch(/shm:\/\/10005.*shared memory has no devices/);
});
