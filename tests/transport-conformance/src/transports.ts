import type {
  ConnectionRequest,
  Endpoint,
  Listener,
  MemoryRegion,
  ProtectionDomain,
  Transport,
  TransportCapabilities,
} from '@rfaas/rdmalib';
import type { TransportFixture } from './fixture.ts';

/** Both ends of a connection in this process, as rdmalib's own objects. */
export interface TransportPair extends AsyncDisposable {
  readonly capabilities: TransportCapabilities;
  readonly nearTransport: Transport;
  readonly nearDomain: ProtectionDomain;
  readonly farDomain: ProtectionDomain;
  readonly near: Endpoint;
  readonly far: Endpoint;
  readonly nearRegion: MemoryRegion;
  readonly farRegion: MemoryRegion;
}

/** Two transports, a domain and 64 KiB of memory on each, and a connection between them. */
export async function pairOfTransports(fixture: TransportFixture): Promise<TransportPair> {
  const nearTransport = fixture.open();
  const farTransport = fixture.open();
  const nearDomain = nearTransport.openProtectionDomain();
  const farDomain = farTransport.openProtectionDomain();
  const listener = await farDomain.listen(fixture.address());
  const near = createEndpoint(nearDomain);
  const connected = near.connect(listener.address);
  connected.catch(() => undefined);
  const request = await firstRequest(listener);
  const queue = farDomain.createCompletionQueue({ depth: 64 });
  const far = request.createEndpoint({
    sendCompletions: queue,
    receiveCompletions: queue,
    sendQueueDepth: 16,
    receiveQueueDepth: 16,
  });
  await request.accept(far);
  await connected;
  await listener.close();
  return {
    capabilities: nearTransport.capabilities,
    nearTransport,
    nearDomain,
    farDomain,
    near,
    far,
    nearRegion: allocate(nearDomain),
    farRegion: allocate(farDomain),
    [Symbol.asyncDispose]: async () => {
      await nearTransport.close();
      await farTransport.close();
    },
  };
}

/** The first connection request of a listener. */
export async function firstRequest(listener: Listener): Promise<ConnectionRequest> {
  for await (const request of listener.requests()) {
    return request;
  }
  throw new Error('the listener was closed before a request came');
}

/** An endpoint with a queue of its own. */
export function createEndpoint(domain: ProtectionDomain): Endpoint {
  const queue = domain.createCompletionQueue({ depth: 64 });
  return domain.createEndpoint({
    sendCompletions: queue,
    receiveCompletions: queue,
    sendQueueDepth: 16,
    receiveQueueDepth: 16,
  });
}

function allocate(domain: ProtectionDomain): MemoryRegion {
  return domain.allocateMemory({
    byteLength: 64 * 1024,
    access: ['local-write', 'remote-write', 'remote-read', 'remote-atomic'],
  });
}
