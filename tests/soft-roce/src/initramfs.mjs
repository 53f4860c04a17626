import { createHash } from 'node:crypto';
import {
  chmodSync,
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
import { basename, join } from 'node:path';

import { runProgram } from './debian-packages.mjs';
import { cacheDirectory } from './kernel.mjs';

const INIT = new URL('../guest/init', import.meta.url);

/** Packs busybox, the kernel modules and guest/init; returns the file. Kept until one of them changes. */
export function buildInitramfs(kernel) {
  const init = readFileSync(INIT);
  const key = createHash('sha256').update(init).update(readFileSync('/bin/busybox'));
  for (const file of kernel.modules) key.update(basename(file)).update(kernel.version);
  const cache = cacheDirectory();
  const image = join(cache, `initramfs-${key.digest('hex').slice(0, 16)}`);
  if (existsSync(image)) return image;

  const work = mkdtempSync(join(cache, 'initramfs-work-'));
  try {
    const root = join(work, 'root');
    for (const name of ['bin', 'modules', 'proc', 'sys', 'dev', 'host', 'memory', 'root']) {
      mkdirSync(join(root, name), { recursive: true });
    }
    copyFileSync('/bin/busybox', join(root, 'bin', 'busybox'));
    for (const file of kernel.modules) copyFileSync(file, join(root, 'modules', basename(file)));
    writeFileSync(join(root, 'modules.list'), kernel.modules.map((file) => `${basename(file)}\n`).join(''));
    writeFileSync(join(root, 'init'), init);
    chmodSync(join(root, 'init'), 0o755);
    const names = readdirSync(root, { recursive: true }).sort();
    runProgram('cpio', ['--create', '--format=newc', '--quiet', '--file', join(work, 'image')], {
      cwd: root,
      input: `${names.join('\n')}\n`,
    });
    renameSync(join(work, 'image'), image);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return image;
}
