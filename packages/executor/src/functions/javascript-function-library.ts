import { maxFunctions } from '@rfaas/core/wire';
import type { JavaScriptFunction } from './function-library.ts';

/** An exported function of a JavaScript package. */
export interface NamedFunction {
  readonly name: string;
  readonly run: JavaScriptFunction;
}

/** What stack traces call the module of a package. */
export function moduleSourceName(packageName: string): string {
  return `rfaas:///${packageName.replace(/[^\w.@-]/g, '_')}`;
}

/**
 * Evaluates a module and returns the functions that it exports, sorted by name: a name's index is the function's index
 * on the wire. The module gets an instance of its own in each thread that loads it. Rejects with whatever the module
 * throws, with a SyntaxError, or with an Error that says that it exports no function.
 */
export async function loadJavaScriptFunctions(code: string, packageName: string): Promise<NamedFunction[]> {
  const source = `${code}\n//# sourceURL=${moduleSourceName(packageName)}`;
  // A data: URL needs no file that would have to be removed, whatever ends the process.
  const url = `data:text/javascript;base64,${Buffer.from(source).toString('base64')}`;
  const exported = (await import(url)) as Readonly<Record<string, unknown>>;
  const functions = Object.keys(exported)
    .filter((name) => typeof exported[name] === 'function')
    .sort()
    .map((name) => ({ name, run: exported[name] as JavaScriptFunction }));
  if (functions.length === 0) {
    const others = Object.keys(exported);
    const found =
      others.length === 0
        ? 'nothing'
        : `only ${others.join(', ')}, which ${others.length === 1 ? 'is' : 'are'} no function`;
    throw new Error(
      `the module exports no function (it exports ${found}); write "export function name(input, output) {…}"`,
    );
  }
  if (functions.length > maxFunctions) {
    throw new Error(
      `the module exports ${functions.length} functions, at most ${maxFunctions} can be called`,
    );
  }
  return functions;
}
