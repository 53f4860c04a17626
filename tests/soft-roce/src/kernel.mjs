import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';

import { aptGet, runProgram } from './debian-packages.mjs';

/** What the guest loads: its files over 9p, the networks of the modes, Soft-RoCE. */
const MODULES = [
  'virtio_pci',
  '9pnet_virtio',
  '9p',
  'overlay',
  'veth',
  'dummy',
  'virtio_net',
  'sch_netem',
  'crc32_generic',
  'ib_uverbs',
  'rdma_ucm',
  'rdma_rxe',
];
/** Raised when MODULES or the layout of a cached kernel changes. */
const LAYOUT = 1;

/** Where kernels and initramfs images are kept between runs. */
export function cacheDirectory() {
  const base = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  return process.env.RFAAS_SOFT_ROCE_CACHE ?? join(base, 'rfaas', 'soft-roce');
}

/**
 * Debian's stock kernel and the modules that the guest loads: `{ version, image, modules }`, `modules` in loading
 * order. Downloaded once; the cloud kernel has no Soft-RoCE.
 */
export function cachedKernel({ refresh }) {
  const cache = cacheDirectory();
  mkdirSync(cache, { recursive: true });
  const cached = readdirSync(cache)
    .filter((name) => name.startsWith(`kernel-${LAYOUT}-`) && existsSync(join(cache, name, 'modules.json')))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .at(-1);
  if (cached !== undefined && !refresh) return readKernel(join(cache, cached));
  const packageName = kernelPackage();
  const directory = join(cache, `kernel-${LAYOUT}-${packageName}`);
  if (!existsSync(join(directory, 'modules.json'))) fetchKernel(packageName, cache, directory);
  return readKernel(directory);
}

function readKernel(directory) {
  const { version, modules } = JSON.parse(readFileSync(join(directory, 'modules.json'), 'utf8'));
  return {
    version,
    image: join(directory, 'vmlinuz'),
    modules: modules.map((name) => join(directory, 'modules', name)),
  };
}

/** The package that Debian's linux-image-amd64 stands for today. */
function kernelPackage() {
  const find = () =>
    /Depends: (linux-image-\S+-amd64)$/m.exec(runProgram('apt-cache', ['depends', 'linux-image-amd64']))?.[1];
  let found;
  try {
    found = find();
  } catch (error) {
    if (process.getuid?.() !== 0) throw error;
  }
  if (found === undefined && process.getuid?.() === 0) {
    aptGet(['update']);
    found = find();
  }
  if (found === undefined) {
    throw new Error(
      'apt knows no linux-image-amd64. As root: apt-get update. The machine wants Debian on x86-64.',
    );
  }
  return found;
}

function fetchKernel(packageName, cache, directory) {
  process.stderr.write(`soft-roce: fetching ${packageName} (about 70 MB, once)\n`);
  const work = mkdtempSync(join(cache, 'fetch-'));
  try {
    aptGet(['download', packageName], { cwd: work });
    const archive = readdirSync(work).find((name) => name.endsWith('.deb'));
    const root = join(work, 'root');
    runProgram('dpkg-deb', ['--extract', join(work, archive), root]);
    const version = packageName.replace('linux-image-', '');
    runProgram('/sbin/depmod', ['-b', root, version]);
    const kept = join(work, 'kept');
    mkdirSync(join(kept, 'modules'), { recursive: true });
    copyFileSync(join(root, 'boot', `vmlinuz-${version}`), join(kept, 'vmlinuz'));
    const modules = modulesInOrder(root, version);
    for (const file of modules) copyFileSync(file, join(kept, 'modules', basename(file)));
    const listed = { version, modules: modules.map((file) => basename(file)) };
    writeFileSync(join(kept, 'modules.json'), JSON.stringify(listed, undefined, 2));
    rmSync(directory, { recursive: true, force: true });
    renameSync(kept, directory);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The modules' files with everything that they depend on, dependencies first. */
function modulesInOrder(root, version) {
  const files = new Set();
  for (const name of MODULES) {
    const lines = runProgram('/sbin/modprobe', ['-d', root, '-S', version, '--show-depends', name]);
    for (const [, file] of lines.matchAll(/^insmod (\S+)/gm)) files.add(file);
  }
  return [...files];
}
