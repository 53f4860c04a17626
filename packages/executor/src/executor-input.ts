import type { Readable } from 'node:stream';
import type { ExecutorAssignment, ExecutorPreparation } from '@rfaas/core';
import { RfaasError } from '@rfaas/core/wire';

/** A line is a few hundred bytes; whatever is longer is none. */
const longestLine = 64 * 1024;

interface Waiting {
  readonly resolve: (line: string) => void;
  readonly reject: (error: RfaasError) => void;
}

/** Standard input of an executor: lines from its manager, and silence between them for as long as the manager lives. */
export class ExecutorInput {
  /** Resolves once the other end is closed. Never rejects. */
  readonly ended: Promise<void>;
  readonly #lines: string[] = [];
  #partial = '';
  #waiting: Waiting | undefined;
  #failure: RfaasError | undefined;
  #end: () => void = () => undefined;

  constructor(input: Readable) {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    const finish = (): void => {
      this.#fail(
        'standard input ended without a line; rfaas-executor is started by rfaas-executor-manager, not by hand',
      );
      this.#end();
    };
    input.setEncoding('utf8');
    input.on('data', (text: string) => this.#take(text));
    input.once('end', finish);
    input.once('error', finish);
    input.once('close', finish);
  }

  /** Whether a line is there that nobody has asked for. */
  get hasLine(): boolean {
    return this.#lines.length > 0;
  }

  /**
   * The next line without its line feed; asked for one at a time. Rejects with RfaasError `RFAAS_ERR_PROTOCOL` if the
   * input ends first, or goes on and on.
   */
  next(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#hand();
    });
  }

  #take(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    this.#lines.push(...lines);
    if (this.#partial.length > longestLine || lines.some((line) => line.length > longestLine)) {
      this.#fail(`a line on standard input is longer than ${longestLine} bytes`);
    }
    this.#hand();
  }

  #fail(problem: string): void {
    this.#failure ??= new RfaasError('RFAAS_ERR_PROTOCOL', problem);
    this.#hand();
  }

  #hand(): void {
    const waiting = this.#waiting;
    const line = this.#lines[0];
    if (waiting === undefined || (line === undefined && this.#failure === undefined)) {
      return;
    }
    this.#waiting = undefined;
    if (line === undefined || line.length > longestLine) {
      waiting.reject(this.#failure as RfaasError);
    } else {
      this.#lines.shift();
      waiting.resolve(line);
    }
  }
}

/**
 * The preparation in a line. Its manager, which is the parent of this process, has checked it against the schema that both
 * share; this side leaves the schema's library out, which would take a third of the memory that an executor may have.
 */
export function parsePreparationLine(line: string): ExecutorPreparation {
  return parseLine('preparation', line) as ExecutorPreparation;
}

/** The assignment in a line; see {@link parsePreparationLine}. */
export function parseAssignmentLine(line: string): ExecutorAssignment {
  return parseLine('assignment', line) as ExecutorAssignment;
}

function parseLine(what: string, line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new RfaasError('RFAAS_ERR_PROTOCOL', `${what} on standard input is not JSON`, { cause: error });
  }
}
