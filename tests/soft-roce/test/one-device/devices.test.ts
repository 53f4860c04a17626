import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { listDevices } from '@rfaas/rdmalib';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { runNode, runProgram, type ProgramResult } from '../../../support/run-program.ts';
import { addresses, addresses6, devices, run } from '../support/guest.ts';

const [device = ''] = devices;
const [address = ''] = addresses;
const RFAAS = 'packages/client/bin/rfaas.cjs';
const LIBIBVERBS = '/usr/lib/x86_64-linux-gnu/libibverbs.so.1';
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rfaas-devices-'));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

function rfaas(...words: readonly string[]): Promise<ProgramResult> {
  return runNode([RFAAS, ...words], { timeoutMs: 200_000 });
}

interface Report {
  readonly ok: boolean;
  readonly checks: readonly {
    readonly name: string;
    readonly state: string;
    readonly what: string;
    readonly fix?: string;
  }[];
}

function check(report: ProgramResult, name: string): Report['checks'][number] | undefined {
  return (JSON.parse(report.output) as Report).checks.find((each) => each.name === name);
}

async function whileDown(body: () => Promise<void>): Promise<void> {
  run('ip', 'link', 'set', 'eth-a', 'down');
  try {
    await body();
  } finally {
    run('ip', 'link', 'set', 'eth-a', 'up');
    run('ip', '-6', 'addr', 'replace', `${addresses6[0]}/64`, 'dev', 'eth-a', 'nodad');
  }
}

describe('a device', () => {
  test('is listed with all that is known of it', () => {
    expect(listDevices()).toEqual([
      {
        name: device,
        problem: undefined,
        ports: [
          {
            number: 1,
            state: 'active',
            linkLayer: 'Ethernet',
            gigabitsPerSecond: expect.any(Number),
            networkDevices: ['eth-a'],
            addresses: [address, addresses6[0], expect.stringMatching(/^fe80::.*%eth-a$/)],
          },
        ],
        limits: {
          // What rdma_rxe takes: found by trying, since no attribute says so.
          maxInlineBytes: 512,
          maxQueuePairs: expect.any(Number),
          maxCompletionQueues: expect.any(Number),
          maxMemoryRegions: expect.any(Number),
          maxQueueDepth: expect.any(Number),
          maxCompletions: expect.any(Number),
          maxScatterGatherEntries: expect.any(Number),
          atomics: 'device',
          firmware: expect.any(String),
        },
      },
    ]);
    const reported = run('ibv_devinfo', '-v');
    const number = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(reported)?.[1]);
    expect(listDevices()[0]?.limits).toMatchObject({
      maxQueuePairs: number('max_qp'),
      maxCompletionQueues: number('max_cq'),
      maxMemoryRegions: number('max_mr'),
      maxQueueDepth: number('max_qp_wr'),
    });
  });

  test('is in the table and in the device database', async () => {
    const file = join(directory, 'devices.json');
    const result = await rfaas('devices', '--write', file);
    expect(result.code).toBe(0);
    expect(result.output.split('\n')[1]).toMatch(
      new RegExp(`^${device} +1 +active +Ethernet +[\\d.]+ +eth-a +${address},\\S+ +512 `),
    );
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      devices: [
        {
          name: device,
          ip_address: address,
          port: 10_000,
          max_inline_data: 512,
          default_receive_buffer_size: 32,
        },
      ],
    });
  });

  test('that is down is listed, is not in the database, and is a problem for the doctor', async () => {
    await whileDown(async () => {
      expect(listDevices()).toMatchObject([{ ports: [{ state: 'down' }], limits: { maxInlineBytes: 512 } }]);
      const file = join(directory, 'down.json');
      const written = await rfaas('devices', '--write', file);
      expect(written.code).toBe(1);
      expect(written.errors).toMatch(/no port is active.*ip link set.*is not written/s);
      const report = await rfaas('doctor', '--json');
      expect(report.code).toBe(1);
      expect(check(report, device)).toMatchObject({
        state: 'problem',
        fix: expect.stringContaining('ip link set eth-a up'),
      });
      expect(check(report, `round trip verbs://:0?device=${device}`)).toBeUndefined();
    });
  });

  test('is listed without libibverbs too, and the package that is missing is named', async () => {
    renameSync(LIBIBVERBS, `${LIBIBVERBS}.away`);
    try {
      const listed = await rfaas('devices');
      expect(listed.code).toBe(0);
      expect(listed.output).toMatch(new RegExp(`^${device} .* \\?`, 'm'));
      expect(listed.output).toMatch(new RegExp(`^${device}: .*libibverbs1`, 'm'));
      const report = await rfaas('doctor', '--json');
      expect(report.code).toBe(1);
      expect(check(report, 'library verbs')).toMatchObject({
        state: 'problem',
        fix: expect.stringContaining('libibverbs1'),
      });
      expect(check(report, 'round trip shm://0')).toMatchObject({ state: 'ok' });
    } finally {
      renameSync(`${LIBIBVERBS}.away`, LIBIBVERBS);
    }
  });
});

describe('the doctor', () => {
  test('finds nothing missing, and bytes come through', async () => {
    const report = await rfaas('doctor', '--json');
    expect(report).toMatchObject({ code: 0, errors: '' });
    expect(check(report, `round trip verbs://:0?device=${device}`)).toMatchObject({
      state: 'ok',
      what: expect.stringMatching(/^64 bytes with immediate there and back, median/),
    });
    expect(check(report, device)?.what).toContain(`${address}, inline 512 bytes, atomics`);
  });

  test('looks at one device when told so', async () => {
    expect(await rfaas('doctor', '--device', device)).toMatchObject({ code: 0 });
    const other = await rfaas('doctor', '--device', 'mlx5_7', '--json');
    expect(other.code).toBe(1);
    expect(check(other, 'devices')).toMatchObject({ fix: `there is no device "mlx5_7"; there is ${device}` });
  });

  test('tells an ordinary user that too little memory may be locked', async () => {
    const nobody = [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      '--inh-caps=-all',
      '--bounding-set=-all',
    ];
    const words = [
      '--memlock=65536:65536',
      'setpriv',
      ...nobody,
      process.execPath,
      RFAAS,
      'doctor',
      '--json',
    ];
    const report = await runProgram('prlimit', words, { timeoutMs: 200_000 });
    expect(report.code).toBe(1);
    expect(check(report, 'memlock')).toMatchObject({
      state: 'problem',
      what: '64 KiB may be locked',
      fix: expect.stringContaining('ulimit -l unlimited'),
    });
  });
});
