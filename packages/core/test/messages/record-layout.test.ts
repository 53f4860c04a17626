import { describe, expect, test } from '@jest/globals';
import { clipText, defineRecord, fieldTypes, label, nested, RfaasError, text } from '../../src/index.ts';
import { seededRandom } from '../seeded-random.ts';

const { bytes, bytesUpTo, choice, counter, flag, hex, i32, u8, u16, u32, u64, word } = fieldTypes;

const inner = defineRecord({ low: u8, high: u8 });
const everything = defineRecord({
  small: u8,
  medium: u16,
  large: u32,
  signed: i32,
  size: u64,
  grows: counter,
  address: word,
  yes: flag,
  color: choice(['red', 'green']),
  fixed: bytes(5),
  some: bytesUpTo(7),
  id: hex(4),
  name: text(12),
  inner: nested('inner', inner),
});

describe('defineRecord', () => {
  test('lays fields one behind the other', () => {
    expect(everything.fields.map(({ name, offset, byteLength }) => [name, offset, byteLength])).toEqual([
      ['small', 0, 1],
      ['medium', 1, 2],
      ['large', 3, 4],
      ['signed', 7, 4],
      ['size', 11, 8],
      ['grows', 19, 8],
      ['address', 27, 8],
      ['yes', 35, 1],
      ['color', 36, 2],
      ['fixed', 38, 5],
      ['some', 43, 9],
      ['id', 52, 4],
      ['name', 56, 12],
      ['inner', 68, 2],
    ]);
    expect(everything.byteLength).toBe(70);
  });

  test('whatever is written comes back', () => {
    const random = seededRandom(42);
    const names = ['', 'a', 'Grüße', '節點', 'twelve bytes', '🙂🙂🙂'];
    for (let round = 0; round < 2000; round += 1) {
      const value = {
        small: random.below(256),
        medium: random.below(2 ** 16),
        large: random.below(2 ** 32),
        signed: random.below(2 ** 32) - 2 ** 31,
        size: random.below(2 ** 21) * 2 ** 32 + random.below(2 ** 32),
        grows: random.below(2 ** 21) * 2 ** 32,
        address: (BigInt(random.below(2 ** 32)) << 32n) | BigInt(random.below(2 ** 32)),
        yes: random.below(2) === 1,
        color: random.pick(['red', 'green'] as const),
        fixed: random.bytes(5),
        some: random.bytes(random.below(8)),
        id: Buffer.from(random.bytes(4)).toString('hex'),
        name: random.pick(names),
        inner: { low: random.below(256), high: random.below(256) },
      };
      expect(everything.decode(everything.encode(value))).toEqual(value);
    }
  });

  test('decodes exactly its own length', () => {
    expect(() => inner.decode(new Uint8Array(3))).toThrow('record of 3 bytes instead of 2');
  });

  test('what is decoded does not change with the buffer it came from', () => {
    const record = defineRecord({ data: bytes(2) });
    const source = Uint8Array.of(1, 2);
    const { data } = record.decode(source);
    source.fill(9);
    expect([...data]).toEqual([1, 2]);
  });
});

describe('fields refuse what they cannot stand for', () => {
  test.each([
    ['a number beyond 2^53', defineRecord({ f: u64 }), [0, 0, 0, 0, 0, 0, 0x20, 0], 'beyond 2^53'],
    ['a flag of 2', defineRecord({ f: flag }), [2], 'neither 0 nor 1'],
    ['choice 0', defineRecord({ f: choice(['a']) }), [0, 0], '0 is none of 1 to 1 (a)'],
    ['a length beyond its room', defineRecord({ f: bytesUpTo(2) }), [3, 0, 1, 2], 'length 3 is beyond'],
    ['text behind its end', defineRecord({ f: text(4) }), [65, 0, 66, 0], 'goes on behind its end'],
    ['broken UTF-8', defineRecord({ f: text(4) }), [0xc3, 0x28, 0, 0], 'not UTF-8'],
    ['an escape sequence in a name', defineRecord({ f: label(4) }), [27, 91, 50, 74], 'control characters'],
  ])('%s', (_what, record, raw, message) => {
    const decode = (): unknown => record.decode(Uint8Array.from(raw));
    expect(decode).toThrow(RfaasError);
    expect(decode).toThrow(expect.objectContaining({ code: 'RFAAS_ERR_PROTOCOL', details: { field: 'f' } }));
    expect(decode).toThrow(message);
  });

  test('a counter beyond 2^53 is rounded, not refused', () => {
    const record = defineRecord({ f: counter });
    expect(record.decode(Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255)).f).toBe(2 ** 64);
  });

  test('the value of a hexadecimal field never appears in its error, it may be a secret', () => {
    expect(() => defineRecord({ f: hex(2) }).encode({ f: 'SECRET' })).toThrow(/^(?!.*SECRET)/);
  });
});

describe('clipText', () => {
  test.each([
    ['short', 10, 'short'],
    ['exactly ten', 11, 'exactly ten'],
    ['this is too long', 10, 'this is…'],
    ['ééééé', 8, 'éé…'],
    ['🙂🙂🙂', 9, '🙂…'],
    ['abc', 2, 'ab'],
  ])('%j in %d bytes is %j', (value, room, expected) => {
    expect(clipText(value, room)).toBe(expected);
    expect(Buffer.byteLength(clipText(value, room))).toBeLessThanOrEqual(room);
  });
});
