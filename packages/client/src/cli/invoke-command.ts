import { readFile, writeFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { integerOption, parseOptions, RfaasError, type MainContext } from '@rfaas/core';
import type { Command } from 'commander';
import { z } from 'zod';
import type { FunctionSource } from '../functions/function-package.ts';
import { addLeaseOptions, connectClient, leaseFor, leaseOptionsSchema } from './connection-options.ts';

const schema = leaseOptionsSchema.extend({
  library: z.string().optional(),
  module: z.string().optional(),
  input: z.string().optional(),
  text: z.string().optional(),
  output: z.string().optional(),
  outputBytes: integerOption(0),
  timeout: integerOption(1),
  json: z.boolean().default(false),
});

type InvokeCommandOptions = z.output<typeof schema>;

/** `rfaas invoke`: lease, allocate, invoke once, and give everything back. */
export function addInvokeCommand(program: Command, context: MainContext): void {
  const command = program
    .command('invoke')
    .description('lease cores, send a package there, invoke one of its functions, write its output')
    .argument('<function>', 'the name of the function')
    .option('-l, --library <file>', 'a shared library with native functions')
    .option('-j, --module <file>', 'a JavaScript or TypeScript module')
    .option('-i, --input <file>', 'the input; - is standard input (default: no input)')
    .option('--text <text>', 'the input as text')
    .option('-o, --output <file>', 'where to write the output (default: standard output)')
    .option('--output-bytes <bytes>', 'largest output', String(16 * 1024 * 1024))
    .option('--timeout <ms>', 'how long the invocation may take', '60000')
    .option('--json', 'print what happened as one line of JSON; needs --output', false);
  addLeaseOptions(command).action((name: string, values: unknown) =>
    invoke(name, parseOptions(schema, values), context),
  );
}

async function invoke(name: string, options: InvokeCommandOptions, context: MainContext): Promise<void> {
  const source = sourceOf(options);
  if (options.json && options.output === undefined) {
    throw new RfaasError('RFAAS_ERR_USAGE', '--json needs --output: standard output is for one of them only');
  }
  const input = await readInput(options);
  const { signal } = context;
  await using client = await connectClient(options, context);
  await using lease = await leaseFor(client, options, signal);
  const start = performance.now();
  await using executor = await lease.allocate(source, {
    slots: 1,
    inputBytes: Math.max(input.byteLength, 4096),
    outputBytes: options.outputBytes,
    signal,
  });
  const allocated = performance.now();
  const output = await executor.invoke(name, input, { deadlineMs: options.timeout, signal });
  const invoked = performance.now();
  if (options.output === undefined) {
    await writeToStandardOutput(output);
  } else {
    await writeFile(options.output, output);
  }
  if (options.json) {
    const facts = {
      function: name,
      node: lease.node,
      inputBytes: input.byteLength,
      outputBytes: output.byteLength,
    };
    context.print(
      JSON.stringify({ ...facts, allocationMs: allocated - start, invocationMs: invoked - allocated }),
    );
  }
}

function sourceOf({ library, module }: InvokeCommandOptions): FunctionSource {
  if (library !== undefined && module === undefined) return { library };
  if (module !== undefined && library === undefined) return { module };
  throw new RfaasError('RFAAS_ERR_USAGE', 'name the package with either --library or --module');
}

async function readInput({ input, text }: InvokeCommandOptions): Promise<Uint8Array> {
  if (input !== undefined && text !== undefined) {
    throw new RfaasError('RFAAS_ERR_USAGE', 'give the input with either --input or --text');
  }
  if (text !== undefined) return new TextEncoder().encode(text);
  if (input === undefined) return new Uint8Array(0);
  if (input === '-') return buffer(process.stdin);
  try {
    return await readFile(input);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RfaasError('RFAAS_ERR_USAGE', `input cannot be read: ${reason}`, { cause: error });
  }
}

async function writeToStandardOutput(bytes: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.stdout.write(bytes, (error) => (error == null ? resolve() : reject(error)));
  });
}
