import { decodeMessage, encodeMessage, RfaasError } from '@rfaas/core/wire';
import type { Message, OutgoingMessage } from '@rfaas/core/wire';
import type { MessageChannel } from '@rfaas/rdmalib';

/** The next message of a peer; rejects with RfaasError `RFAAS_ERR_CLOSED` if it closes the connection instead. */
export async function receiveMessage(channel: MessageChannel, peer: string): Promise<Message> {
  const bytes = await channel.receive();
  if (bytes === undefined) {
    throw new RfaasError('RFAAS_ERR_CLOSED', `${peer} closed the connection`);
  }
  return decodeMessage(bytes);
}

/** Resolves once the message is with the peer. Rejects with RdmaError when the channel ends. */
export async function sendMessage(channel: MessageChannel, message: OutgoingMessage): Promise<void> {
  await channel.send(encodeMessage(message));
}

/** The same for a peer that may be gone. */
export async function trySendMessage(channel: MessageChannel, message: OutgoingMessage): Promise<void> {
  try {
    await sendMessage(channel, message);
  } catch {
    // Whoever is gone needs no message; what ends the executor is decided elsewhere.
  }
}
