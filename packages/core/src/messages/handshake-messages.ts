import { bytes, hex, u16, u32, word } from './field-types.ts';
import { nameBytes } from './lease-messages.ts';
import { defineRecord } from './record-layout.ts';
import { clippedText, label } from './text-fields.ts';

/** The first message of whoever connected. */
export const hello = defineRecord({
  nonce: bytes(32),
  /** Tenant (a client) or node (an executor manager). */
  name: label(nameBytes),
  /** The lease whose key is proven (client to executor manager), else zeros. */
  leaseId: hex(16),
  /** The generation of that lease, else 0. */
  generation: u32,
});

/** The answer: the server proves first. */
export const challenge = defineRecord({
  nonce: bytes(32),
  name: label(nameBytes),
  /** The server's start, where it has one; else 0. */
  incarnation: word,
  proof: bytes(32),
});

/** The client's proof. */
export const proof = defineRecord({ proof: bytes(32) });

/** The handshake is over; the protocol of the role follows. */
export const welcome = defineRecord({});

/** The answer to a request, or to a handshake, that was not granted. */
export const refused = defineRecord({
  /** The error's number in `docs/errors.md`. */
  code: u16,
  text: clippedText(256),
});
