import { integerOption } from '@rfaas/core';
import type { Command } from 'commander';
import { z } from 'zod';

/** Options of commands that ask a resource manager over HTTP. */
export const managerOptions = z.object({
  url: z.string().optional(),
  tokenFile: z.string().optional(),
  json: z.boolean().default(false),
});

/** The options of commands that list something. */
export const listOptions = managerOptions.extend({ limit: integerOption(1).optional() });

/** Adds what {@link listOptions} has beyond {@link managerOptions}. */
export function addListOptions(command: Command): Command {
  return command.option('--limit <count>', 'show no more than so many');
}

/** Adds the options of {@link managerOptions} to a command, and examples to its help. */
export function addManagerOptions(
  command: Command,
  examples: readonly (readonly [command: string, explanation: string])[] = [],
): Command {
  const shown = examples.map(([line, explanation]) => `  $ ${line}\n      ${explanation}`).join('\n');
  return command
    .option(
      '-u, --url <url>',
      "the resource manager's HTTP address, of several with commas between them (default: $RFAAS_HTTP_URL)",
    )
    .option(
      '--token-file <file>',
      "the file with a token (default: $RFAAS_HTTP_TOKEN, else http.token in the state folder, else made from the tenant's credential)",
    )
    .option('--json', 'print the answer as one line of JSON')
    .addHelpText('after', examples.length === 0 ? '' : `\nExamples:\n${shown}`);
}

/** What was given to a command or, in front of its name, to the one that it belongs to. */
export function optionsOf(command: Command): unknown {
  return { ...command.parent?.opts(), ...command.opts() };
}
