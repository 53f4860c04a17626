import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RdmaError } from '../errors.ts';

/** Where findNativeLibrary looks; everything has a default. */
export interface NativeLibrarySearch {
  /** Default `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** The folder from which to walk up in search of a checkout. Default this package's. */
  readonly startDirectory?: string;
  /** Default `linux-x64`, `linux-arm64`, … as this process runs. */
  readonly platform?: string;
}

// By library and `$RFAAS_NATIVE_DIRECTORY`. Everything that opens a transport asks, and a walk through folders takes longer
// than opening one.
const found = new Map<string, string>();

/**
 * The path of a native library: in `$RFAAS_NATIVE_DIRECTORY` (where set, nowhere else), in the `native-shims/build` of
 * the checkout around this package, or in the platform package `@rfaas/native-<platform>-<arch>`. Throws RdmaError
 * with code RDMA_ERR_LIBRARY_NOT_FOUND that lists every place it looked at.
 */
export function findNativeLibrary(file: string, search?: NativeLibrarySearch): string {
  if (search !== undefined) {
    return look(file, search);
  }
  const key = `${file} ${process.env['RFAAS_NATIVE_DIRECTORY'] ?? ''}`;
  const path = found.get(key) ?? look(file, {});
  found.set(key, path);
  return path;
}

function look(file: string, search: NativeLibrarySearch): string {
  const environment = search.environment ?? process.env;
  const tried: string[] = [];
  const configured = environment['RFAAS_NATIVE_DIRECTORY'];
  if (configured !== undefined && configured !== '') {
    const path = join(configured, file);
    if (existsSync(path)) {
      return path;
    }
    tried.push(`${path} (from RFAAS_NATIVE_DIRECTORY; unset it to search elsewhere)`);
  } else {
    const start = search.startDirectory ?? dirname(fileURLToPath(import.meta.url));
    const platform = search.platform ?? `${process.platform}-${process.arch}`;
    const path = inCheckout(file, start, tried) ?? inPlatformPackage(file, start, platform, tried);
    if (path !== undefined) {
      return path;
    }
  }
  throw new RdmaError(
    'RDMA_ERR_LIBRARY_NOT_FOUND',
    `cannot find the native library ${file}; looked for\n${tried.map((place) => `  - ${place}`).join('\n')}\n` +
      'In a checkout build it with "npm run build:native" (needs make and a C compiler); in an installation add the ' +
      'platform package, or point RFAAS_NATIVE_DIRECTORY to the folder that has it.',
    { operation: 'findNativeLibrary', errno: 'ENOENT' },
  );
}

function inCheckout(file: string, start: string, tried: string[]): string | undefined {
  for (let directory = start; ; directory = dirname(directory)) {
    const shims = join(directory, 'native-shims');
    if (existsSync(join(shims, 'Makefile'))) {
      const path = join(shims, 'build', file);
      tried.push(`${path} (this checkout)`);
      return existsSync(path) ? path : undefined;
    }
    if (dirname(directory) === directory) {
      tried.push(`native-shims/build/${file} in ${start} or a folder above it (no checkout there)`);
      return undefined;
    }
  }
}

function inPlatformPackage(
  file: string,
  start: string,
  platform: string,
  tried: string[],
): string | undefined {
  const name = `@rfaas/native-${platform}`;
  try {
    const manifest = createRequire(join(start, 'package.json')).resolve(`${name}/package.json`);
    const path = join(dirname(manifest), file);
    if (existsSync(path)) {
      return path;
    }
    tried.push(`${path} (the package is installed and lacks the file)`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') {
      throw error;
    }
    tried.push(`the package ${name} (not installed)`);
  }
  return undefined;
}
