import { devicesConfig, parseConfig } from '@rfaas/core';
import type { RdmaDevice, RdmaPort } from '@rfaas/rdmalib';
import { describe, expect, test } from '@jest/globals';
import { devicesFile, devicesFileFor, formatDevicesFile } from '../../src/cli/devices-file.ts';
import { findDevicesRecord, formatDevicesRecord } from '../../src/cli/devices-record.ts';
import { parseHosts, remoteCommandLine } from '../../src/cli/devices-remote.ts';
import { formatDevices } from '../../src/cli/devices-table.ts';

const port: RdmaPort = {
  number: 1,
  state: 'active',
  linkLayer: 'Ethernet',
  gigabitsPerSecond: 100,
  networkDevices: ['eth2'],
  addresses: ['10.0.0.7', 'fd00::7'],
};

const device: RdmaDevice = {
  name: 'mlx5_0',
  ports: [port],
  limits: {
    maxInlineBytes: 972,
    maxQueuePairs: 131_072,
    maxCompletionQueues: 65_536,
    maxMemoryRegions: 16_777_216,
    maxQueueDepth: 32_768,
    maxCompletions: 4_194_303,
    maxScatterGatherEntries: 30,
    atomics: 'device',
    firmware: '16.35.4030',
  },
  problem: undefined,
};

const silent: RdmaDevice = { ...device, name: 'rxe0', limits: undefined, problem: 'its driver is missing' };

describe('a device database', () => {
  const options = { port: 10_000, receiveBuffers: 32 };

  test("is in the reference's format", () => {
    const text = formatDevicesFile(devicesFile([device], options));
    expect(JSON.parse(text)).toEqual({
      devices: [
        {
          name: 'mlx5_0',
          ip_address: '10.0.0.7',
          port: 10_000,
          max_inline_data: 972,
          default_receive_buffer_size: 32,
        },
      ],
    });
    expect(parseConfig(text, 'devices.json', devicesConfig).devices).toHaveLength(1);
  });

  test('leaves out what cannot be used, and says why', () => {
    const down = { ...device, name: 'down', ports: [{ ...port, state: 'down' }] };
    const bare = { ...device, name: 'bare', ports: [{ ...port, addresses: [] }] };
    const { devices, leftOut } = devicesFile([silent, down, bare], options);
    expect(devices).toEqual([]);
    expect(leftOut).toEqual([
      'rxe0: its driver is missing',
      expect.stringMatching(/^down: no port is active; .*ip link set/),
      expect.stringMatching(/^bare: no address; .*ip addr add/),
    ]);
  });

  test('takes the address of a port that is active', () => {
    const second = { ...port, number: 2, addresses: ['10.0.1.7'] };
    const { devices } = devicesFile([{ ...device, ports: [{ ...port, state: 'down' }, second] }], options);
    expect(devices).toMatchObject([{ ip_address: '10.0.1.7' }]);
  });

  test.each([
    ['devices.json', 'node1', 'devices-node1.json'],
    ['/etc/rfaas.d/devices', 'node1', '/etc/rfaas.d/devices-node1'],
    ['x/devices.json', 'me@node-1.lan', 'x/devices-me@node-1.lan.json'],
    ['devices.json', 'fe80::1', 'devices-fe80__1.json'],
  ])('%s of host %s is %s', (file, host, expected) => {
    expect(devicesFileFor(file, host)).toBe(expected);
  });
});

describe('what another host prints', () => {
  test('is read back, whatever was printed before', () => {
    const line = formatDevicesRecord({ host: 'node1', devices: [device, silent] });
    expect(findDevicesRecord(`Welcome to node1\n{motd}\n{"host":3}\n${line}\n`)).toEqual({
      host: 'node1',
      devices: [device, silent],
    });
  });

  test('is nothing when there is no such line', () => {
    expect(findDevicesRecord('bash: rfaas: command not found\n')).toBeUndefined();
    expect(findDevicesRecord('{"host":"node1","devices":[{"name":1}]}')).toBeUndefined();
  });
});

describe('other hosts', () => {
  test('are asked through ssh or srun', () => {
    expect(remoteCommandLine('ssh', 'node1', 'rfaas devices').slice(-2)).toEqual(['node1', 'rfaas devices']);
    expect(remoteCommandLine('srun', 'node1', 'rfaas devices')).toEqual(
      expect.arrayContaining(['--nodelist=node1', 'sh', '-c', 'rfaas devices']),
    );
  });

  test('are named once each', () => {
    expect(parseHosts('node1, node2,node1,me@10.0.0.7')).toEqual(['node1', 'node2', 'me@10.0.0.7']);
  });

  test.each(['', 'a,,b', '-oProxyCommand=x', 'a b', 'a;b', '$(x)'])('%p is refused', (list) => {
    expect(() => parseHosts(list)).toThrow(/no host name/);
  });
});

test('the table has a line a port, question marks for what is not known, and the problems below', () => {
  const down: RdmaPort = { ...port, number: 2, state: 'down', gigabitsPerSecond: undefined, addresses: [] };
  const records = [{ host: 'node1', devices: [{ ...device, ports: [port, down] }, silent] }];
  const lines = formatDevices(records, true)
    .split('\n')
    .map((line) => line.replace(/ +/g, ' '));
  expect(lines).toEqual([
    'HOST DEVICE PORT STATE LINK GBIT/S NETDEV ADDRESSES INLINE QPS MRS CQS ATOMICS',
    'node1 mlx5_0 1 active Ethernet 100 eth2 10.0.0.7,fd00::7 972 131072 16777216 65536 device',
    'node1 mlx5_0 2 down Ethernet ? eth2 - 972 131072 16777216 65536 device',
    'node1 rxe0 1 active Ethernet 100 eth2 10.0.0.7,fd00::7 ? ? ? ? ?',
    'node1: rxe0: its driver is missing',
  ]);
});
