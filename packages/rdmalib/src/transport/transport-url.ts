import { InvalidArgumentError } from '../errors.ts';

/** A transport and an address on it, as people write it: `shm://10005`, `verbs://10.0.0.7:10005?device=mlx5_0`. */
export interface TransportUrl {
  /** What carries the bytes. */
  readonly kind: 'shm' | 'verbs' | 'libfabric';
  /** The libfabric provider, e.g. `tcp`. */
  readonly provider?: string | undefined;
  /** Empty for shm, and where a device stands for the address. */
  readonly host: string;
  /** 0: chosen by the system, where listening. */
  readonly port: number;
  /** What follows the question mark, e.g. `device` or shm's `directory` and `uids`. */
  readonly options: Readonly<Record<string, string>>;
}

const shape =
  /^(?<kind>shm|verbs|libfabric)(?:\+(?<provider>[^:/?#]+))?:\/\/(?<authority>[^/?#]*)\/?(?:\?(?<query>[^#]*))?$/;
const hostAndPort = /^(?:(?<host>\[[^\]]*\]|[^:[\]]*):)?(?<port>[0-9]{1,5})$/;

/** Reads a transport URL; throws InvalidArgumentError that says which part is wrong. */
export function parseTransportUrl(text: string): TransportUrl {
  const groups = shape.exec(text)?.groups;
  if (groups === undefined) {
    throw wrong(text, 'it must look like shm://10005, verbs://HOST:PORT or libfabric+PROVIDER://HOST:PORT');
  }
  const kind = groups['kind'] as TransportUrl['kind'];
  const provider = groups['provider'];
  if (provider !== undefined && kind !== 'libfabric') {
    throw wrong(text, `only libfabric has providers, ${kind} has none`);
  }
  return {
    kind,
    ...(provider === undefined ? {} : { provider: decodeURIComponent(provider) }),
    ...parseAuthority(text, kind, groups['authority'] ?? ''),
    options: parseOptions(text, groups['query'] ?? ''),
  };
}

/** Writes a transport URL; `parseTransportUrl` reads it back. */
export function formatTransportUrl(url: TransportUrl): string {
  const provider =
    url.provider === undefined ? '' : `+${encodeURIComponent(url.provider).replace(/%3B/g, ';')}`;
  const host = url.host.includes(':') ? `[${url.host}]` : url.host;
  const authority = url.kind === 'shm' ? String(url.port) : `${host}:${url.port}`;
  const pairs = Object.entries(url.options).map(([key, value]) => `${key}=${encodeOption(value)}`);
  return `${url.kind}${provider}://${authority}${pairs.length === 0 ? '' : `?${pairs.join('&')}`}`;
}

/** As {@link formatTransportUrl}, for people, logs and errors: without the keys that it contains. */
export function printableUrl(url: TransportUrl): string {
  const options = Object.entries(url.options).filter(([name]) => name !== 'auth_key' && name !== 'cookie');
  return formatTransportUrl({ ...url, options: Object.fromEntries(options) });
}

function parseAuthority(
  text: string,
  kind: TransportUrl['kind'],
  authority: string,
): { host: string; port: number } {
  if (authority === '' && kind !== 'shm') {
    return { host: '', port: 0 };
  }
  const groups = hostAndPort.exec(authority)?.groups;
  if (groups === undefined) {
    throw wrong(text, kind === 'shm' ? 'a port number must follow shm://' : 'HOST:PORT must follow ://');
  }
  const host = (groups['host'] ?? '').replace(/^\[|\]$/g, '');
  const port = Number(groups['port']);
  if (port > 65535) {
    throw wrong(text, `${port} is no port: ports go from 0 to 65535`);
  }
  if (kind === 'shm' && groups['host'] !== undefined) {
    throw wrong(text, 'shm stays on this host: only a port number may follow shm://');
  }
  return { host, port };
}

function parseOptions(text: string, query: string): Record<string, string> {
  const options: Record<string, string> = {};
  for (const [key, value] of new URLSearchParams(query)) {
    if (Object.hasOwn(options, key)) {
      throw wrong(text, `the option "${key}" is there twice`);
    }
    options[key] = value;
  }
  return options;
}

function encodeOption(value: string): string {
  return encodeURIComponent(value).replace(/%2F/g, '/').replace(/%2C/g, ',').replace(/%3A/g, ':');
}

function wrong(text: string, reason: string): InvalidArgumentError {
  const [place] = text.split('?');
  const shown = place === text ? text : `${place}?…`; // options may be keys
  return new InvalidArgumentError(`"${shown}" is no transport URL: ${reason}`, {
    operation: 'parseTransportUrl',
  });
}
