import { describe, expect, test } from '@jest/globals';
import { existsSync, readdirSync, renameSync } from 'node:fs';

import { addresses, attempt, devices, run } from '../support/guest.ts';

// Every test takes something away from the machine and gives it back.

const LIBRARIES = '/usr/lib/x86_64-linux-gnu';
const [device = ''] = devices;
const [address = ''] = addresses;
const NOBODY = [
  'setpriv',
  '--reuid=65534',
  '--regid=65534',
  '--clear-groups',
  '--inh-caps=-all',
  '--bounding-set=-all',
];

/** Runs `body` while files are away. */
function without(files: readonly string[], body: () => void): void {
  for (const file of files) renameSync(file, `${file}.away`);
  try {
    body();
  } finally {
    for (const file of files) renameSync(`${file}.away`, file);
  }
}

function withoutDevice(body: () => void): void {
  run('rdma', 'link', 'delete', device);
  try {
    body();
  } finally {
    run('rdma', 'link', 'add', device, 'type', 'rxe', 'netdev', 'eth-a');
  }
}

function expectThatItWorks(): void {
  expect(attempt(`verbs://${address}:0`, 'listen')).toMatchObject({ ok: true });
}

describe('an ordinary user', () => {
  test('opens devices and registers memory within the limit', () => {
    const limited = ['prlimit', '--memlock=1048576:1048576', ...NOBODY];
    expect(attempt('verbs://', 'allocate 65536', limited)).toMatchObject({ ok: true });
  });

  test('is told about a memlock limit that is too low, and how to raise it', () => {
    const limited = ['prlimit', '--memlock=65536:65536', ...NOBODY];
    expect(attempt('verbs://', 'allocate 1048576', limited)).toMatchObject({
      ok: false,
      code: 'RDMA_ERR_CALL_FAILED',
      message: expect.stringMatching(/1048576 bytes.*64 KiB.*ulimit -l.*limits\.conf/s),
    });
  });
});

describe('what is missing is named, with the fix:', () => {
  test('no device', () => {
    withoutDevice(() => {
      expect(attempt('verbs://', 'open')).toMatchObject({
        ok: false,
        code: 'RDMA_ERR_DEVICE_NOT_FOUND',
        message: expect.stringMatching(/no RDMA device.*modprobe rdma_rxe.*rdma link add/s),
      });
    });
    expectThatItWorks();
  });

  test('another device than the one that was named', () => {
    expect(attempt('verbs://?device=mlx5_7', 'open')).toMatchObject({
      code: 'RDMA_ERR_DEVICE_NOT_FOUND',
      message: expect.stringMatching(new RegExp(`"mlx5_7".*${device}`)),
    });
  });

  test('a module that is not loaded', () => {
    run('rmmod', 'rdma_ucm');
    try {
      expect(attempt('verbs://', 'open')).toMatchObject({
        code: 'RDMA_ERR_DEVICE_NOT_FOUND',
        message: expect.stringMatching(new RegExp(`${device}.*rdma_ucm is not loaded.*modprobe rdma_ucm`)),
      });
    } finally {
      run('insmod', '/run/soft-roce/modules/rdma_ucm.ko');
    }
    expectThatItWorks();
  });

  test('a driver of libibverbs for the device', () => {
    const drivers = readdirSync(`${LIBRARIES}/libibverbs`).map((name) => `${LIBRARIES}/libibverbs/${name}`);
    without(drivers, () => {
      expect(attempt('verbs://', 'open')).toMatchObject({
        code: 'RDMA_ERR_DEVICE_NOT_FOUND',
        message: expect.stringMatching(new RegExp(`${device}.*no driver.*ibverbs-providers`)),
      });
    });
    expectThatItWorks();
  });

  test.each([
    ['libibverbs.so.1', 'libibverbs1'],
    ['librdmacm.so.1', 'librdmacm1'],
  ])('%s, and everything but verbs works without it', (library, packageName) => {
    without([`${LIBRARIES}/${library}`], () => {
      expect(attempt('verbs://', 'open')).toMatchObject({
        code: 'RDMA_ERR_LIBRARY_NOT_FOUND',
        message: expect.stringMatching(
          new RegExp(`${library}.*apt-get install [a-z0-9 -]*${packageName}`, 's'),
        ),
      });
      expect(attempt('shm://0', 'listen')).toMatchObject({ ok: true });
    });
    expectThatItWorks();
  });
});

describe('what is in the way is named, with the fix:', () => {
  test('a device that is down', () => {
    run('ip', 'link', 'set', 'eth-a', 'down');
    try {
      for (const url of ['verbs://', `verbs://?device=${device}`]) {
        expect(attempt(url, 'open')).toMatchObject({
          code: 'RDMA_ERR_DEVICE_NOT_FOUND',
          message: expect.stringMatching(new RegExp(`${device}.*must be up`)),
        });
      }
    } finally {
      run('ip', 'link', 'set', 'eth-a', 'up');
      run('ip', '-6', 'addr', 'replace', 'fd77::1/64', 'dev', 'eth-a', 'nodad');
    }
    expectThatItWorks();
  });

  test('a port without an address', () => {
    run('ip', 'addr', 'flush', 'dev', 'eth-a');
    try {
      expect(attempt(`verbs://?device=${device}`, 'listen')).toMatchObject({
        code: 'RDMA_ERR_CALL_FAILED',
        message: expect.stringMatching(new RegExp(`${device} has no address.*ip addr add`)),
      });
    } finally {
      run('ip', 'addr', 'add', `${address}/24`, 'dev', 'eth-a');
      run('ip', '-6', 'addr', 'replace', 'fd77::1/64', 'dev', 'eth-a', 'nodad');
    }
    expectThatItWorks();
  });

  test('an address that no RDMA device has a GID for', () => {
    run('ip', 'link', 'add', 'other', 'type', 'dummy');
    try {
      run('ip', 'link', 'set', 'other', 'up');
      run('ip', 'addr', 'add', '10.78.0.1/24', 'dev', 'other');
      expect(attempt(`verbs://?source=10.78.0.1`, 'listen')).toMatchObject({
        ok: false,
        message: expect.stringMatching(/no RDMA device has the address 10\.78\.0\.1.*rdma link/),
      });
      expect(attempt(`verbs://10.78.0.1:0?device=${device}`, 'listen')).toMatchObject({
        ok: false,
        message: expect.stringMatching(/10\.78\.0\.1.*no RDMA device/),
      });
    } finally {
      run('ip', 'link', 'delete', 'other');
    }
    expectThatItWorks();
  });

  test('nobody who listens', () => {
    expect(attempt('verbs://', `connect ${address} 9`)).toMatchObject({
      code: 'RDMA_ERR_CONNECTION_REFUSED',
      message: expect.stringMatching(new RegExp(`${address} port 9: nothing listens there.*server running`)),
    });
  });

  test('a host that cannot be reached', () => {
    expect(attempt('verbs://', 'connect 10.99.0.1 9')).toMatchObject({
      ok: false,
      message: expect.stringMatching(/10\.99\.0\.1 port 9/),
    });
  });
});

test('nothing was left away', () => {
  expect(readdirSync(LIBRARIES).filter((name) => name.endsWith('.away'))).toEqual([]);
  expect(existsSync('/dev/infiniband/rdma_cm')).toBe(true);
  expectThatItWorks();
});
