import { RfaasError } from '../errors.ts';
import { u16, u32 } from './field-types.ts';
import { defineRecord } from './record-layout.ts';

/** `rFaM`, read as a little-endian 32-bit number: the first bytes of every message. */
export const messageMagic = 0x4d614672;

/** Counts up with every incompatible change of any message after a release; a peer with another number is refused. */
export const protocolVersion = 1;

/** The largest message, envelope included. */
export const maxMessageBytes = 4096;

/** In front of every message. */
export const envelopeLayout = defineRecord({
  magic: u32,
  version: u16,
  /** Which message follows: the numbers of `messages/message-table.ts`. */
  kind: u16,
  /** Bytes of the whole message, this envelope included. */
  length: u32,
  /** Chosen by who asks, repeated by who answers; 0 where nothing is answered. */
  correlation: u32,
});

/** What the envelope of a message says. */
export interface Envelope {
  readonly kind: number;
  readonly correlation: number;
}

/**
 * Reads and checks the envelope of `message`.
 *
 * @throws RfaasError `RFAAS_ERR_VERSION` for another version, `RFAAS_ERR_PROTOCOL` for anything else that is wrong.
 */
export function readEnvelope(message: DataView): Envelope {
  if (message.byteLength < envelopeLayout.byteLength) {
    throw new RfaasError(
      'RFAAS_ERR_PROTOCOL',
      `message of ${message.byteLength} bytes is shorter than its envelope`,
    );
  }
  const envelope = envelopeLayout.read(message, 0);
  if (envelope.magic !== messageMagic) {
    throw new RfaasError(
      'RFAAS_ERR_PROTOCOL',
      `message begins with 0x${envelope.magic.toString(16)}, not with rFaM`,
    );
  }
  if (envelope.version !== protocolVersion) {
    throw new RfaasError(
      'RFAAS_ERR_VERSION',
      `peer speaks protocol version ${envelope.version}, this side ${protocolVersion}; use the same release on both`,
      { details: { peerVersion: envelope.version, version: protocolVersion } },
    );
  }
  if (envelope.length !== message.byteLength) {
    throw new RfaasError(
      'RFAAS_ERR_PROTOCOL',
      `message of ${message.byteLength} bytes says that it has ${envelope.length}`,
    );
  }
  return { kind: envelope.kind, correlation: envelope.correlation };
}
