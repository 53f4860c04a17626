import { z } from 'zod';
import { RfaasError } from './errors.ts';
import { logLevels } from './logging/logger.ts';
import { packageKinds } from './messages/allocation-messages.ts';
import { maxSlots } from './messages/invocation.ts';

function hexDigits(bytes: number): z.ZodString {
  return z
    .string()
    .regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`), `expected ${2 * bytes} lower-case hexadecimal digits`);
}

/** Memory of one thread for invocations. */
const invocationMemory = {
  slots: z
    .int()
    .min(1)
    .max(maxSlots)
    .refine((value) => (value & (value - 1)) === 0, 'expected a power of two'),
  inputBytes: z.int().min(0),
  outputBytes: z.int().min(0),
};

/**
 * What an executor process is started with: the first JSON line on its standard input, never its arguments. It binds the
 * executor to no client yet; that is what an {@link executorAssignment} does.
 */
export const executorPreparation = z.strictObject({
  executorId: hexDigits(16),
  managerUrl: z.string(),
  /** What the executor shows its manager when it connects. */
  managerSecret: hexDigits(16),
  /** Threads to start ahead of an assignment. */
  threads: z.int().min(1),
  /** What each of them allocates ahead. */
  ...invocationMemory,
  /** Whether it goes through a whole assignment with a client that it plays, before it says that it is prepared. */
  rehearses: z.boolean(),
  /** The folder from which JavaScript functions may import. */
  modulesDirectory: z.string().optional(),
  /** The folder in which this node keeps packages under their hashes. */
  packageCache: z.string().optional(),
  logLevel: z.enum(logLevels),
});

/** See {@link executorPreparation}. */
export type ExecutorPreparation = z.infer<typeof executorPreparation>;

/** Whom an executor serves, and what: one JSON line on its standard input, and another for each time it is used again. */
export const executorAssignment = z.strictObject({
  allocationId: hexDigits(16),
  /** What the executor shows the client when it connects. */
  secret: hexDigits(16),
  clientUrl: z.string(),
  /** The processors that the process is bound to, one for each thread. */
  cpus: z.array(z.int().min(0)),
  threads: z.int().min(1),
  hotTimeoutMs: z.int().min(-1),
  ...invocationMemory,
  packageKind: z.enum(packageKinds),
  packageName: z.string(),
  sha256: hexDigits(32),
  packageBytes: z.int().min(1),
  pinThreads: z.boolean(),
  /** A client on another host of which nothing is heard for this long is gone. */
  peerTimeoutMs: z.int().min(1),
});

/** See {@link executorAssignment}. */
export type ExecutorAssignment = z.infer<typeof executorAssignment>;

/** The first line that an executor process reads. */
export function formatPreparation(preparation: ExecutorPreparation): string {
  return `${JSON.stringify(executorPreparation.parse(preparation))}\n`;
}

/** Every further line that an executor process reads. */
export function formatAssignment(assignment: ExecutorAssignment): string {
  return `${JSON.stringify(executorAssignment.parse(assignment))}\n`;
}

/**
 * Reads the first line that an executor process was given.
 *
 * @throws RfaasError `RFAAS_ERR_PROTOCOL` if it is no preparation
 */
export function parsePreparation(line: string): ExecutorPreparation {
  return parseLine('preparation', executorPreparation, line);
}

/**
 * Reads a further line that an executor process was given.
 *
 * @throws RfaasError `RFAAS_ERR_PROTOCOL` if it is no assignment
 */
export function parseAssignment(line: string): ExecutorAssignment {
  return parseLine('assignment', executorAssignment, line);
}

function parseLine<Schema extends z.ZodType>(what: string, schema: Schema, line: string): z.infer<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new RfaasError('RFAAS_ERR_PROTOCOL', `executor ${what} on standard input is not JSON`, {
      cause: error,
    });
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    throw new RfaasError(
      'RFAAS_ERR_PROTOCOL',
      `executor ${what} on standard input: ${z.prettifyError(parsed.error)}`,
    );
  }
  return parsed.data;
}
