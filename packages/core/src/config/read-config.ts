import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { errorMessage, RfaasError } from '../errors.ts';

/** What a command line says of keys below `config`; it wins over the file. What is `undefined` is left to the file. */
export type ConfigOverrides = Readonly<Record<string, string | undefined>>;

/**
 * Reads a JSON configuration file through its schema.
 *
 * @throws RfaasError `RFAAS_ERR_CONFIGURATION` whose text names the file and every key that is wrong
 */
export function readConfig<S extends z.ZodType>(
  path: string,
  schema: S,
  overrides: ConfigOverrides = {},
): z.output<S> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw configurationError(path, `cannot be read: ${errorMessage(error)}`, error);
  }
  return parseConfig(text, path, schema, overrides);
}

/** As {@link readConfig}, for text that is there already; `origin` names it in errors. */
export function parseConfig<S extends z.ZodType>(
  text: string,
  origin: string,
  schema: S,
  overrides: ConfigOverrides = {},
): z.output<S> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw configurationError(origin, `is not JSON: ${errorMessage(error)}`, error);
  }
  const parsed = schema.safeParse(withOverrides(value, overrides));
  if (!parsed.success) {
    throw configurationError(origin, `is not valid\n${z.prettifyError(parsed.error)}`, undefined);
  }
  return parsed.data;
}

/** A path from a configuration file: relative ones are relative to the folder of that file. */
export function resolveConfigPath(configFile: string, path: string): string;
export function resolveConfigPath(configFile: string, path: string | undefined): string | undefined;
export function resolveConfigPath(configFile: string, path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(dirname(configFile), path);
}

function withOverrides(value: unknown, overrides: ConfigOverrides): unknown {
  const said = Object.entries(overrides).filter(([, override]) => override !== undefined);
  if (said.length === 0 || typeof value !== 'object' || value === null || !('config' in value)) {
    return value;
  }
  const { config } = value;
  const isSection = typeof config === 'object' && config !== null && !Array.isArray(config);
  return isSection ? { ...value, config: { ...config, ...Object.fromEntries(said) } } : value;
}

function configurationError(path: string, text: string, cause: unknown): RfaasError {
  return new RfaasError('RFAAS_ERR_CONFIGURATION', `configuration file ${path} ${text}`, {
    cause,
    details: { path },
  });
}
