import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { transportObstacle } from '../support/transport-obstacle.ts';

const url = 'libfabric+shm://127.0.0.1:0';
/** PROC_PID_INIT_INO of the kernel. Elsewhere a process number is not one of the machine, and nothing is removed. */
const isContainer = readlinkSync('/proc/self/ns/pid') !== `pid:[${0xef_ff_ff_fc}]`;
const obstacle = isContainer
  ? 'in a container the processes of others, which may have files there too, are not seen'
  : transportObstacle(url);
const title = 'a process that ends with its domains open leaves no memory of the provider shm behind';

/** Says which process it is and how many files libfabric has made for it, and ends without closing anything. */
const program = `
import { readdirSync, readlinkSync } from 'node:fs';
import { openTransport } from '@rfaas/rdmalib';
const transport = openTransport('${url}');
const domain = transport.openProtectionDomain();
await domain.listen({ host: '127.0.0.1', port: 0 });
const files = readdirSync('/dev/shm').filter((name) => name.startsWith(process.pid + ':'));
process.stdout.write(JSON.stringify([process.pid, files.length]));
process.exit(0);
`;

(obstacle === null ? test : test.skip)(obstacle === null ? title : `${title}: ${obstacle}`, () => {
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    encoding: 'utf8',
  });
  expect(run).toMatchObject({ status: 0 });
  const [pid = 0, files = 0] = JSON.parse(run.stdout) as number[];
  expect(files).toBeGreaterThan(0);
  expect(readdirSync('/dev/shm').filter((name) => name.startsWith(`${pid}:`))).toEqual([]);
});
