import { RfaasError } from '../errors.ts';
import type { FieldType } from './field-types.ts';
import { protocolError } from './field-types.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// Controls (C0, DEL, C1) would let a peer's name move the cursor of whoever reads the log.
const controlCharacters = /\p{Cc}/u;

/** UTF-8 in a fixed width, zero-padded: too long a value is refused. */
export function text(byteLength: number): FieldType<string> {
  return {
    name: `text(${byteLength})`,
    byteLength,
    read: (view, offset) => readText(view, offset, byteLength),
    write(view, offset, value) {
      const encoded = encodeText(value);
      if (encoded.byteLength > byteLength) {
        throw new RfaasError(
          'RFAAS_ERR_USAGE',
          `text of ${encoded.byteLength} bytes is longer than the ${byteLength} there is room for`,
        );
      }
      writePadded(view, offset, byteLength, encoded);
    },
  };
}

/** As {@link text}, for names and addresses: no control characters. May be empty. */
export function label(byteLength: number): FieldType<string> {
  const base = text(byteLength);
  return {
    name: `label(${byteLength})`,
    byteLength,
    read(view, offset) {
      const value = base.read(view, offset);
      if (controlCharacters.test(value)) {
        throw protocolError('name has control characters');
      }
      return value;
    },
    write(view, offset, value) {
      if (controlCharacters.test(value)) {
        throw new RfaasError('RFAAS_ERR_USAGE', `name ${JSON.stringify(value)} has control characters`);
      }
      base.write(view, offset, value);
    },
  };
}

/** As {@link text}, for error texts: what is too long is cut at a character and ends with an ellipsis. */
export function clippedText(byteLength: number): FieldType<string> {
  return {
    name: `clipped-text(${byteLength})`,
    byteLength,
    read: (view, offset) => readText(view, offset, byteLength),
    write(view, offset, value) {
      writePadded(view, offset, byteLength, encodeText(clipText(value.replaceAll('\0', ' '), byteLength)));
    },
  };
}

/** `value`, cut at a character so that its UTF-8 has at most `byteLength` bytes; an ellipsis marks a cut. */
export function clipText(value: string, byteLength: number): string {
  const encoded = encoder.encode(value);
  if (encoded.byteLength <= byteLength) {
    // Decoding again replaces halves of surrogate pairs, which UTF-8 cannot hold.
    return decoder.decode(encoded);
  }
  const ellipsis = byteLength >= 3 ? '…' : '';
  let end = byteLength - encoder.encode(ellipsis).byteLength;
  // 10xxxxxx continues a character: the cut goes in front of the character it belongs to.
  while (end > 0 && ((encoded[end] ?? 0) & 0xc0) === 0x80) {
    end -= 1;
  }
  return decoder.decode(encoded.subarray(0, end)) + ellipsis;
}

function encodeText(value: string): Uint8Array {
  if (typeof value !== 'string' || value.includes('\0')) {
    throw new RfaasError('RFAAS_ERR_USAGE', 'expected text without NUL characters');
  }
  return encoder.encode(value);
}

function writePadded(view: DataView, offset: number, byteLength: number, encoded: Uint8Array): void {
  new Uint8Array(view.buffer, view.byteOffset + offset, byteLength).fill(0).set(encoded);
}

function readText(view: DataView, offset: number, byteLength: number): string {
  const raw = new Uint8Array(view.buffer, view.byteOffset + offset, byteLength);
  const terminator = raw.indexOf(0);
  const end = terminator < 0 ? byteLength : terminator;
  if (raw.subarray(end).some((byte) => byte !== 0)) {
    throw protocolError('text goes on behind its end');
  }
  try {
    return decoder.decode(raw.subarray(0, end));
  } catch (error) {
    throw new RfaasError('RFAAS_ERR_PROTOCOL', 'text is not UTF-8', { cause: error });
  }
}
