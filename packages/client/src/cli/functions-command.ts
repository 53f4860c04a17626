import { integerOption, parseOptions, RfaasError, type MainContext } from '@rfaas/core';
import type { Command } from 'commander';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { checkFunction } from '../functions/check-function.ts';
import { functionNamesOf, readPackageFile } from '../functions/function-names.ts';
import { functionNotFound } from '../invocation-errors.ts';
import { formatTable } from './table.ts';

const listSchema = z.object({ json: z.boolean().default(false) });
const checkSchema = z.object({
  function: z.string().optional(),
  input: z.string().optional(),
  text: z.string().default(''),
  outputBytes: integerOption(0, 2 ** 31),
  timeout: integerOption(1),
  json: z.boolean().default(false),
});

/** `rfaas functions list` and `rfaas functions check`. */
export function addFunctionsCommand(program: Command, context: MainContext): void {
  const functions = program.command('functions').description('look into function packages');
  functions
    .command('list')
    .description('list the functions of a library or the exports of a module')
    .argument('<file>', 'a shared library, or a JavaScript or TypeScript module')
    .option('--json', 'print one line of JSON', false)
    .action((file: string, values: unknown) => list(file, parseOptions(listSchema, values), context));
  functions
    .command('check')
    .description(
      'check a package; with --function, also run that function of a library in a process of its own',
    )
    .argument('<file>', 'a shared library, or a JavaScript or TypeScript module')
    .option('-f, --function <name>', 'the function to run')
    .option('-i, --input <file>', 'its input')
    .option('--text <text>', 'its input as text')
    .option('--output-bytes <bytes>', 'room for its output; a guard page follows', '65536')
    .option('--timeout <ms>', 'how long it may run', '5000')
    .option('--json', 'print one line of JSON', false)
    .action((file: string, values: unknown) => check(file, parseOptions(checkSchema, values), context));
}

async function list(
  file: string,
  { json }: z.output<typeof listSchema>,
  context: MainContext,
): Promise<void> {
  const functionPackage = await readPackageFile(file);
  const names = await functionNamesOf(functionPackage);
  if (json) {
    const { kind, name, sha256, bytes } = functionPackage;
    context.print(JSON.stringify({ kind, name, sha256, bytes: bytes.byteLength, functions: names }));
    return;
  }
  const rows = names.map((name, index) => [String(index), name]);
  context.print(formatTable(['index', 'function'], rows));
}

async function check(
  file: string,
  options: z.output<typeof checkSchema>,
  context: MainContext,
): Promise<void> {
  const functionPackage = await readPackageFile(file);
  const names = await functionNamesOf(functionPackage);
  const { kind, name } = functionPackage;
  if (options.function === undefined) {
    const facts = { ok: true, kind, name, functions: names };
    context.print(
      options.json ? JSON.stringify(facts) : `${name}: ${kind}, ${names.length} functions, nothing wrong`,
    );
    return;
  }
  if (kind !== 'native') {
    throw new RfaasError(
      'RFAAS_ERR_USAGE',
      'only functions of a library can be run here: Node runs modules itself',
    );
  }
  if (!names.includes(options.function)) throw functionNotFound(options.function, names);
  const input = options.input === undefined ? Buffer.from(options.text) : await readFile(options.input);
  const { outputBytes, timeout: timeoutMs } = options;
  const result = await checkFunction({
    library: file,
    functionName: options.function,
    input,
    outputBytes,
    timeoutMs,
    signal: context.signal,
  });
  const { returned, microseconds } = result;
  const facts = {
    ok: true,
    function: options.function,
    inputBytes: input.byteLength,
    returned,
    microseconds,
  };
  context.print(
    options.json
      ? JSON.stringify(facts)
      : `${options.function}(${input.byteLength} bytes) returned ${returned} bytes in ${Math.round(microseconds)} µs, the library's loading included`,
  );
}
