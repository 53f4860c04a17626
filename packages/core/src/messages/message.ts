import { RfaasError, refusalError } from '../errors.ts';
import { envelopeLayout, maxMessageBytes, messageMagic, protocolVersion, readEnvelope } from './envelope.ts';
import type { ValueOf } from './lease-messages.ts';
import type { MessageKind } from './message-table.ts';
import { messageTable } from './message-table.ts';
import type { RecordLayout } from './record-layout.ts';
import { viewOf } from './record-layout.ts';

/** The fields of a message, by its kind. */
export type MessageFields<K extends MessageKind> = ValueOf<(typeof messageTable)[K]['layout']>;

/** A message to send: its kind and its fields. */
export type OutgoingMessage = { [K in MessageKind]: { readonly kind: K } & MessageFields<K> }[MessageKind];

/** A message that came: its kind, its fields and the correlation of its envelope. */
export type Message = OutgoingMessage & { readonly correlation: number };

/** A message of one kind. */
export type MessageOf<K extends MessageKind> = Extract<Message, { readonly kind: K }>;

const kindsByNumber = new Map<number, MessageKind>(
  Object.entries(messageTable).map(([kind, { number }]) => [number, kind as MessageKind]),
);

// Kind and layout go together in the table, which the compiler cannot follow through a lookup by a union.
function layoutOf(kind: MessageKind): RecordLayout<object> {
  return messageTable[kind].layout;
}

/**
 * The bytes of a message.
 *
 * @param correlation chosen by who asks and repeated by who answers; 0 where nothing is answered
 * @throws RfaasError `RFAAS_ERR_USAGE` for a field whose value does not fit; the text names message and field
 */
export function encodeMessage(message: OutgoingMessage, correlation = 0): Uint8Array<ArrayBuffer> {
  const entry = messageTable[message.kind];
  const layout = layoutOf(message.kind);
  const length = envelopeLayout.byteLength + layout.byteLength;
  const bytes = new Uint8Array(length);
  const view = viewOf(bytes);
  envelopeLayout.write(view, 0, {
    magic: messageMagic,
    version: protocolVersion,
    kind: entry.number,
    length,
    correlation,
  });
  inMessage(message.kind, () => layout.write(view, envelopeLayout.byteLength, message));
  return bytes;
}

/**
 * Reads a message that a peer sent.
 *
 * @throws RfaasError `RFAAS_ERR_PROTOCOL` or `RFAAS_ERR_VERSION` for bytes that are no message
 */
export function decodeMessage(bytes: Uint8Array): Message {
  if (bytes.byteLength > maxMessageBytes) {
    throw new RfaasError(
      'RFAAS_ERR_PROTOCOL',
      `message of ${bytes.byteLength} bytes, ${maxMessageBytes} are allowed`,
    );
  }
  const view = viewOf(bytes);
  const envelope = readEnvelope(view);
  const kind = kindsByNumber.get(envelope.kind);
  if (kind === undefined) {
    throw new RfaasError('RFAAS_ERR_PROTOCOL', `no message has number 0x${envelope.kind.toString(16)}`);
  }
  const layout = layoutOf(kind);
  const expected = envelopeLayout.byteLength + layout.byteLength;
  if (bytes.byteLength !== expected) {
    throw new RfaasError(
      'RFAAS_ERR_PROTOCOL',
      `message ${kind} has ${bytes.byteLength} bytes instead of ${expected}`,
    );
  }
  const fields = inMessage(kind, () => layout.read(view, envelopeLayout.byteLength));
  return { kind, correlation: envelope.correlation, ...fields } as Message;
}

/**
 * Checks that `message` is of one of `kinds`: what a protocol expects at this point.
 *
 * @throws RfaasError the peer's own error for a `refused` that is not expected, `RFAAS_ERR_PROTOCOL` for other kinds
 */
export function expectMessage<K extends MessageKind>(message: Message, ...kinds: readonly K[]): MessageOf<K> {
  if ((kinds as readonly MessageKind[]).includes(message.kind)) {
    return message as MessageOf<K>;
  }
  if (message.kind === 'refused') {
    throw refusalError(message);
  }
  throw new RfaasError('RFAAS_ERR_PROTOCOL', `peer sent ${message.kind}, expected ${kinds.join(' or ')}`);
}

function inMessage<T>(kind: MessageKind, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof RfaasError)) {
      throw error;
    }
    throw new RfaasError(error.code, `message ${kind}, ${error.message}`, {
      details: { ...error.details, message: kind },
    });
  }
}
