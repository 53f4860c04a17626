import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { errorCode, errorMessage, RfaasError } from '../errors.ts';
import { keyBytes } from './keys.ts';

/** The environment, as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a key may come from; the first that is there is taken. */
export interface KeySource {
  /** What the key is, for messages: `node key`. */
  readonly what: string;
  /** A file that the user named. */
  readonly file?: string | undefined;
  /** The value of the environment variable for this key. */
  readonly environmentValue?: string | undefined;
  /** The name of that variable, for messages. */
  readonly environmentName?: string;
  /** The file that is looked at when nothing was named. */
  readonly defaultFile?: string;
}

/** Reads 32 bytes from 64 hexadecimal digits or from base64. */
export function parseKey(text: string, what = 'key'): Uint8Array {
  const trimmed = text.trim();
  const key = /^[0-9a-fA-F]{64}$/.test(trimmed) ? Buffer.from(trimmed, 'hex') : decodeBase64(trimmed);
  if (key?.byteLength !== keyBytes) {
    throw new RfaasError(
      'RFAAS_ERR_CONFIGURATION',
      `${what} is not ${keyBytes} bytes as 64 hexadecimal digits or base64`,
    );
  }
  return new Uint8Array(key);
}

function decodeBase64(text: string): Buffer | undefined {
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined;
}

/**
 * Reads a key from a file that nobody but its owner may read.
 *
 * @throws RfaasError `RFAAS_ERR_CONFIGURATION` if the file is missing, readable by others, or holds no key
 */
export function readKeyFile(path: string, what = 'key'): Uint8Array {
  return parseKey(readSecretFile(path, what), `${what} in ${path}`);
}

/** Reads a file that holds a secret; see {@link readKeyFile}. */
export function readSecretFile(path: string, what: string): string {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY);
  } catch (error) {
    throw new RfaasError(
      'RFAAS_ERR_CONFIGURATION',
      `cannot read ${what} from ${path}: ${errorMessage(error)}`,
      {
        cause: error,
      },
    );
  }
  try {
    // The opened file is checked, so that it cannot be exchanged between check and reading.
    const status = fstatSync(descriptor);
    if (!status.isFile()) {
      throw new RfaasError('RFAAS_ERR_CONFIGURATION', `${what}: ${path} is no file`);
    }
    if ((status.mode & 0o077) !== 0) {
      throw new RfaasError(
        'RFAAS_ERR_CONFIGURATION',
        `${what}: others may read ${path} (mode ${(status.mode & 0o777).toString(8)}); run "chmod 600 ${path}"`,
      );
    }
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

/** Takes a key from a named file, else from the environment, else from its default file. */
export function loadKey(source: KeySource): Uint8Array {
  if (source.file !== undefined) {
    return readKeyFile(source.file, source.what);
  }
  if (source.environmentValue !== undefined && source.environmentValue !== '') {
    return parseKey(
      source.environmentValue,
      `${source.what} in ${source.environmentName ?? 'the environment'}`,
    );
  }
  if (source.defaultFile !== undefined) {
    return readKeyFile(source.defaultFile, source.what);
  }
  const variable = source.environmentName === undefined ? '' : ` or set ${source.environmentName}`;
  throw new RfaasError('RFAAS_ERR_CONFIGURATION', `no ${source.what}: name a key file${variable}`);
}

/**
 * Writes a secret to a new file with mode 0600; its folder is made with mode 0700.
 *
 * @returns false if the file is there already, which is then left alone
 */
export function createSecretFile(path: string, content: string, what: string): boolean {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const descriptor = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      writeSync(descriptor, content);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') {
      return false;
    }
    throw new RfaasError(
      'RFAAS_ERR_CONFIGURATION',
      `cannot write ${what} to ${path}: ${errorMessage(error)}`,
      {
        cause: error,
      },
    );
  }
}

/** How a key is written to a file: hexadecimal digits and a line feed. */
export function formatKey(key: Uint8Array): string {
  return `${Buffer.from(key).toString('hex')}\n`;
}

/** The folder in which a user's keys are kept: `$RFAAS_HOME`, else `$XDG_STATE_HOME/rfaas`, else `~/.local/state/rfaas`. */
export function stateDirectory(env: Environment): string {
  if (env['RFAAS_HOME']) {
    return env['RFAAS_HOME'];
  }
  return join(env['XDG_STATE_HOME'] || join(env['HOME'] || homedir(), '.local', 'state'), 'rfaas');
}

/** Which key a default file is for. */
export type DefaultKey = 'cluster' | { readonly node: string } | { readonly tenant: string };

/** Where a key is kept when no file was named. */
export function defaultKeyFile(env: Environment, key: DefaultKey): string {
  const name = key === 'cluster' ? 'cluster' : 'node' in key ? `node-${key.node}` : `tenant-${key.tenant}`;
  if (!/^[\w.@+-]+$/.test(name)) {
    throw new RfaasError(
      'RFAAS_ERR_USAGE',
      `name ${JSON.stringify(name)} cannot be a file's name: use letters, digits and . @ + - _`,
    );
  }
  return join(stateDirectory(env), 'keys', `${name}.key`);
}
