import { RfaasError } from '@rfaas/core';
import type { BuildFailure, BuildResult, Message } from 'esbuild';
import type { ModuleText } from './function-package.ts';

type Bundle = BuildResult<{ write: false; metafile: true }>;

/**
 * Bundles a module and what it imports by path into one ES module. Bare imports are left as they are.
 *
 * Throws RFAAS_ERR_PACKAGE for a syntax error or an import that is not found, with file, line and column, and for a
 * module that exports nothing.
 */
export async function bundleModule(module: Required<ModuleText>): Promise<string> {
  const result = await runEsbuild(module);
  const [output] = result.outputFiles;
  const [description] = Object.values(result.metafile.outputs);
  if (output === undefined || description === undefined || description.exports.length === 0) {
    throw new RfaasError(
      'RFAAS_ERR_PACKAGE',
      `module ${module.name} exports no function; write "export function name(input, output) { … }"`,
    );
  }
  return output.text;
}

async function runEsbuild(module: Required<ModuleText>): Promise<Bundle> {
  // Only for modules: a client of native libraries starts without it.
  const { build } = await import('esbuild');
  try {
    return await build({
      stdin: {
        contents: module.source,
        sourcefile: module.name,
        resolveDir: module.directory,
        loader: loaderFor(module.name),
      },
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      packages: 'external',
      write: false,
      metafile: true,
      logLevel: 'silent',
      outfile: 'bundle.mjs',
    });
  } catch (error) {
    throw new RfaasError('RFAAS_ERR_PACKAGE', `module ${module.name} cannot be bundled: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

/** The names that a bundled module exports, sorted. */
export async function exportedNames(bundle: string, name: string): Promise<string[]> {
  const result = await runEsbuild({ source: bundle, name, directory: process.cwd() });
  const [description] = Object.values(result.metafile.outputs);
  return [...(description?.exports ?? [])].sort();
}

/** By the ending of the name, as Node would take it; TypeScript and JSX endings are taken for what they say. */
function loaderFor(name: string): 'js' | 'ts' | 'jsx' | 'tsx' {
  const ending = /\.[cm]?([jt]sx?)$/.exec(name)?.[1];
  return ending === 'ts' || ending === 'tsx' || ending === 'jsx' ? ending : 'js';
}

function reasonOf(error: unknown): string {
  const messages = (error as Partial<BuildFailure>).errors;
  const first = messages?.[0];
  if (first !== undefined) return describeMessage(first);
  return error instanceof Error ? error.message : String(error);
}

function describeMessage({ text, location }: Message): string {
  return location === null ? text : `${location.file}:${location.line}:${location.column + 1}: ${text}`;
}
