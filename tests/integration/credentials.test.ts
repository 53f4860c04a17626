import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { standInDrc, type StandInDrc } from '../support/drc/stand-in-drc.ts';
import { runNode, type ProgramResult } from '../support/run-program.ts';

let drc: StandInDrc;

beforeAll(async () => {
  drc = await standInDrc();
}, 30_000);

afterAll(async () => {
  await drc?.[Symbol.asyncDispose]();
});

function credentials(parameters: string, environment: Record<string, string> = {}): Promise<ProgramResult> {
  return runNode(['packages/client/bin/rfaas.cjs', 'credentials', ...parameters.split(' ')], {
    environment: { ...drc.environment, ...environment },
  });
}

describe('rfaas credentials', () => {
  test('acquires a credential and grants it to jobs and users', async () => {
    const result = await credentials('acquire --job 4711 --job 4712 --user 1000 --json');
    expect(result).toMatchObject({ code: 0, errors: '' });
    expect(JSON.parse(result.output)).toEqual({ credential: 4_000_000_007, job: [4711, 4712], user: [1000] });
    expect(await drc.calls()).toEqual([
      'drc_acquire(8)',
      'drc_grant(4000000007, 4711, 64)',
      'drc_grant(4000000007, 4712, 64)',
      'drc_grant(4000000007, 1000, 65)',
    ]);
  });

  test('acquires one for a single job of a node', async () => {
    expect(await credentials('acquire --exclusive')).toMatchObject({ code: 0, output: '4000000007\n' });
    expect(await drc.calls()).toEqual(['drc_acquire(0)']);
  });

  test('gives back what it could not grant', async () => {
    const result = await credentials('acquire --job 0');
    expect(result).toMatchObject({ code: 1, output: '' });
    expect(result.errors).toMatch(
      /drc_grant of credential 4000000007 to job 0 failed: DRC_EINVAL; .*RDMA_ERR_CALL_FAILED/,
    );
    expect(await drc.calls()).toEqual([
      'drc_acquire(8)',
      'drc_grant(4000000007, 0, 64)',
      'drc_release(4000000007, 0)',
    ]);
  });

  test('grants one that is there; twice is no error', async () => {
    expect(await credentials('grant 9 --user 1001')).toMatchObject({
      code: 0,
      output: 'credential 9 granted to user 1001\n',
    });
    expect(await drc.calls()).toEqual(['drc_grant(9, 1001, 65)']);
  });

  test('accesses one: its cookie, and the key for libfabric', async () => {
    const result = await credentials('access 7 --json');
    expect(JSON.parse(result.output)).toEqual({
      credential: 7,
      cookie: 0xfedcba98,
      authKey: '0000000098badcfe',
    });
    expect(await drc.calls()).toEqual(['drc_access(7, 0)', 'drc_get_first_cookie(what drc_access gave)']);
  });

  test('says why one cannot be accessed', async () => {
    const result = await credentials('access 8');
    expect(result.code).toBe(1);
    expect(result.errors).toMatch(/drc_access of credential 8 failed: DRC_EPERM; it must be granted/);
    expect(await drc.calls()).toEqual(['drc_access(8, 0)']);
  });

  test('releases one, and tells the number of this job', async () => {
    expect(await credentials('release 7')).toMatchObject({ code: 0, output: 'credential 7 released\n' });
    expect(await credentials('job')).toMatchObject({ code: 0, output: '4711\n' });
    expect(await drc.calls()).toEqual(['drc_release(7, 0)', 'drc_get_wlm_id()']);
  });

  test.each([
    ['grant 7', /say to whom/],
    ['grant 7 --job many', /--job: .*expected an integer/],
    ['release -- -1', /"-1" is no credential/],
    ['access 4294967296', /no credential: it must be a number from 0 to 4294967295/],
  ])('%s is a wrong use', async (parameters, message) => {
    const result = await credentials(parameters);
    expect(result).toMatchObject({ code: 2, output: '' });
    expect(result.errors).toMatch(message);
  });

  test('has help with examples', async () => {
    const result = await credentials('--help');
    expect(result).toMatchObject({ code: 0, errors: '' });
    expect(result.output).toContain('rfaas credentials acquire --job 4711 --user 1000');
  });

  test('says where DRC is to be had when it is not', async () => {
    const noLibrary = await credentials('job', { RFAAS_DRC_LIBRARY: '/nowhere/libdrc.so' });
    expect(noLibrary.errors).toMatch(/cannot load \/nowhere\/libdrc.so.*Cray.*RDMA_ERR_LIBRARY_NOT_FOUND/);
    const noHeader = await credentials('job', { RFAAS_DRC_HEADER: '/nowhere/rdmacred.h' });
    expect(noHeader.errors).toMatch(/cannot find rdmacred.h.*\/nowhere\/rdmacred.h/);
    const other = await credentials('job', { RFAAS_DRC_LIBRARY: 'libc.so.6' });
    expect(other.errors).toMatch(/libc.so.6 has no function drc_get_wlm_id: it is not Cray's libdrc/);
    expect([noLibrary.code, noHeader.code, other.code]).toEqual([1, 1, 1]);
  });
});
