import { derive, deriveNodeKey, deriveTenantCredential, equalSecrets } from '../security/keys.ts';

/**
 * Who asks over HTTP. An `operator` may do everything, a `monitor` may read everything, a `node` and a `tenant` see and
 * change what is their own.
 */
export const httpRoles = ['operator', 'monitor', 'node', 'tenant'] as const;

/** See {@link httpRoles}. */
export type HttpRole = (typeof httpRoles)[number];

/** Who has proven to be asking. */
export interface HttpCaller {
  readonly role: HttpRole;
  /** The node or the tenant; empty for the other roles. */
  readonly name: string;
}

/**
 * The bearer token of a node. Like the two below it follows from a key that its holder has anyway, so that nothing needs to
 * be stored or handed out, and tells nothing of that key.
 */
export function nodeHttpToken(nodeKey: Uint8Array, node: string): string {
  return formatToken('node', node, derive(nodeKey, 'http token', node));
}

/** The bearer token of a tenant, from the tenant's credential. */
export function tenantHttpToken(credential: Uint8Array, tenant: string): string {
  return formatToken('tenant', tenant, derive(credential, 'http token', tenant));
}

/** The bearer token that may read everything, for Prometheus and the like. */
export function monitorHttpToken(clusterKey: Uint8Array): string {
  return formatToken('monitor', '', derive(clusterKey, 'http token', 'monitor'));
}

/** What a token says of its holder, whether or not that is true. */
export function parseHttpToken(token: string): HttpCaller | undefined {
  const match = /^(monitor|node|tenant)\.([\w-]*)\.[\w-]{43}$/.exec(token);
  if (match === null) {
    return undefined;
  }
  const [, role, name = ''] = match;
  return { role: role as HttpRole, name: Buffer.from(name, 'base64url').toString() };
}

/** Whose derived token this is, or `undefined` for one that this cluster key did not make. */
export function verifyHttpToken(token: string, clusterKey: Uint8Array): HttpCaller | undefined {
  const claim = parseHttpToken(token);
  return claim !== undefined && equalSecrets(token, expectedToken(claim, clusterKey)) ? claim : undefined;
}

function expectedToken({ role, name }: HttpCaller, clusterKey: Uint8Array): string {
  switch (role) {
    case 'node':
      return nodeHttpToken(deriveNodeKey(clusterKey, name), name);
    case 'tenant':
      return tenantHttpToken(deriveTenantCredential(clusterKey, name), name);
    default:
      return monitorHttpToken(clusterKey);
  }
}

/** Only characters that RFC 6750 lets a bearer token have; a name may have others. */
function formatToken(role: HttpRole, name: string, secret: Uint8Array): string {
  return `${role}.${Buffer.from(name).toString('base64url')}.${Buffer.from(secret).toString('base64url')}`;
}
