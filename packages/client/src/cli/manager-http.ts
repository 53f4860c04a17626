import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  readSecretFile,
  RfaasError,
  rfaasErrors,
  stateDirectory,
  type Environment,
  type MainContext,
  type RfaasErrorCode,
} from '@rfaas/core';

const TIMEOUT_MS = 10_000;

/**
 * GETs a list from the resource manager's HTTP interface with its bearer token. Throws RFAAS_ERR_MANAGER_LOST when
 * nobody answers, and the error that the manager answers with.
 */
export async function fetchFromManager(
  baseUrl: string,
  path: string,
  tokenFile: string | undefined,
  { env, signal }: MainContext,
): Promise<unknown> {
  const token = tokenFor(tokenFile, env);
  const address = addressOf(baseUrl, path);
  let response: Response;
  try {
    response = await fetch(address, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
  } catch (error) {
    throw new RfaasError(
      'RFAAS_ERR_MANAGER_LOST',
      `no resource manager answers at ${address}: ${reasonOf(error)}`,
      {
        cause: error,
      },
    );
  }
  const body = await bodyOf(response);
  if (!response.ok) throw refusal(address, response.status, body, token !== undefined);
  return body;
}

/** From the named file, else `$RFAAS_HTTP_TOKEN`, else the file that a resource manager of this user made. */
function tokenFor(file: string | undefined, env: Environment): string | undefined {
  if (file !== undefined) return readSecretFile(file, 'HTTP token').trim();
  if (env['RFAAS_HTTP_TOKEN']) return env['RFAAS_HTTP_TOKEN'];
  const path = env['RFAAS_HTTP_TOKEN_FILE'] || join(stateDirectory(env), 'http.token');
  return existsSync(path) ? readSecretFile(path, 'HTTP token').trim() : undefined;
}

function addressOf(baseUrl: string, path: string): string {
  try {
    return new URL(path, baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`).href;
  } catch (error) {
    throw new RfaasError('RFAAS_ERR_USAGE', `"${baseUrl}" is no HTTP address, e.g. http://127.0.0.1:5000`, {
      cause: error,
    });
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new RfaasError(
      'RFAAS_ERR_PROTOCOL',
      `${response.url} answered with something else than JSON (HTTP ${response.status}); is it a resource manager?`,
      { cause: error },
    );
  }
}

function refusal(address: string, status: number, body: unknown, hasToken: boolean): RfaasError {
  const { code, message } = errorOf(body);
  const hint = status === 401 && !hasToken ? '; give its token with --token-file or RFAAS_HTTP_TOKEN' : '';
  return new RfaasError(code, `${address} answered HTTP ${status}: ${message}${hint}`, {
    details: { status },
  });
}

/** The manager's error body, `{ "error": { "code", "message" } }` or the same without the outer object. */
function errorOf(body: unknown): { readonly code: RfaasErrorCode; readonly message: string } {
  const outer = isRecord(body) ? body : {};
  const inner = isRecord(outer['error']) ? outer['error'] : outer;
  const code =
    typeof inner['code'] === 'string' && inner['code'] in rfaasErrors ? inner['code'] : 'RFAAS_ERR_INTERNAL';
  const message = typeof inner['message'] === 'string' ? inner['message'] : 'no reason given';
  return { code: code as RfaasErrorCode, message };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** What `fetch` says in its cause, which is where the reason is. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
