import type { ExecutorAssignment } from '@rfaas/core';
import type { PackageOffer } from '@rfaas/core/wire';
import type { MessageChannel, ProtectionDomain } from '@rfaas/rdmalib';
import { HostFunctions } from '../native/host-functions.ts';
import type { FunctionSource } from './function-library.ts';
import { loadNativeFunctions } from './native-function-library.ts';
import { fetchPackage } from './package-fetch.ts';

/** A package that worker threads can be started with. */
export interface LoadedPackage {
  readonly source: FunctionSource;
  /** The functions' names; undefined where only a thread that runs the module can tell. */
  readonly names: readonly string[] | undefined;
}

/** Fetches a package from the client and prepares it; throws an Error that says what is wrong with it. */
export async function loadPackage(
  client: MessageChannel,
  domain: ProtectionDomain,
  offer: PackageOffer,
  assignment: ExecutorAssignment,
): Promise<LoadedPackage> {
  const file = await fetchPackage(client, domain, offer, assignment);
  if (assignment.packageKind === 'native') {
    // The file stays open: what the loader mapped of it must not change.
    const { names, table } = loadNativeFunctions(file, domain, new HostFunctions());
    return { names, source: { kind: 'native', table: table.address, count: names.length } };
  }
  const code = new TextDecoder('utf-8', { fatal: true }).decode(file.bytes);
  file.close();
  // Imported only here: executors of native packages stay smaller without a lexer and a resolver.
  const { prepareModule } = await import('./prepare-module.ts');
  const prepared = await prepareModule(code, assignment.modulesDirectory);
  return { names: undefined, source: { kind: 'javascript', code: prepared, name: assignment.packageName } };
}
