import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { listDevices, type RdmaDevice } from '@rfaas/rdmalib';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { runNode, type ProgramResult } from '../support/run-program.ts';

/** Every test starts programs; on a busy machine each takes seconds. */
jest.setTimeout(60_000);

let directory: string;

/** What ssh and srun are here: the command runs on this machine, told which host it is on. */
const SSH = `#!/bin/sh
while [ "$1" != -- ]; do shift; done
[ "$2" = stranger ] && { echo 'stranger: Permission denied (publickey).' >&2; exit 255; }
[ "$2" = greeter ] && echo 'Welcome to greeter'
STAND_IN_HOST="$2" exec sh -c "$3"
`;
const SRUN = `#!/bin/sh
for word; do case "$word" in --nodelist=*) host="\${word#*=}";; -*) ;; *) break;; esac; shift; done
STAND_IN_HOST="$host" exec "$@"
`;
/** What rfaas is on those hosts. */
const RFAAS = `#!/bin/sh
[ "$*" = 'devices --json' ] || { echo "unexpected: $*" >&2; exit 2; }
case "$STAND_IN_HOST" in
  silent) echo 'no RDMA device: load a driver' >&2; exit 1 ;;
  stuck) sleep 300 ;;
  *) cat "$STAND_IN_RECORDS/record.json" ;;
esac
`;

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

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rfaas-devices-'));
  await mkdir(join(directory, 'bin'));
  for (const [name, script] of Object.entries({ ssh: SSH, srun: SRUN, rfaas: RFAAS })) {
    await writeFile(join(directory, 'bin', name), script);
    await chmod(join(directory, 'bin', name), 0o755);
  }
  await writeFile(
    join(directory, 'record.json'),
    `${JSON.stringify({ host: 'itself', devices: [device] })}\n`,
  );
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

function devices(...words: readonly string[]): Promise<ProgramResult> {
  return runNode(['packages/client/bin/rfaas.cjs', 'devices', ...words], {
    environment: {
      PATH: `${join(directory, 'bin')}:${process.env['PATH'] ?? ''}`,
      STAND_IN_RECORDS: directory,
    },
  });
}

describe.each(['ssh', 'srun'])('other hosts through %s', (via) => {
  test('are listed together', async () => {
    const result = await devices('--hosts', 'node1,greeter', '--via', via);
    expect(result).toMatchObject({ code: 0, errors: '' });
    expect(result.output.split('\n').map((line) => line.split(/ +/).slice(0, 2))).toEqual([
      ['HOST', 'DEVICE'],
      ['node1', 'mlx5_0'],
      ['greeter', 'mlx5_0'],
      [''],
    ]);
  });

  test('are written into one file each', async () => {
    const folder = await mkdtemp(join(directory, 'files-'));
    const file = join(folder, 'devices.json');
    const result = await devices('--hosts', 'node1,node2', '--via', via, '--write', file, '--port', '10010');
    expect(result).toMatchObject({ code: 0 });
    expect((await readdir(folder)).sort()).toEqual(['devices-node1.json', 'devices-node2.json']);
    expect(JSON.parse(await readFile(join(folder, 'devices-node2.json'), 'utf8'))).toEqual({
      devices: [
        {
          name: 'mlx5_0',
          ip_address: '10.0.0.7',
          port: 10_010,
          max_inline_data: 972,
          default_receive_buffer_size: 32,
        },
      ],
    });
  });

  test('that cannot answer are named with what they said, and the others are listed all the same', async () => {
    const result = await devices('--hosts', 'silent,node1', '--via', via, '--json');
    expect(result.code).toBe(1);
    expect(JSON.parse(result.output)).toEqual({
      host: 'node1',
      devices: [JSON.parse(JSON.stringify(device))],
    });
    expect(result.errors).toBe('silent: no RDMA device: load a driver\n');
  });

  test('that take too long are given up', async () => {
    const result = await devices('--hosts', 'stuck', '--via', via, '--timeout', '300');
    expect(result).toMatchObject({ code: 1, signal: null, output: '' });
    expect(result.errors).toMatch(/^stuck: ".*": no answer in 300 ms\n$/);
  });
});

test('a host that ssh cannot enter is an error with what ssh said', async () => {
  const result = await devices('--hosts', 'stranger');
  expect(result).toMatchObject({ code: 1, errors: 'stranger: stranger: Permission denied (publickey).\n' });
});

test('a command that is not there is an error that names it', async () => {
  const result = await devices('--hosts', 'node1', '--remote-command', '/opt/none/rfaas');
  expect(result.code).toBe(1);
  expect(result.errors).toMatch(/^node1: .*\/opt\/none\/rfaas.*not found/);
});

test.each([
  [['--hosts', '-oProxyCommand=x'], /no host name/],
  [['--hosts', 'a', '--via', 'telnet'], /--via/],
  [['--port', '70000'], /--port/],
])('%p is a usage error', async (words, reason) => {
  const result = await devices(...words);
  expect(result.code).toBe(2);
  expect(result.errors).toMatch(reason);
});

const here = listDevices();
const testWithout = here.length === 0 ? test : test.skip;

testWithout(
  here.length === 0
    ? 'a machine without RDMA says so and what to do'
    : 'a machine without RDMA: this one has a device',
  async () => {
    const listed = await devices('--json');
    expect(listed).toMatchObject({ code: 1, errors: expect.stringMatching(/no RDMA device: .*modprobe/) });
    expect(JSON.parse(listed.output)).toMatchObject({ devices: [] });
    const file = join(directory, 'none.json');
    const written = await devices('--write', file);
    expect(written).toMatchObject({ code: 1, output: '' });
    expect(written.errors).toContain(`${file} is not written`);
    await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
  },
);
