import winston from 'winston';
import { hideCredentials } from '../config/hide-credentials.ts';
import { isSecretName } from '../config/secret-names.ts';
import type { LogFields, Logger, LogLevel } from './logger.ts';

/** How log entries look: one JSON object a line, or a line for people. */
export type LogFormat = 'json' | 'pretty';

/** Options of {@link createLogger}. */
export interface LoggerOptions {
  readonly level?: LogLevel;
  /** Default: `pretty` if the stream is a terminal, else `json`. */
  readonly format?: LogFormat;
  /** Default: standard error, so that standard output stays for results. */
  readonly stream?: NodeJS.WritableStream;
  /** Fields of every entry. */
  readonly fields?: LogFields;
}

/** A logger that writes to standard error. Fields whose names say that they are secret are not written, nor are keys in URLs. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const stream = options.stream ?? process.stderr;
  const format = options.format ?? ('isTTY' in stream && stream.isTTY === true ? 'pretty' : 'json');
  const { timestamp, combine } = winston.format;
  const logger = winston.createLogger({
    level: options.level ?? 'info',
    format: combine(hideSecrets(), timestamp(), format === 'json' ? jsonLines() : prettyLines()),
    transports: [new winston.transports.Stream({ stream })],
    defaultMeta: { ...options.fields },
  });
  return wrap(logger);
}

function wrap(logger: winston.Logger): Logger {
  return {
    debug: (message, fields) => void logger.debug(message, { ...fields }),
    info: (message, fields) => void logger.info(message, { ...fields }),
    warn: (message, fields) => void logger.warn(message, { ...fields }),
    error: (message, fields) => void logger.error(message, { ...fields }),
    child: (fields) => wrap(logger.child({ ...fields })),
  };
}

const hideSecrets = winston.format((info) => {
  for (const name of Object.keys(info)) {
    if (isSecretName(name)) {
      info[name] = '[hidden]';
    }
  }
  return info;
});

function jsonLines(): winston.Logform.Format {
  return winston.format.printf(({ timestamp, level, message, ...fields }) =>
    JSON.stringify({ time: timestamp, level, message, ...fields }, replaceUnprintable),
  );
}

function prettyLines(): winston.Logform.Format {
  return winston.format.printf(({ timestamp, level, message, ...fields }) => {
    const facts = Object.entries(fields).map(
      ([name, value]) => ` ${name}=${JSON.stringify(value, replaceUnprintable)}`,
    );
    return `${String(timestamp).slice(11, 23)} ${level.padEnd(5)} ${String(message)}${facts.join('')}`;
  });
}

function replaceUnprintable(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') {
    return value.toString();
  }
  const plain = value instanceof Error ? value.message : value;
  return typeof plain === 'string' ? hideCredentials(plain) : plain;
}
