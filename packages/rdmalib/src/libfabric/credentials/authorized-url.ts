import { InvalidArgumentError } from '../../errors.ts';
import type { TransportUrl } from '../../transport/transport-url.ts';
import { cxiAuthorizationKey, gniAuthorizationKey } from './authorization-key.ts';
import { serviceForDevice, slingshotServices, type Environment } from './slingshot-environment.ts';

/** Options of a libfabric URL that say with which credentials its traffic goes; they become `auth_key`. */
const ways = {
  /** The key itself, in hexadecimal digits: any provider. */
  auth_key: undefined,
  /** The number of a DRC credential that this job or user was granted. */
  credential: 'gni',
  /** The cookie of a DRC credential that is accessed already. */
  cookie: 'gni',
  /** A CXI service, with `vni`. */
  svc_id: 'cxi',
} as const;

/**
 * The URL with the `auth_key` that its provider wants: made from `credential` or `cookie` for gni (and ugni), from
 * `svc_id` and `vni` for cxi, and there from what the launcher told in `SLINGSHOT_*` where the URL says nothing. Other
 * URLs stay as they are. `cookieOf` accesses a DRC credential. Throws InvalidArgumentError for what contradicts itself.
 */
export function authorizedUrl(
  url: TransportUrl,
  environment: Environment,
  cookieOf: (credential: number) => number,
): TransportUrl {
  const { credential, cookie, svc_id: serviceId, vni, ...others } = url.options;
  const withKey = (key: string): TransportUrl => ({ ...url, options: { ...others, auth_key: key } });
  switch (chosenWay(url)) {
    case 'credential':
      return withKey(gniAuthorizationKey(cookieOf(integer('credential', credential))));
    case 'cookie':
      return withKey(gniAuthorizationKey(integer('cookie', cookie)));
    case 'svc_id':
      return withKey(
        cxiAuthorizationKey({ serviceId: integer('svc_id', serviceId), vni: integer('vni', vni) }),
      );
    case 'auth_key':
      return url;
    case undefined:
      return familyOf(url.provider) === 'cxi' ? launched(url, environment) : url;
  }
}

/** Which option of the URL says it. */
function chosenWay({ provider, options }: TransportUrl): keyof typeof ways | undefined {
  const named = Object.keys(ways).filter((key) => Object.hasOwn(options, key)) as (keyof typeof ways)[];
  if (named.length > 1) {
    throw wrong(`${named.join(' and ')} are there at once: one is enough`);
  }
  const [way] = named;
  const wanted = way === undefined ? undefined : ways[way];
  if (wanted !== undefined && wanted !== familyOf(provider)) {
    throw wrong(`${way} is for the ${wanted} provider, not for "${provider}"`);
  }
  if (Object.hasOwn(options, 'svc_id') !== Object.hasOwn(options, 'vni')) {
    throw wrong('svc_id and vni belong together');
  }
  return way;
}

/** With the service that the launcher gave this process, and its device where the URL names none. */
function launched(url: TransportUrl, environment: Environment): TransportUrl {
  const service = serviceForDevice(slingshotServices(environment), url.options['domain']);
  if (service === undefined) {
    return url;
  }
  const domain = service.device === undefined ? {} : { domain: service.device };
  return { ...url, options: { ...domain, ...url.options, auth_key: cxiAuthorizationKey(service) } };
}

/** Which keys a provider takes; layered ones such as `cxi;ofi_rxm` take those of the provider below. */
function familyOf(provider = ''): 'gni' | 'cxi' | undefined {
  const names = provider.split(';');
  if (names.includes('gni') || names.includes('ugni')) {
    return 'gni';
  }
  return names.includes('cxi') ? 'cxi' : undefined;
}

function integer(option: string, text = ''): number {
  if (!/^[0-9]{1,10}$/.test(text)) {
    throw wrong(`${option} is no number`);
  }
  return Number(text);
}

function wrong(reason: string): InvalidArgumentError {
  return new InvalidArgumentError(`cannot take credentials from a transport URL: ${reason}`, {
    operation: 'openTransport',
    transport: 'libfabric',
  });
}
