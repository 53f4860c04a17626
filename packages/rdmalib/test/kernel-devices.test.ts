import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { NetworkInterfaceInfo } from 'node:os';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { listDevices } from '@rfaas/rdmalib';
import { readKernelDevices } from '../src/devices/kernel-devices.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rfaas-sysfs-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Makes files below the folder that stands for /sys/class/infiniband. */
function show(files: Readonly<Record<string, string>>): void {
  for (const [name, contents] of Object.entries(files)) {
    const file = join(directory, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${contents}\n`);
  }
}

const v4 = (address: string): NetworkInterfaceInfo => ({
  address,
  family: 'IPv4',
  netmask: '',
  mac: '',
  internal: false,
  cidr: null,
});
const v6 = (address: string, scopeid: number): NetworkInterfaceInfo => ({
  ...v4(address),
  family: 'IPv6',
  scopeid,
});

test('a RoCE adapter with two ports and a VLAN', () => {
  show({
    'mlx5_0/ports/1/state': '4: ACTIVE',
    'mlx5_0/ports/1/link_layer': 'Ethernet',
    'mlx5_0/ports/1/rate': '100 Gb/sec (4X EDR)',
    'mlx5_0/ports/1/gid_attrs/ndevs/0': 'eth2',
    'mlx5_0/ports/1/gid_attrs/ndevs/1': 'eth2',
    'mlx5_0/ports/1/gid_attrs/ndevs/10': 'eth2.7',
    'mlx5_0/ports/2/state': '1: DOWN',
    'mlx5_0/ports/2/link_layer': 'Ethernet',
    'mlx5_0/ports/2/rate': '2.5 Gb/sec (1X SDR)',
    'mlx5_0/ports/2/gid_attrs/ndevs/0': 'eth3',
  });
  const interfaces = {
    eth2: [v6('fe80::1', 3), v6('fd00::1', 0), v4('10.0.0.7')],
    'eth2.7': [v4('10.7.0.7')],
    lo: [v4('127.0.0.1')],
  };
  expect(readKernelDevices({ directory, interfaces })).toEqual([
    {
      name: 'mlx5_0',
      ports: [
        {
          number: 1,
          state: 'active',
          linkLayer: 'Ethernet',
          gigabitsPerSecond: 100,
          networkDevices: ['eth2', 'eth2.7'],
          addresses: ['10.0.0.7', '10.7.0.7', 'fd00::1', 'fe80::1%eth2'],
        },
        {
          number: 2,
          state: 'down',
          linkLayer: 'Ethernet',
          gigabitsPerSecond: 2.5,
          networkDevices: ['eth3'],
          addresses: [],
        },
      ],
    },
  ]);
});

test('Soft-RoCE names its network device, hardware has it below its own folder', () => {
  show({
    'rxe0/parent': 'eth0',
    'rxe0/ports/1/state': '4: ACTIVE',
    'mlx4_0/ports/1/state': '4: ACTIVE',
    'mlx4_0/device/net/ib0/address': '80:00',
  });
  const ports = readKernelDevices({ directory, interfaces: {} }).map(({ ports: [port] }) => port);
  expect(ports).toMatchObject([{ networkDevices: ['ib0'] }, { networkDevices: ['eth0'] }]);
});

test('devices are in natural order, and what the kernel does not say is not made up', () => {
  show({ 'rxe10/ports/1/state': '4: ACTIVE', 'rxe9/ports/1/state': '2: INIT' });
  const devices = readKernelDevices({ directory, interfaces: {} });
  expect(devices.map(({ name }) => name)).toEqual(['rxe9', 'rxe10']);
  expect(devices[0]?.ports[0]).toEqual({
    number: 1,
    state: 'init',
    linkLayer: '',
    gigabitsPerSecond: undefined,
    networkDevices: [],
    addresses: [],
  });
});

test('a machine without RDMA has no devices', () => {
  expect(listDevices({ directory: join(directory, 'absent') })).toEqual([]);
});

test('a device that cannot be asked is listed with the reason', () => {
  show({ 'nonesuch0/ports/1/state': '4: ACTIVE' });
  const [device] = listDevices({ directory, interfaces: {} });
  expect(device).toMatchObject({ name: 'nonesuch0', limits: undefined, ports: [{ state: 'active' }] });
  expect(device?.problem).toMatch(/apt-get install|ib_uverbs/);
});
