import type { ExecutorAssignment, ExecutorPreparation } from '@rfaas/core';
import type { PackageOffer } from '@rfaas/core/wire';
import type { MemoryRegion, MessageChannel, ProtectionDomain } from '@rfaas/rdmalib';
import { HostFunctions } from '../native/host-functions.ts';
import type { FunctionSource } from './function-library.ts';
import { loadNativeFunctions } from './native-function-library.ts';
import { readCachedPackage, writeCachedPackage } from './package-cache.ts';
import { checkOffer, fetchPackage } from './package-fetch.ts';

/** A package that worker threads can be given. */
export interface LoadedPackage {
  readonly sha256: string;
  readonly source: FunctionSource;
  /** The functions' names; undefined where only a thread that runs the module can tell. */
  readonly names: readonly string[] | undefined;
  /** Gives back what it takes, once no thread has it any more. What a module made in a thread stays there. */
  readonly unload: () => void;
}

/** Where a package comes from, and what it shall be. */
export interface PackageOrigin {
  readonly client: MessageChannel;
  readonly domain: ProtectionDomain;
  readonly offer: PackageOffer;
  readonly assignment: Pick<ExecutorAssignment, 'packageKind' | 'packageName' | 'sha256' | 'packageBytes'>;
  readonly preparation: Pick<ExecutorPreparation, 'modulesDirectory' | 'packageCache'>;
}

/** Takes a package from this node's cache or from the client and prepares it; throws an Error that says what is wrong. */
export async function loadPackage(origin: PackageOrigin): Promise<LoadedPackage> {
  const { domain, assignment, preparation } = origin;
  const file = await obtainPackage(origin);
  const { sha256 } = assignment;
  if (assignment.packageKind === 'native') {
    const { names, table, unload } = loadNativeFunctions(file, domain, new HostFunctions());
    return { sha256, names, source: { kind: 'native', table: table.address, count: names.length }, unload };
  }
  const code = new TextDecoder('utf-8', { fatal: true }).decode(file.bytes);
  file.close();
  // Imported only here: executors of native packages start sooner and stay smaller without a lexer.
  const { prepareModule } = await import('./prepare-module.ts');
  const prepared = await prepareModule(code, preparation.modulesDirectory);
  const source = { kind: 'javascript', code: prepared, name: assignment.packageName } as const;
  return { sha256, names: undefined, source, unload: () => undefined };
}

async function obtainPackage(origin: PackageOrigin): Promise<MemoryRegion> {
  const { client, domain, offer, assignment, preparation } = origin;
  const { packageCache } = preparation;
  checkOffer(offer, assignment);
  const cached = packageCache === undefined ? undefined : readCachedPackage(packageCache, assignment, domain);
  if (cached !== undefined) {
    return cached;
  }
  const file = await fetchPackage(client, domain, offer);
  if (packageCache !== undefined) {
    // Before anything of the package runs: what is in the cache was checked by code that is not the client's.
    writeCachedPackage(packageCache, assignment.sha256, file.bytes);
  }
  return file;
}
