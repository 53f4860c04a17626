import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { elfFunctionNames, RfaasError, type PackageKind } from '@rfaas/core';
import { bundleModule } from './module-bundle.ts';

/** Read at once, and not beside other work. */
const SMALL_FILE_BYTES = 1024 * 1024;

/** A shared library whose exported functions are `uint32_t f(void *args, uint32_t size, void *res)`: path or bytes. */
export interface LibrarySource {
  readonly library: string | URL | Uint8Array;
}

/** A JavaScript or TypeScript module whose exported functions take (input, output) and return the bytes written. */
export interface ModuleSource {
  readonly module: string | URL | ModuleText;
}

/** A module given as text. */
export interface ModuleText {
  readonly source: string;
  /** What error messages call it. Default `module.js`. */
  readonly name?: string;
  /** Where its relative imports start. Default: the working directory. */
  readonly directory?: string;
}

/** What `lease.allocate` can send to an executor. */
export type FunctionSource = LibrarySource | ModuleSource;

/** A function package, ready to be sent: named by the hash of its bytes. */
export interface FunctionPackage {
  readonly kind: PackageKind;
  /** For people and logs; at most 64 bytes of it travel. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** 64 hex digits. */
  readonly sha256: string;
}

/**
 * Reads a library, or bundles a module into one ES module (bare imports stay, for the node's modules directory to
 * provide). Throws RFAAS_ERR_PACKAGE for what no executor could load, and touches the file system only.
 */
export async function readFunctionPackage(source: FunctionSource): Promise<FunctionPackage> {
  if ('library' in source) return readLibrary(source.library);
  if ('module' in source) return readModule(source.module);
  throw new RfaasError('RFAAS_ERR_USAGE', 'allocate wants { library } or { module }, and got neither');
}

async function readLibrary(library: string | URL | Uint8Array): Promise<FunctionPackage> {
  if (library instanceof Uint8Array) return libraryPackage('library.so', library);
  const path = pathOf(library);
  return libraryPackage(basename(path), await readPackageFile(path));
}

function libraryPackage(name: string, bytes: Uint8Array): FunctionPackage {
  if (functionsOf(name, bytes).length === 0) {
    throw new RfaasError(
      'RFAAS_ERR_PACKAGE',
      `library ${name} exports no function; compile it with -shared -fPIC and default visibility`,
    );
  }
  return { kind: 'native', name: shortName(name), bytes, sha256: sha256Of(bytes) };
}

function functionsOf(name: string, bytes: Uint8Array): string[] {
  try {
    return elfFunctionNames(bytes);
  } catch (error) {
    if (!(error instanceof RfaasError)) throw error;
    throw new RfaasError(error.code, `library ${name}: ${error.message}`, {
      cause: error,
      details: error.details,
    });
  }
}

async function readModule(module: string | URL | ModuleText): Promise<FunctionPackage> {
  const isText = typeof module === 'object' && 'source' in module;
  const text = isText
    ? {
        source: module.source,
        name: module.name ?? 'module.js',
        directory: module.directory ?? process.cwd(),
      }
    : await readModuleText(pathOf(module));
  const bytes = new TextEncoder().encode(await bundleModule(text));
  return { kind: 'javascript', name: shortName(text.name), bytes, sha256: sha256Of(bytes) };
}

async function readModuleText(path: string): Promise<Required<ModuleText>> {
  const source = new TextDecoder().decode(await readPackageFile(path));
  return { source, name: basename(path), directory: dirname(path) };
}

async function readPackageFile(path: string): Promise<Uint8Array> {
  try {
    // What is small is there sooner than threads of the pool have been asked four times.
    return statSync(path).size <= SMALL_FILE_BYTES ? readFileSync(path) : await readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RfaasError('RFAAS_ERR_PACKAGE', `function package ${path} cannot be read: ${reason}`, {
      cause: error,
    });
  }
}

function pathOf(location: string | URL): string {
  return location instanceof URL ? fileURLToPath(location) : resolve(location);
}

/** The message that offers a package has 64 bytes for its name. */
function shortName(name: string): string {
  let short = name;
  while (Buffer.byteLength(short) > 63) short = short.slice(0, -1);
  return short;
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
