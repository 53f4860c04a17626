import { elfFunctionNames } from '@rfaas/core';
import { exportedNames } from './module-bundle.ts';
import { readFunctionPackage, type FunctionPackage } from './function-package.ts';

/** Endings of what is taken for a module rather than a library. */
const MODULE_ENDING = /\.[cm]?[jt]sx?$/;

/** Reads a file as the kind of package that its name says: a module by .js, .mjs, .ts and the like, else a library. */
export function readPackageFile(path: string): Promise<FunctionPackage> {
  return readFunctionPackage(MODULE_ENDING.test(path) ? { module: path } : { library: path });
}

/**
 * The names that a package would offer. Of a module these are all its exports: which of them are functions is known
 * only where it runs.
 */
export async function functionNamesOf(functionPackage: FunctionPackage): Promise<string[]> {
  if (functionPackage.kind === 'native') return elfFunctionNames(functionPackage.bytes);
  return exportedNames(new TextDecoder().decode(functionPackage.bytes), functionPackage.name);
}
