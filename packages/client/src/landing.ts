import {
  openTransport,
  parseTransportUrl,
  type Listener,
  type ProtectionDomain,
  type Transport,
} from '@rfaas/rdmalib';

/**
 * Where an executor will connect to. A transport of its own: its memory and keys are reachable for this executor only, and end
 * with it.
 */
export interface Landing {
  readonly transport: Transport;
  readonly domain: ProtectionDomain;
  readonly listener: Listener;
}

/** Opens one on the transport of an executor manager. Throws RdmaError. */
export async function openLanding(managerUrl: string): Promise<Landing> {
  const transport = openTransport(parseTransportUrl(managerUrl));
  try {
    const domain = transport.openProtectionDomain();
    return { transport, domain, listener: await domain.listen({ host: '', port: 0 }) };
  } catch (error) {
    await transport.close();
    throw error;
  }
}
