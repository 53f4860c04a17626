import { existsSync, realpathSync, statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Turns what a module imports into something that can be imported from anywhere. */
export interface ModuleResolver {
  /** Rejects with an Error that names the import and says why it cannot be had. */
  resolve(specifier: string): Promise<string>;
}

/** Node's own modules, and packages of the node's `modules` directory; nothing else. */
export class ModulesDirectoryResolver implements ModuleResolver {
  readonly #directory: string | undefined;

  /**
   * `directory` holds packages as npm installs them: a folder with `node_modules` in it, or a `node_modules` itself.
   * Without one a module may import only what Node brings.
   */
  constructor(directory: string | undefined) {
    this.#directory = directory === undefined ? undefined : packageRoot(resolve(directory));
  }

  async resolve(specifier: string): Promise<string> {
    if (isBuiltin(specifier)) {
      return specifier;
    }
    const name = packageName(specifier);
    if (name === undefined) {
      throw new Error(
        `cannot import ${JSON.stringify(specifier)}: a package may import Node's own modules and packages by their ` +
          'names; bundle everything else into the module',
      );
    }
    const directory = this.#directory;
    if (directory === undefined) {
      throw new Error(
        `cannot import ${JSON.stringify(specifier)}: this node has no modules directory configured`,
      );
    }
    // Looked for here and not left to Node, which would go on in the directories above.
    const folder = join(directory, 'node_modules', name);
    if (!existsSync(folder)) {
      throw new Error(
        `cannot import ${JSON.stringify(specifier)}: this node's modules directory has no package "${name}"; ` +
          'ask for it to be installed there, or bundle it into the module',
      );
    }
    const url = await resolveFrom(directory, specifier);
    // "name/../.." resolves to something else than the package that it names.
    if (!fileURLToPath(url).startsWith(realpathSync(folder) + sep)) {
      throw new Error(`cannot import ${JSON.stringify(specifier)}: it leads out of package "${name}"`);
    }
    return url;
  }
}

async function resolveFrom(directory: string, specifier: string): Promise<string> {
  // Loaded for a package that imports another one: few do, and it takes longer than all the rest.
  const { resolve: resolveImport } = await import('import-meta-resolve');
  try {
    return resolveImport(specifier, pathToFileURL(join(directory, 'rfaas-function.js')).href);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `cannot import ${JSON.stringify(specifier)} from this node's modules directory: ${reason}`,
      { cause: error },
    );
  }
}

function packageRoot(directory: string): string {
  const isModules = basename(directory) === 'node_modules';
  const hasModules =
    statSync(join(directory, 'node_modules'), { throwIfNoEntry: false })?.isDirectory() === true;
  return isModules && !hasModules ? dirname(directory) : directory;
}

/** The package that a bare specifier names; undefined for paths and URLs. */
function packageName(specifier: string): string | undefined {
  return /^(?:@[\w.~-]+\/)?[\w~-][\w.~-]*(?=\/|$)/.exec(specifier)?.[0];
}
