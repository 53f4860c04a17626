import { RfaasError } from '../errors.ts';

/** How a value of type `T` lies in memory: a fixed number of bytes, little-endian. */
export interface FieldType<T> {
  /** The name that `docs/wire-format.md` uses. */
  readonly name: string;
  readonly byteLength: number;
  /** @throws RfaasError `RFAAS_ERR_PROTOCOL` for bytes that stand for no value. */
  read(view: DataView, offset: number): T;
  /** @throws RfaasError `RFAAS_ERR_USAGE` for a value that does not fit. */
  write(view: DataView, offset: number, value: T): void;
}

/** An error about bytes that a peer sent. */
export function protocolError(message: string): RfaasError {
  return new RfaasError('RFAAS_ERR_PROTOCOL', message);
}

function valueError(expected: string, value: unknown): RfaasError {
  return new RfaasError('RFAAS_ERR_USAGE', `expected ${expected}, got ${String(value)}`);
}

function unsigned(
  name: string,
  byteLength: number,
  read: (view: DataView, offset: number) => number,
  write: (view: DataView, offset: number, value: number) => void,
): FieldType<number> {
  const maximum = 2 ** (byteLength * 8) - 1;
  return {
    name,
    byteLength,
    read,
    write(view, offset, value) {
      if (!Number.isInteger(value) || value < 0 || value > maximum) {
        throw valueError(`an integer from 0 to ${maximum}`, value);
      }
      write(view, offset, value);
    },
  };
}

/** An unsigned byte. */
export const u8 = unsigned(
  'u8',
  1,
  (view, offset) => view.getUint8(offset),
  (view, offset, value) => view.setUint8(offset, value),
);

/** An unsigned 16-bit integer. */
export const u16 = unsigned(
  'u16',
  2,
  (view, offset) => view.getUint16(offset, true),
  (view, offset, value) => view.setUint16(offset, value, true),
);

/** An unsigned 32-bit integer. */
export const u32 = unsigned(
  'u32',
  4,
  (view, offset) => view.getUint32(offset, true),
  (view, offset, value) => view.setUint32(offset, value, true),
);

/** A signed 32-bit integer. */
export const i32: FieldType<number> = {
  name: 'i32',
  byteLength: 4,
  read: (view, offset) => view.getInt32(offset, true),
  write(view, offset, value) {
    if (!Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 31) {
      throw valueError('a 32-bit integer', value);
    }
    view.setInt32(offset, value, true);
  },
};

/** An unsigned 64-bit count or time that a JavaScript number holds exactly; larger ones are refused. */
export const u64: FieldType<number> = {
  name: 'u64',
  byteLength: 8,
  read(view, offset) {
    const value = view.getBigUint64(offset, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw protocolError(`number ${value} is beyond 2^53 - 1`);
    }
    return Number(value);
  },
  write(view, offset, value) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw valueError('an integer from 0 to 2^53 - 1', value);
    }
    view.setBigUint64(offset, BigInt(value), true);
  },
};

/** A 64-bit count that only grows, such as nanoseconds of many cores: beyond 2^53 it is rounded rather than refused. */
export const counter: FieldType<number> = {
  name: 'counter',
  byteLength: 8,
  read: (view, offset) => Number(view.getBigUint64(offset, true)),
  write(view, offset, value) {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** 64) {
      throw valueError('an integer from 0 to 2^64 - 1', value);
    }
    view.setBigUint64(offset, BigInt(value), true);
  },
};

/** An unsigned 64-bit address, key or incarnation. */
export const word: FieldType<bigint> = {
  name: 'word',
  byteLength: 8,
  read: (view, offset) => view.getBigUint64(offset, true),
  write(view, offset, value) {
    if (typeof value !== 'bigint' || value < 0n || value >= 1n << 64n) {
      throw valueError('a 64-bit unsigned bigint', value);
    }
    view.setBigUint64(offset, value, true);
  },
};

/** A byte that is 0 or 1. */
export const flag: FieldType<boolean> = {
  name: 'flag',
  byteLength: 1,
  read(view, offset) {
    const value = view.getUint8(offset);
    if (value > 1) {
      throw protocolError(`flag is ${value}, neither 0 nor 1`);
    }
    return value === 1;
  },
  write: (view, offset, value) => view.setUint8(offset, value ? 1 : 0),
};

/** A 16-bit number from 1 that stands for one of `names`, in their order. */
export function choice<const N extends readonly string[]>(names: N): FieldType<N[number]> {
  return {
    name: `choice(${names.join(', ')})`,
    byteLength: 2,
    read(view, offset) {
      const value = view.getUint16(offset, true);
      const name: N[number] | undefined = names[value - 1];
      if (name === undefined) {
        throw protocolError(`${value} is none of 1 to ${names.length} (${names.join(', ')})`);
      }
      return name;
    },
    write(view, offset, value) {
      const index = names.indexOf(value);
      if (index < 0) {
        throw valueError(`one of ${names.join(', ')}`, value);
      }
      view.setUint16(offset, index + 1, true);
    },
  };
}

function bytesAt(view: DataView, offset: number, byteLength: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + offset, byteLength);
}

/** Exactly `byteLength` bytes; what is read is a copy. */
export function bytes(byteLength: number): FieldType<Uint8Array> {
  return {
    name: `bytes(${byteLength})`,
    byteLength,
    read: (view, offset) => bytesAt(view, offset, byteLength).slice(),
    write(view, offset, value) {
      if (value.byteLength !== byteLength) {
        throw valueError(`${byteLength} bytes`, `${value.byteLength} bytes`);
      }
      bytesAt(view, offset, byteLength).set(value);
    },
  };
}

/** A 16-bit length and up to `capacity` bytes, zero-padded; what is read is a copy. */
export function bytesUpTo(capacity: number): FieldType<Uint8Array> {
  return {
    name: `bytes-up-to(${capacity})`,
    byteLength: 2 + capacity,
    read(view, offset) {
      const length = view.getUint16(offset, true);
      if (length > capacity) {
        throw protocolError(`length ${length} is beyond the ${capacity} bytes of room`);
      }
      return bytesAt(view, offset + 2, length).slice();
    },
    write(view, offset, value) {
      if (value.byteLength > capacity) {
        throw valueError(`at most ${capacity} bytes`, `${value.byteLength} bytes`);
      }
      view.setUint16(offset, value.byteLength, true);
      bytesAt(view, offset + 2, capacity)
        .fill(0)
        .set(value);
    },
  };
}

/** `byteLength` bytes that TypeScript shows as twice as many lower-case hexadecimal digits: identifiers, digests. */
export function hex(byteLength: number): FieldType<string> {
  return {
    name: `hex(${byteLength})`,
    byteLength,
    read(view, offset) {
      const source = bytesAt(view, offset, byteLength);
      return Buffer.from(source.buffer, source.byteOffset, source.byteLength).toString('hex');
    },
    write(view, offset, value) {
      if (typeof value !== 'string' || value.length !== 2 * byteLength || !/^[0-9a-f]*$/.test(value)) {
        // The value may be a secret: only its length is told.
        throw valueError(
          `${2 * byteLength} lower-case hexadecimal digits`,
          `${String(value).length} characters`,
        );
      }
      bytesAt(view, offset, byteLength).set(Buffer.from(value, 'hex'));
    },
  };
}
