import { InvalidArgumentError } from '../errors.ts';
import type { ProtectionDomain } from '../transport/protection-domain.ts';

/** Options of MessageChannel.accept. */
export interface AcceptChannelOptions {
  /** Said with the connection; at most capabilities.maxPrivateDataBytes. */
  readonly privateData?: Uint8Array | undefined;
  /** Longest message that this side takes. Default 4096. */
  readonly maxMessageBytes?: number | undefined;
  /** How long the peer may take to answer, and from then on to its first word. Default 10000. */
  readonly timeoutMs?: number | undefined;
  /**
   * A peer of which nothing is heard for this long is lost: the channel ends as failed. Silent peers are asked first, and
   * every channel answers, so that one that has nothing to say is not lost. Before its first word it is still connecting,
   * and has `timeoutMs` where that is longer. Default: it may be silent for ever.
   */
  readonly peerTimeoutMs?: number | undefined;
}

/** Options of MessageChannel.connect. */
export interface ConnectChannelOptions extends AcceptChannelOptions {
  /** Gives up: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of MessageChannel.receive. */
export interface ReceiveMessageOptions {
  /** Gives up: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

const defaultMaxMessageBytes = 4096;

/** The longest message that a channel of these options takes; throws InvalidArgumentError where it cannot be. */
export function requireMessageBytes(
  domain: ProtectionDomain,
  maxMessageBytes = defaultMaxMessageBytes,
): number {
  const most = domain.transport.capabilities.maxSendBytes - 64;
  if (!Number.isInteger(maxMessageBytes) || maxMessageBytes < 1 || maxMessageBytes > most) {
    throw new InvalidArgumentError(
      `a message channel cannot take messages of ${maxMessageBytes} bytes: from 1 to ${most} can be`,
      { operation: 'MessageChannel' },
    );
  }
  return maxMessageBytes;
}
