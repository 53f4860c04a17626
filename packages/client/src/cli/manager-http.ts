import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  defaultKeyFile,
  readSecretFile,
  RfaasError,
  rfaasErrors,
  stateDirectory,
  tenantHttpToken,
  type Environment,
  type MainContext,
  type RfaasErrorCode,
} from '@rfaas/core';
import { environmentCredential, environmentTenant } from '../client-environment.ts';

const timeoutMs = 10_000;

/** How long to wait once none of several managers has served a request. */
const roundMs = 250;

/** What is asked of a resource manager's HTTP interface. */
export interface ManagerRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Relative to the interface's address, with its query. */
  readonly path: string;
  readonly body?: unknown;
}

/** Where a resource manager's HTTP interface is, and who asks there. */
export interface ManagerAddress {
  /** Default: `$RFAAS_HTTP_URL`. Of several managers, with commas between them: the one that leads answers. */
  readonly url?: string | undefined;
  readonly tokenFile?: string | undefined;
}

/**
 * Asks a resource manager, and gives what it answers as JSON.
 *
 * @throws RfaasError `RFAAS_ERR_MANAGER_LOST` when nobody answers, and the error that the manager answers with
 */
export async function askManager(
  address: ManagerAddress,
  request: ManagerRequest,
  context: MainContext,
): Promise<unknown> {
  const response = await send(address, request, context);
  return jsonOf(response);
}

/** Items of a list that are asked for at once. */
const pageItems = 1000;

/**
 * The same for a list, page by page, so that neither side holds up others with a long answer.
 *
 * @param limit no more than so many; default: all
 */
export async function askManagerForList(
  address: ManagerAddress,
  path: string,
  context: MainContext,
  limit = Infinity,
): Promise<unknown[]> {
  const items: unknown[] = [];
  const [base, search = ''] = path.split('?');
  const query = new URLSearchParams(search);
  for (let more = true; more && items.length < limit;) {
    query.set('limit', String(Math.min(pageItems, limit - items.length)));
    const response = await send(address, { path: `${base}?${query.toString()}` }, context);
    const page = await jsonOf(response);
    if (!Array.isArray(page)) {
      throw new RfaasError('RFAAS_ERR_PROTOCOL', `${response.url} answered with something else than a list`);
    }
    items.push(...(page as unknown[]));
    const after = afterOf(response.headers.get('link'));
    more = after !== undefined;
    if (after !== undefined) query.set('after', after);
  }
  return items;
}

/** Where the next page begins, from a header such as `</nodes?limit=10&after=node-9>; rel="next"`. */
function afterOf(link: string | null): string | undefined {
  const target = /<([^>]*)>; rel="next"/.exec(link ?? '')?.[1];
  return target === undefined
    ? undefined
    : (new URLSearchParams(target.split('?')[1]).get('after') ?? undefined);
}

/** The same for an answer that is text, however long: piece by piece, as it comes. */
export async function* readFromManager(
  address: ManagerAddress,
  request: ManagerRequest,
  context: MainContext,
): AsyncGenerator<string> {
  const response = await send(address, request, context);
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    yield decoder.decode(bytes as Uint8Array, { stream: true });
  }
}

/** Asks the managers in turn, where there are several, until one serves: they may be about to agree on another leader. */
async function send(
  { url, tokenFile }: ManagerAddress,
  request: ManagerRequest,
  context: MainContext,
): Promise<Response> {
  const addresses = addressesOf(url ?? context.env['RFAAS_HTTP_URL'], request.path);
  const token = tokenFor(tokenFile, context.env);
  const deadline = performance.now() + timeoutMs;
  let refusal: RfaasError | undefined;
  for (let attempt = 1; ; attempt += 1) {
    const address = addresses[(attempt - 1) % addresses.length]!;
    try {
      return await sendTo(address, token, request, context);
    } catch (error) {
      if (!isElsewhere(error) || addresses.length === 1) throw error;
      // What a manager says tells more than that another one is not there.
      if (refusal === undefined || error.code === 'RFAAS_ERR_NOT_LEADER') refusal = error;
      if (performance.now() >= deadline) throw refusal;
      if (attempt % addresses.length === 0) await delay(roundMs, undefined, { signal: context.signal });
    }
  }
}

async function sendTo(
  address: string,
  token: string | undefined,
  { method = 'GET', body }: ManagerRequest,
  { signal }: MainContext,
): Promise<Response> {
  // The answer may take as long as it likes once it has begun.
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new Error(`silent for ${timeoutMs} ms`)), timeoutMs);
  let response: Response;
  try {
    response = await fetch(address, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.any([signal, silence.signal]),
    });
  } catch (error) {
    signal.throwIfAborted();
    const text = `no resource manager answers at ${address}: ${reasonOf(error)}`;
    throw new RfaasError('RFAAS_ERR_MANAGER_LOST', text, { cause: error });
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok) {
    throw refusal(address, response.status, await jsonOf(response), token !== undefined);
  }
  return response;
}

/** Whether another manager may serve what this one did not. */
function isElsewhere(error: unknown): error is RfaasError {
  return (
    error instanceof RfaasError && ['RFAAS_ERR_MANAGER_LOST', 'RFAAS_ERR_NOT_LEADER'].includes(error.code)
  );
}

/**
 * From the named file, else `$RFAAS_HTTP_TOKEN`, else the file that a resource manager of this user made, else derived from
 * the tenant's credential.
 */
function tokenFor(file: string | undefined, env: Environment): string | undefined {
  if (file !== undefined) {
    return readSecretFile(file, 'HTTP token').trim();
  }
  if (env['RFAAS_HTTP_TOKEN']) {
    return env['RFAAS_HTTP_TOKEN'];
  }
  const path = env['RFAAS_HTTP_TOKEN_FILE'] || join(stateDirectory(env), 'http.token');
  return existsSync(path) ? readSecretFile(path, 'HTTP token').trim() : tenantToken(env);
}

function tenantToken(env: Environment): string | undefined {
  const tenant = environmentTenant(env);
  const isNamed = Boolean(env['RFAAS_CREDENTIAL'] || env['RFAAS_CREDENTIAL_FILE']);
  return isNamed || existsSync(defaultKeyFile(env, { tenant }))
    ? tenantHttpToken(environmentCredential(env, tenant, undefined), tenant)
    : undefined;
}

function addressesOf(baseUrls: string | undefined, path: string): readonly string[] {
  if (baseUrls === undefined || baseUrls === '') {
    throw new RfaasError('RFAAS_ERR_USAGE', 'no resource manager named: give --url or set RFAAS_HTTP_URL');
  }
  return baseUrls.split(',').map((each) => {
    const baseUrl = each.trim();
    try {
      return new URL(path, baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`).href;
    } catch (error) {
      const text = `"${baseUrl}" is no HTTP address, e.g. http://127.0.0.1:5000`;
      throw new RfaasError('RFAAS_ERR_USAGE', text, { cause: error });
    }
  });
}

async function jsonOf(response: Response): Promise<unknown> {
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

/** The manager's error body, `{ "error": { "code", "message" } }`. */
function errorOf(body: unknown): { readonly code: RfaasErrorCode; readonly message: string } {
  const inner = isRecord(body) && isRecord(body['error']) ? body['error'] : {};
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
