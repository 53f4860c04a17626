import { expect, test } from '@jest/globals';
import { etcdObstacle } from '../../benchmarks/src/programs/local-etcd.ts';
import { runProgram } from '../support/run-program.ts';

const title =
  'over ten faults of managers and etcd no acknowledged lease is lost or doubled, and executors run on';

(etcdObstacle === undefined ? test : test.skip)(
  etcdObstacle === undefined ? title : `${title}: ${etcdObstacle}`,
  async () => {
    const program = new URL('../../benchmarks/dist/main.js', import.meta.url).pathname;
    const parameters = [program, 'failover', '--kills', '10', '--etcd-members', '1', '--json'];
    const { code, output, errors } = await runProgram(process.execPath, parameters, { timeoutMs: 280_000 });
    expect({ code, errors: code === 0 ? '' : errors }).toEqual({ code: 0, errors: '' });
    const report = JSON.parse(output) as {
      readonly faults: readonly { readonly fault: string }[];
      readonly leases: number;
      readonly renewals: number;
      readonly invocations: number;
      readonly violations: readonly string[];
    };
    expect(report.violations).toEqual([]);
    expect(report.faults).toHaveLength(10);
    expect(new Set(report.faults.map(({ fault }) => fault)).size).toBe(6);
    for (const count of [report.leases, report.renewals, report.invocations])
      expect(count).toBeGreaterThan(0);
  },
  300_000,
);
