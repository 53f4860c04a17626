import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** What the machine and the commands in it need, and a file that shows that it is there. */
const NEEDED = [
  ['qemu-system-x86', '/usr/bin/qemu-system-x86_64'],
  ['busybox-static', '/bin/busybox'],
  ['cpio', '/usr/bin/cpio'],
  ['kmod', '/sbin/depmod'],
  ['iproute2', '/sbin/ip'],
  ['ibverbs-providers', '/etc/libibverbs.d/rxe.driver'],
  ['libibverbs-dev', '/usr/include/infiniband/verbs.h'],
  ['librdmacm-dev', '/usr/include/rdma/rdma_cma.h'],
];

/** Installs the Debian packages that are missing. Throws an error that names them where it may not or cannot. */
export function installMissingPackages() {
  const missing = NEEDED.filter(([, file]) => !existsSync(file)).map(([name]) => name);
  if (missing.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    throw new Error(`Debian packages are missing: ${missing.join(' ')}. As root: ${command}`);
  }
  process.stderr.write(`soft-roce: installing Debian packages: ${missing.join(' ')}\n`);
  try {
    aptGet(['install', '-y', '--no-install-recommends', ...missing]);
  } catch {
    // Lists that are missing or old are the usual cause; a second failure is told.
    aptGet(['update']);
    aptGet(['install', '-y', '--no-install-recommends', ...missing]);
  }
}

/** Runs apt-get without questions. Throws an error with the end of its output. */
export function aptGet(words, options = {}) {
  runProgram('apt-get', ['-qq', ...words], {
    ...options,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}

/** Runs a program to its end and returns its standard output. Throws an error with the command and what it said. */
export function runProgram(program, words, options = {}) {
  try {
    return execFileSync(program, words, {
      stdio: ['pipe', 'pipe', 'pipe'],
      encoding: 'utf8',
      maxBuffer: 64 << 20,
      ...options,
    });
  } catch (error) {
    const said = `${error.stdout ?? ''}${error.stderr ?? ''}`.trim().split('\n').slice(-12).join('\n');
    throw new Error(`${[program, ...words].join(' ')} failed: ${said === '' ? error.message : said}`, {
      cause: error,
    });
  }
}
