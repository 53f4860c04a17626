import { describe, expect, test } from '@jest/globals';
import { processorQuota } from '../../src/topology/processor-quota.ts';

function quota(files: Readonly<Record<string, string>>): number {
  return processorQuota((path) => files[path], '/cg');
}

describe('the processors that control groups allow', () => {
  test('are unlimited where nothing says otherwise', () => {
    expect(quota({})).toBe(Number.POSITIVE_INFINITY);
    expect(quota({ '/proc/self/cgroup': '0::/\n', '/cg/cpu.max': 'max 100000\n' })).toBe(
      Number.POSITIVE_INFINITY,
    );
  });

  test('are the least on the way up, in version 2', () => {
    const own = {
      '/proc/self/cgroup': '0::/user.slice/job:7\n',
      '/cg/user.slice/job:7/cpu.max': '400000 100000\n',
    };
    expect(quota(own)).toBe(4);
    expect(quota({ ...own, '/cg/user.slice/cpu.max': '150000 100000\n' })).toBe(1.5);
    expect(quota({ ...own, '/cg/cpu.max': '20000 10000\n' })).toBe(2);
  });

  test('are those of the root that a container sees, where its own path is not there', () => {
    expect(quota({ '/proc/self/cgroup': '0::/../../docker/abc\n', '/cg/cpu.max': '200000 100000' })).toBe(2);
  });

  test('are a quota and a period in version 1', () => {
    const files = {
      '/proc/self/cgroup': '12:cpuset:/box\n4:cpu,cpuacct:/box\n0::/\n',
      '/cg/cpu/box/cpu.cfs_quota_us': '250000\n',
      '/cg/cpu/box/cpu.cfs_period_us': '100000\n',
      '/cg/cpu/cpu.cfs_quota_us': '-1\n',
      '/cg/cpu/cpu.cfs_period_us': '100000\n',
    };
    expect(quota(files)).toBe(2.5);
  });
});

test('this process has some', () => {
  expect(processorQuota()).toBeGreaterThan(0);
});
