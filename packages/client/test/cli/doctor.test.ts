import type { RdmaDevice } from '@rfaas/rdmalib';
import { describe, expect, test } from '@jest/globals';
import { checkNode, type Check } from '../../src/cli/doctor-checks.ts';
import { hasCapability, hugePages, softLimit, type NodeFacts } from '../../src/cli/doctor-facts.ts';
import { formatChecks } from '../../src/cli/doctor-report.ts';
import { selfTestUrls } from '../../src/cli/doctor-self-tests.ts';

const device: RdmaDevice = {
  name: 'mlx5_0',
  ports: [
    {
      number: 1,
      state: 'active',
      linkLayer: 'InfiniBand',
      gigabitsPerSecond: 200,
      networkDevices: ['ib0'],
      addresses: ['10.0.0.7'],
    },
  ],
  limits: {
    maxInlineBytes: 972,
    maxQueuePairs: 1,
    maxCompletionQueues: 1,
    maxMemoryRegions: 1,
    maxQueueDepth: 1,
    maxCompletions: 1,
    maxScatterGatherEntries: 1,
    atomics: 'device',
    firmware: '1',
  },
  problem: undefined,
};

const healthy: NodeFacts = {
  nodeVersion: '20.19.0',
  libraries: [
    { name: 'loops', transport: undefined, problem: undefined },
    { name: 'shm', transport: 'shm', problem: undefined },
    { name: 'verbs', transport: 'verbs', problem: undefined },
  ],
  kernel: [
    { module: 'ib_uverbs', loaded: true, forbidden: [] },
    { module: 'rdma_ucm', loaded: true, forbidden: [] },
  ],
  devices: [device],
  noDevices: 'load a driver',
  lockedBytes: undefined,
  mayLockAll: false,
  openFiles: undefined,
  hugePages: { reserved: 0, free: 0, kibibytes: 2048 },
};

function failing(changes: Partial<NodeFacts>, needs: readonly string[] = ['shm', 'verbs']): Check[] {
  return checkNode({ ...healthy, ...changes }, needs).filter(({ state }) => state !== 'ok');
}

test('nothing is wrong with a node that has everything', () => {
  expect(failing({})).toEqual([]);
});

describe('what is missing is a problem where it is needed and else a note:', () => {
  const verbsLibrary = { name: 'verbs', transport: 'verbs', problem: 'libibverbs1 is not installed' };
  const down = { ...device, ports: device.ports.map((port) => ({ ...port, state: 'down' })) };
  const bare = { ...device, ports: device.ports.map((port) => ({ ...port, addresses: [] })) };
  const unloaded = healthy.kernel.map((each) => ({ ...each, loaded: false }));
  const locked = healthy.kernel.map((each) => ({ ...each, forbidden: ['/dev/infiniband/rdma_cm'] }));
  test.each<[string, Partial<NodeFacts>, RegExp]>([
    ['a library', { libraries: [verbsLibrary] }, /libibverbs1/],
    ['kernel modules', { kernel: unloaded }, /modprobe -a ib_uverbs rdma_ucm/],
    ['the right to open a device', { kernel: locked }, /rdma-core/],
    ['a device', { devices: [] }, /load a driver/],
    ['an active port', { devices: [down] }, /ip link set ib0 up/],
    ['an address', { devices: [bare] }, /ip addr add/],
    [
      'an answer',
      { devices: [{ ...device, limits: undefined, problem: 'driver missing' }] },
      /driver missing/,
    ],
    ['locked memory', { lockedBytes: 65_536 }, /ulimit -l unlimited/],
  ])('%s', (_what, changes, fix) => {
    expect(failing(changes)).toMatchObject([{ state: 'problem', fix: expect.stringMatching(fix) }]);
    expect(failing(changes, ['shm'])).toMatchObject([
      { state: 'note', cost: expect.any(String), fix: expect.stringMatching(fix) },
    ]);
  });

  test('what everything needs is always a problem', () => {
    expect(failing({ nodeVersion: '20.18.3' }, [])).toMatchObject([{ name: 'node', state: 'problem' }]);
    const libraries = [{ name: 'loops', transport: undefined, problem: 'not built' }];
    expect(failing({ libraries }, [])).toMatchObject([{ state: 'problem', cost: 'nothing can be invoked' }]);
  });

  test('few open files are a note', () => {
    expect(failing({ openFiles: 1024 })).toMatchObject([{ name: 'open files', state: 'note' }]);
  });
});

test('a limit on locked memory means nothing to who may lock all', () => {
  expect(failing({ lockedBytes: 65_536, mayLockAll: true })).toEqual([]);
});

test('newer releases of Node.js are as good', () => {
  expect(failing({ nodeVersion: '22.0.0' })).toEqual([]);
});

test('every transport that loads is tried, verbs on each device that is active', () => {
  const idle = { ...device, name: 'mlx5_1', ports: device.ports.map((port) => ({ ...port, state: 'down' })) };
  expect(selfTestUrls({ ...healthy, devices: [device, idle] })).toEqual([
    'shm://0',
    'verbs://:0?device=mlx5_0',
  ]);
  expect(selfTestUrls({ libraries: [], devices: [device] })).toEqual([]);
});

describe('what the kernel says is understood:', () => {
  const limits = [
    'Limit                     Soft Limit           Hard Limit           Units     ',
    'Max open files            1024                 1048576              files     ',
    'Max locked memory         8388608              8388608              bytes     ',
    'Max address space         unlimited            unlimited            bytes     ',
  ].join('\n');

  test('limits', () => {
    expect(softLimit(limits, 'Max open files')).toBe(1024);
    expect(softLimit(limits, 'Max locked memory')).toBe(8_388_608);
    expect(softLimit(limits, 'Max address space')).toBeUndefined();
  });

  test('capabilities', () => {
    expect(hasCapability('CapPrm:\t0\nCapEff:\t0000000000004000\n', 14n)).toBe(true);
    expect(hasCapability('CapEff:\t00000000a80425fb\n', 14n)).toBe(false);
  });

  test('huge pages', () => {
    const meminfo =
      'MemTotal:  1 kB\nHugePages_Total:      16\nHugePages_Free:        9\nHugepagesize:       2048 kB\n';
    expect(hugePages(meminfo)).toEqual({ reserved: 16, free: 9, kibibytes: 2048 });
  });
});

test('the report says what it costs and what to do, and counts at its end', () => {
  const text = formatChecks([
    { name: 'node', state: 'ok', what: 'Node.js 20.19.0' },
    { name: 'memlock', state: 'problem', what: '64 KiB', cost: 'executors fail', fix: 'ulimit -l unlimited' },
  ]);
  expect(text.split('\n')).toEqual([
    'ok       node     Node.js 20.19.0',
    'problem  memlock  64 KiB',
    '                  costs: executors fail',
    '                  to do: ulimit -l unlimited',
    '',
    '1 thing that this node needs is missing.',
  ]);
});
