import {
  authenticateClient,
  decodeMessage,
  encodeConnectionData,
  encodeMessage,
  errorMessage,
  rejectionError,
  RfaasError,
} from '@rfaas/core';
import type { LeaseHeld, Message, RegisterNode } from '@rfaas/core';
import {
  ConnectionRefusedError,
  MessageChannel,
  parseTransportUrl,
  type ProtectionDomain,
  type Transport,
} from '@rfaas/rdmalib';

/** What a node registers with. */
export interface NodeOffer {
  readonly nodeKey: Uint8Array;
  readonly registration: Omit<RegisterNode, 'held'>;
  readonly held: readonly LeaseHeld[];
  /** A resource manager of which nothing is heard for this long is gone. */
  readonly peerTimeoutMs: number;
  /** Takes what the resource manager says while it registers the node, such as leases that have ended meanwhile. */
  readonly take: (message: Message) => void;
}

/** A connection over which a node is registered. */
export interface Registered {
  readonly url: string;
  readonly transport: Transport;
  readonly channel: MessageChannel;
}

const role = 'executor-manager-to-resource-manager';

/** Connects to a resource manager and registers the node there. Throws RfaasError that says what went wrong. */
export async function registerNode(
  domain: ProtectionDomain,
  url: string,
  { nodeKey, registration, held, take, peerTimeoutMs }: NodeOffer,
  signal: AbortSignal,
): Promise<MessageChannel> {
  const channel = await connect(domain, url, peerTimeoutMs, signal);
  try {
    await authenticateClient(channel, { role, name: registration.name, key: nodeKey, signal });
    await channel.send(encodeMessage({ kind: 'register-node', ...registration, held: held.length }));
    for (const lease of held) {
      await channel.send(encodeMessage({ kind: 'lease-held', ...lease }));
    }
    for (;;) {
      const bytes = await channel.receive({ signal });
      if (bytes === undefined) {
        throw new RfaasError(
          'RFAAS_ERR_MANAGER_LOST',
          `the resource manager at ${url} closed the connection`,
        );
      }
      const message = decodeMessage(bytes);
      if (message.kind === 'node-registered') {
        return channel;
      }
      take(message);
    }
  } catch (error) {
    await channel.close();
    throw error;
  }
}

/** Ends the connection of a node. */
export async function closeRegistered({ channel, transport }: Registered): Promise<void> {
  await channel.close();
  await transport.close();
}

async function connect(
  domain: ProtectionDomain,
  url: string,
  peerTimeoutMs: number,
  signal: AbortSignal,
): Promise<MessageChannel> {
  const privateData = encodeConnectionData({ role });
  try {
    return await MessageChannel.connect(domain, parseTransportUrl(url), {
      privateData,
      signal,
      peerTimeoutMs,
    });
  } catch (error) {
    const what = `connecting to the resource manager at ${url}`;
    if (error instanceof ConnectionRefusedError && error.privateData.byteLength > 0) {
      throw rejectionError(what, error.privateData, error);
    }
    throw new RfaasError(
      'RFAAS_ERR_MANAGER_LOST',
      `${what}: ${errorMessage(error)}; is it running, and is the address right?`,
      { cause: error },
    );
  }
}
