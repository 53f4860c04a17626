import { resolveImports } from './javascript-module.ts';
import { ModulesDirectoryResolver } from './module-resolver.ts';
import { describeSyntaxError } from './syntax-check.ts';

/**
 * A module's code, ready to run in a thread: its imports come from `modulesDirectory` or from Node. Throws an Error that
 * names the import, or the line whose syntax is wrong.
 */
export async function prepareModule(code: string, modulesDirectory: string | undefined): Promise<string> {
  const resolver = new ModulesDirectoryResolver(modulesDirectory);
  try {
    return await resolveImports(code, resolver);
  } catch (error) {
    // The lexer says where it gave up, which is often far behind the mistake.
    const position = isLexerError(error) ? await describeSyntaxError(code) : undefined;
    throw position === undefined ? error : new SyntaxError(position, { cause: error });
  }
}

function isLexerError(error: unknown): boolean {
  return error instanceof Error && 'idx' in error;
}
