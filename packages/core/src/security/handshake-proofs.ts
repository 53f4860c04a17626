import { createHmac } from 'node:crypto';
import type { ConnectionRole } from '../messages/connection-data.ts';
import { connectionRoles } from '../messages/connection-data.ts';
import { protocolVersion } from '../messages/envelope.ts';
import { bytes, hex, u16, u32, word } from '../messages/field-types.ts';
import { nameBytes } from '../messages/lease-messages.ts';
import { defineRecord } from '../messages/record-layout.ts';
import { label } from '../messages/text-fields.ts';
import { derive } from './keys.ts';

/** Everything that both sides have told each other; each proves that it holds the key over exactly this. */
export interface HandshakeTranscript {
  readonly role: ConnectionRole;
  readonly clientNonce: Uint8Array;
  readonly serverNonce: Uint8Array;
  readonly clientName: string;
  readonly serverName: string;
  readonly leaseId: string;
  readonly generation: number;
  readonly incarnation: bigint;
}

/** What is signed: fixed widths, so that no two transcripts have the same bytes. */
export const transcriptLayout = defineRecord({
  prover: label(16),
  version: u16,
  role: u16,
  clientNonce: bytes(32),
  serverNonce: bytes(32),
  clientName: label(nameBytes),
  serverName: label(nameBytes),
  leaseId: hex(16),
  generation: u32,
  incarnation: word,
});

function encodeTranscript(prover: string, { role, ...fields }: HandshakeTranscript): Uint8Array {
  return transcriptLayout.encode({
    prover,
    version: protocolVersion,
    role: connectionRoles.indexOf(role) + 1,
    ...fields,
  });
}

/** The proof of the side that connected. It differs from the server's, so that neither can be sent back. */
export function clientProof(key: Uint8Array, transcript: HandshakeTranscript): Uint8Array {
  return createHmac('sha256', key).update(encodeTranscript('rfaas client', transcript)).digest();
}

/** The proof of the side that accepted. */
export function serverProof(key: Uint8Array, transcript: HandshakeTranscript): Uint8Array {
  return createHmac('sha256', key).update(encodeTranscript('rfaas server', transcript)).digest();
}

/** A key that only this connection's two ends know, for {@link seal}. */
export function deriveSessionKey(key: Uint8Array, transcript: HandshakeTranscript): Uint8Array {
  return derive(key, 'session', encodeTranscript('rfaas session', transcript));
}
