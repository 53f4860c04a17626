import { RfaasError } from '../errors.ts';
import type { FieldType } from './field-types.ts';

/** Named fields in the order in which they lie in memory. */
export type RecordFields = Readonly<Record<string, FieldType<unknown>>>;

/** The value that a record with these fields carries. */
export type RecordValue<F> = { readonly [K in keyof F]: F[K] extends FieldType<infer T> ? T : never };

/** Where one field lies. */
export interface FieldPlace {
  readonly name: string;
  /** The type as `docs/wire-format.md` names it, e.g. `u32` or `text(64)`. */
  readonly type: string;
  /** Bytes from the record's start. */
  readonly offset: number;
  readonly byteLength: number;
}

/** A fixed little-endian layout: the same fields at the same offsets, whatever the values. */
export interface RecordLayout<V> {
  readonly byteLength: number;
  readonly fields: readonly FieldPlace[];
  /** @throws RfaasError `RFAAS_ERR_USAGE` for a value that its field cannot hold. */
  encode(value: V): Uint8Array<ArrayBuffer>;
  /** @throws RfaasError `RFAAS_ERR_PROTOCOL` for bytes that are no such record. */
  decode(bytes: Uint8Array): V;
  /** As `encode`, into `view` at `offset`, where `byteLength` bytes must fit. */
  write(view: DataView, offset: number, value: V): void;
  /** As `decode`, from `view` at `offset`, where `byteLength` bytes must be. */
  read(view: DataView, offset: number): V;
}

/** Describes a record by its fields, which lie one behind the other in the order of the object's keys, unpadded. */
export function defineRecord<const F extends RecordFields>(fields: F): RecordLayout<RecordValue<F>> {
  const places: FieldPlace[] = [];
  let byteLength = 0;
  for (const [name, type] of Object.entries(fields)) {
    places.push({ name, type: type.name, offset: byteLength, byteLength: type.byteLength });
    byteLength += type.byteLength;
  }
  const layout: RecordLayout<RecordValue<F>> = {
    byteLength,
    fields: places,
    encode(value) {
      const bytes = new Uint8Array(byteLength);
      layout.write(viewOf(bytes), 0, value);
      return bytes;
    },
    decode(bytes) {
      if (bytes.byteLength !== byteLength) {
        throw new RfaasError(
          'RFAAS_ERR_PROTOCOL',
          `record of ${bytes.byteLength} bytes instead of ${byteLength}`,
        );
      }
      return layout.read(viewOf(bytes), 0);
    },
    write(view, offset, value) {
      for (const place of places) {
        const type = fields[place.name];
        inField(place.name, () => type?.write(view, offset + place.offset, value[place.name]));
      }
    },
    read(view, offset) {
      const value: Record<string, unknown> = {};
      for (const place of places) {
        const type = fields[place.name];
        value[place.name] = inField(place.name, () => type?.read(view, offset + place.offset));
      }
      // Every key of F was set from F's own field types above.
      return value as RecordValue<F>;
    },
  };
  return layout;
}

/** A view over exactly the bytes of `bytes`, which may be part of a larger buffer. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A field that is itself a record. */
export function nested<V>(name: string, layout: RecordLayout<V>): FieldType<V> {
  return {
    name,
    byteLength: layout.byteLength,
    read: (view, offset) => layout.read(view, offset),
    write: (view, offset, value) => layout.write(view, offset, value),
  };
}

function inField<T>(name: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof RfaasError)) {
      throw error;
    }
    throw new RfaasError(error.code, `field ${name}: ${error.message}`, {
      details: { ...error.details, field: name },
    });
  }
}
