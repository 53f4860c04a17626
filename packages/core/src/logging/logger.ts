import { errorCode, errorMessage } from '../errors.ts';

/** How much is logged: each level includes those in front of it. */
export const logLevels = ['error', 'warn', 'info', 'debug'] as const;

/** See {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number];

/** Facts of a log entry. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where log entries go. Messages are constant strings; facts are fields. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose entries carry these fields too. */
  child(fields: LogFields): Logger;
}

/** A logger that drops everything. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

/** An error as fields of a log entry: message, code and what it was caused by, without stack traces. */
export function errorFields(error: unknown): LogFields {
  const code = errorCode(error);
  const cause = typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined;
  return {
    error: errorMessage(error),
    ...(code === undefined ? {} : { code }),
    ...(cause === undefined ? {} : { cause: errorMessage(cause) }),
  };
}
