import { parseTransportUrl, type TransportUrl } from '@rfaas/rdmalib';
import { nativeFile } from './native-program.ts';

/** How the C programs open a transport. */
export interface NativeTransport {
  /** The shared object. */
  readonly library: string;
  /** What native-shims/bench/fabric.h reads. */
  readonly environment: Readonly<Record<string, string>>;
}

/** How the C programs open the transport of a URL. Throws Error where its library was not built. */
export function nativeTransport(url: string): NativeTransport {
  const parsed = parseTransportUrl(url);
  return {
    library: nativeFile(`librdmalib_${parsed.kind}.so`),
    environment: { SHIM_OPTIONS: shimOptions(parsed), SHIM_HOST: parsed.host },
  };
}

/** Lines of key=value: what the URL says, the provider, and its host as the way to the device. */
function shimOptions({ kind, provider, host, options }: TransportUrl): string {
  const isRouted = kind !== 'shm' && host !== '' && options['source'] === undefined;
  const all = {
    ...options,
    ...(provider === undefined ? {} : { provider }),
    ...(isRouted && options['route'] === undefined ? { route: host } : {}),
  };
  return Object.entries(all)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}
