import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The npm package with the native libraries of each platform; its folder is native-shims/npm/<platform>. */
const NATIVE_PLATFORMS = ['linux-x64', 'linux-arm64'];

/**
 * Lays every publishable package out in a folder of its own, as npm shall get it: the checkout's package.json files cannot name
 * packages that are not published yet as optional dependencies, because `npm ci` would ask a registry for them.
 *
 * @param {string} root the checkout, built
 * @param {string} output the folder for it, created
 * @returns {{ name: string, folder: string }[]} in the order in which they can be published: nothing before what it needs
 */
export function stagePackages(root, output) {
  const native = NATIVE_PLATFORMS.map((platform) => join(root, 'native-shims', 'npm', platform)).map(
    (source) => stageNative(root, source, output),
  );
  const folders = readdirSync(join(root, 'packages')).filter((folder) =>
    existsSync(join(root, 'packages', folder, 'package.json')),
  );
  const staged = folders.map((folder) =>
    stageWorkspace(root, join(root, 'packages', folder), output, native),
  );
  const built = native.filter(({ folder }) => readdirSync(folder).some((file) => file.endsWith('.so')));
  return [...built, ...inPublishOrder(staged)].map(({ manifest, folder }) => ({
    name: manifest.name,
    folder,
  }));
}

function stageNative(root, source, output) {
  const staged = copyPackage(root, source, output);
  if (staged.manifest.name !== `@rfaas/native-${process.platform}-${process.arch}`) return staged; // built on such a machine
  const build = join(root, 'native-shims', 'build');
  for (const file of readdirSync(build).filter((name) => /^lib(rdmalib|rfaas)_[a-z_]+\.so$/.test(name))) {
    cpSync(join(build, file), join(staged.folder, file));
    chmodSync(join(staged.folder, file), 0o644); // loaded, never executed
  }
  return staged;
}

function stageWorkspace(root, source, output, native) {
  const staged = copyPackage(root, source, output);
  if (staged.manifest.name !== '@rfaas/rdmalib') return staged;
  for (const part of ['Makefile', 'verbs.mk', 'fabric.mk', 'include', 'src']) {
    cpSync(join(root, 'native-shims', part), join(staged.folder, 'native-shims', part), { recursive: true });
  }
  const { manifest } = staged;
  manifest.files.push('native-shims');
  manifest.optionalDependencies = Object.fromEntries(
    native.map((each) => [each.manifest.name, each.manifest.version]),
  );
  writeFileSync(join(staged.folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return staged;
}

/** Copies what the package's `files` name, its package.json, and the licence that every package must carry. */
function copyPackage(root, source, output) {
  const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
  const folder = join(output, manifest.name); // the scope as a folder: @rfaas/x and rfaas-x are two packages
  mkdirSync(folder, { recursive: true });
  for (const entry of ['package.json', 'README.md', ...manifest.files]) {
    if (/[!*]/.test(entry) || !existsSync(join(source, entry))) continue;
    cpSync(join(source, entry), join(folder, entry), { recursive: true });
  }
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  return { manifest, folder };
}

function inPublishOrder(staged) {
  const names = new Set(staged.map(({ manifest }) => manifest.name));
  const ordered = [];
  while (ordered.length < staged.length) {
    const done = new Set(ordered.map(({ manifest }) => manifest.name));
    const ready = staged.filter(
      ({ manifest }) =>
        !done.has(manifest.name) &&
        Object.keys(manifest.dependencies ?? {}).every((name) => !names.has(name) || done.has(name)),
    );
    if (ready.length === 0)
      throw new Error('packages depend on each other in a circle: see "npm run layering"');
    ordered.push(...ready);
  }
  return ordered;
}
