import { Command, CommanderError } from 'commander';
import { RfaasError } from '../errors.ts';

/** What a command line program says of itself. */
export interface ProgramDescription {
  readonly name: string;
  readonly description: string;
  readonly version: string;
  /** Command lines with what they do, shown at the end of the help. */
  readonly examples: readonly (readonly [command: string, explanation: string])[];
}

/** A commander command that throws instead of ending the process; add options and actions to it. */
export function createProgram(description: ProgramDescription): Command {
  const program = new Command(description.name)
    .description(description.description)
    .version(description.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', `\nExamples:\n${formatExamples(description.examples)}`)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  return program;
}

/**
 * Parses a command line and runs the action it names.
 *
 * @throws RfaasError `RFAAS_ERR_USAGE` for a command line that is wrong
 */
export async function runProgram(program: Command, argv: readonly string[]): Promise<void> {
  inheritExits(program);
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      throw error;
    }
    if (error.exitCode === 0) {
      // --help and --version have printed what was asked for.
      return;
    }
    const text = error.message.replace(/^error: /, '');
    const shown = text === '(outputHelp)' ? 'no command given' : text;
    throw new RfaasError('RFAAS_ERR_USAGE', `${shown}; see "${program.name()} --help"`, { cause: error });
  }
}

// Subcommands made with .addCommand() do not take these settings from their parent.
function inheritExits(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    inheritExits(child);
  }
}

function formatExamples(examples: ProgramDescription['examples']): string {
  return examples.map(([command, explanation]) => `  $ ${command}\n      ${explanation}`).join('\n');
}
