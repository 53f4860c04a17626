import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Reads a file; undefined where there is none. */
export type ReadFile = (path: string) => string | undefined;

/**
 * How many processors' time this process may use, as its control groups say (`cpu.max` of version 2, `cpu.cfs_quota_us` of
 * version 1; the smallest on the way up counts); Infinity without a limit. A container with two processors of a large host
 * sees all of them, and is stopped for most of each period when it uses more.
 */
export function processorQuota(read: ReadFile = readIfThere, root = '/sys/fs/cgroup'): number {
  const groups = (read('/proc/self/cgroup') ?? '').split('\n').map((line) => line.split(':'));
  const limits = groups.flatMap(([number, controllers = '', ...path]) => {
    const group = path.join(':');
    if (number === '0' && controllers === '') {
      return ancestors(group).map((each) => quotaOf(read(join(root, each, 'cpu.max'))));
    }
    if (!controllers.split(',').includes('cpu')) {
      return [];
    }
    return ancestors(group).map((each) => {
      const folder = join(root, 'cpu', each);
      const [quota, period] = ['cpu.cfs_quota_us', 'cpu.cfs_period_us'].map((name) =>
        read(join(folder, name)),
      );
      return quotaOf(quota === undefined || period === undefined ? undefined : `${quota} ${period}`);
    });
  });
  return Math.min(Number.POSITIVE_INFINITY, ...limits);
}

/** A group and those above it, up to the root; where a container sees its own group as the root, that one tells. */
function ancestors(group: string): string[] {
  const parts = group.split('/').filter((part) => part !== '' && part !== '..');
  return Array.from({ length: parts.length + 1 }, (_, length) => `/${parts.slice(0, length).join('/')}`);
}

/** `QUOTA PERIOD` in microseconds; `max` and -1 are none. */
function quotaOf(text: string | undefined): number {
  const [quota, period] = (text ?? '').trim().split(/\s+/).map(Number);
  const isLimit = quota !== undefined && period !== undefined && quota > 0 && period > 0;
  return isLimit ? quota / period : Number.POSITIVE_INFINITY;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // No such controller, or one that this process may not look at: it sets no limit that could be known.
    return undefined;
  }
}
