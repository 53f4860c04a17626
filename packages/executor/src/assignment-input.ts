import type { Readable } from 'node:stream';
import type { ExecutorAssignment } from '@rfaas/core';
import { RfaasError } from '@rfaas/core/wire';

/** An assignment is a few hundred bytes; whatever is longer is none. */
const longestLine = 64 * 1024;

/** Standard input of an executor: one line, and then silence for as long as the manager lives. */
export interface AssignmentInput {
  /** Without the line feed. Rejects with RfaasError `RFAAS_ERR_PROTOCOL` if the input ends, or goes on and on, first. */
  readonly line: Promise<string>;
  /** Resolves once the other end is closed. Never rejects. */
  readonly ended: Promise<void>;
}

/** Reads an assignment from `input` and watches for its end. */
export function readAssignmentInput(input: Readable): AssignmentInput {
  let received = '';
  let end: (() => void) | undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const line = new Promise<string>((resolve, reject) => {
    const finish = (): void => {
      reject(
        new RfaasError(
          'RFAAS_ERR_PROTOCOL',
          'standard input ended without an assignment; rfaas-executor is started by rfaas-executor-manager, not by hand',
        ),
      );
      end?.();
    };
    input.setEncoding('utf8');
    input.on('data', (text: string) => {
      if (received.includes('\n')) {
        return;
      }
      received += text;
      const stop = received.indexOf('\n');
      if (stop >= 0) {
        resolve(received.slice(0, stop));
      } else if (received.length > longestLine) {
        reject(
          new RfaasError(
            'RFAAS_ERR_PROTOCOL',
            `assignment on standard input is longer than ${longestLine} bytes`,
          ),
        );
      }
    });
    input.once('end', finish);
    input.once('error', finish);
    input.once('close', finish);
  });
  return { line, ended };
}

/**
 * The assignment in a line. Its manager, which is the parent of this process, has checked it against the schema that both
 * share; this side leaves the schema's library out, which would take a third of the memory that an executor may have.
 */
export function parseAssignmentLine(line: string): ExecutorAssignment {
  try {
    return JSON.parse(line) as ExecutorAssignment;
  } catch (error) {
    throw new RfaasError('RFAAS_ERR_PROTOCOL', 'assignment on standard input is not JSON', { cause: error });
  }
}
