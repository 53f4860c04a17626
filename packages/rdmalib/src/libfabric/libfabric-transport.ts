import { InvalidArgumentError } from '../errors.ts';
import { NativeTransport } from '../native/native-transport.ts';
import { printableUrl, type TransportUrl } from '../transport/transport-url.ts';
import type { Transport } from '../transport/transport.ts';
import { authorizedUrl } from './credentials/authorized-url.ts';
import { openDrc } from './credentials/drc.ts';
import { loadLibfabric } from './load-libfabric.ts';

/** Hosts that stand for every address, and so for no way there. */
const anywhere = new Set(['', '0.0.0.0', '::']);

/** Names of providers that people know under another one. */
const aliases: Readonly<Record<string, string>> = { ugni: 'gni' };

/**
 * RDMA through libfabric, over the provider that the URL names: `libfabric+tcp://10.0.0.7:10005`. The provider is handed to libfabric
 * as it is (`ugni` means `gni`). Options: `endpoint` (`msg`, `rdm`; default what the provider has, `msg` first), `source` (an own
 * address), `route` (an address; the device lies on the way there; default the URL's host), `domain` (libfabric's name of a device),
 * `auth_key` (hexadecimal; or what it is made of: `credential` or `cookie` for gni, `svc_id` and `vni` for cxi, where the environment's
 * `SLINGSHOT_*` are the default), `wait` (`sleep`, default: threads sleep where the provider can; `poll`: never, which spares hot threads
 * what being woken costs, and looks at idle ones every few milliseconds), `peer_timeout_ms` (how long a silent host is waited for, default 10000), `handshake_ms` (default 5000).
 */
export function openLibfabricTransport(url: TransportUrl): Transport {
  const authorized = authorizedUrl(url, process.env, (credential) => openDrc().access(credential));
  const options = libfabricOptions(authorized);
  const { provider } = url;
  return new NativeTransport(loadLibfabric(`libfabric:${provider}`), options);
}

/** The lines of `key=value` that the native library takes; throws InvalidArgumentError for a URL without a provider. */
export function libfabricOptions(url: TransportUrl): string {
  if (url.provider === undefined || url.provider === '') {
    throw new InvalidArgumentError(
      `cannot open ${printableUrl(url)}: libfabric needs a provider, as in libfabric+tcp://HOST:PORT; "fi_info -l" lists them`,
      { operation: 'openTransport' },
    );
  }
  const chosen = ['source', 'route'].some((key) => Object.hasOwn(url.options, key));
  const options = {
    ...url.options,
    provider: aliases[url.provider] ?? url.provider,
    ...(chosen || anywhere.has(url.host) ? {} : { route: url.host }),
  };
  return Object.entries(options)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}
