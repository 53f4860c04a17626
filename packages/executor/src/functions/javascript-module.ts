import { init, parse } from 'es-module-lexer';
import type { ImportSpecifier } from 'es-module-lexer';
import type { ModuleResolver } from './module-resolver.ts';

/**
 * The module with every import that is written in it resolved, so that it runs from anywhere. Lines stay where they
 * are. Throws an Error that names the import that cannot be had, with its line, or a SyntaxError.
 */
export async function resolveImports(code: string, resolver: ModuleResolver): Promise<string> {
  await init;
  const [imports] = parse(code);
  let result = '';
  let copied = 0;
  for (const found of imports) {
    const { n: specifier } = found;
    // import.meta, and dynamic imports whose specifier only a run of the module can tell.
    if (specifier === undefined || found.d === -2) {
      continue;
    }
    const target = await resolveAt(code, found, specifier, resolver);
    // A dynamic import's range has the quotes, a static one's has not.
    const text = JSON.stringify(target);
    result += code.slice(copied, found.s) + (found.d >= 0 ? text : text.slice(1, -1));
    copied = found.e;
  }
  return result + code.slice(copied);
}

async function resolveAt(
  code: string,
  found: ImportSpecifier,
  specifier: string,
  resolver: ModuleResolver,
): Promise<string> {
  try {
    return await resolver.resolve(specifier);
  } catch (error) {
    const line = code.slice(0, found.s).split('\n').length;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`line ${line}: ${reason}`, { cause: error });
  }
}
