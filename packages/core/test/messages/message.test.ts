import { describe, expect, test } from '@jest/globals';
import {
  decodeMessage,
  encodeMessage,
  expectMessage,
  maxMessageBytes,
  messageTable,
  RfaasError,
  type Message,
} from '../../src/index.ts';
import { seededRandom } from '../seeded-random.ts';
import { goldenMessages } from './golden-messages.ts';
import { fromHexNotation, toHexNotation } from './hex-notation.ts';
import { sampleMessages } from './sample-messages.ts';

const firstCorrelation = 0x01020300;

describe('messages', () => {
  test('there is a sample and golden bytes for every message', () => {
    const kinds = Object.keys(messageTable);
    expect(sampleMessages.map(({ kind }) => kind)).toEqual(kinds);
    expect(Object.keys(goldenMessages)).toEqual(kinds);
  });

  test('every message has a number of its own', () => {
    const numbers = Object.values(messageTable).map(({ number }) => number);
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  test.each(sampleMessages.map((message, index) => [message.kind, message, index] as const))(
    '%s has its golden bytes and comes back from them',
    (kind, message, index) => {
      const correlation = firstCorrelation + index;
      const bytes = encodeMessage(message, correlation);
      expect(toHexNotation(bytes)).toBe(goldenMessages[kind]);
      expect(bytes.byteLength).toBeLessThanOrEqual(maxMessageBytes);
      expect(decodeMessage(fromHexNotation(goldenMessages[kind] ?? ''))).toEqual({ ...message, correlation });
    },
  );

  test('a message decodes from the middle of a larger buffer', () => {
    const bytes = encodeMessage({ kind: 'executor-ready', pid: 7 }, 1);
    const larger = new Uint8Array(bytes.byteLength + 6);
    larger.set(bytes, 3);
    expect(decodeMessage(larger.subarray(3, 3 + bytes.byteLength))).toEqual({
      kind: 'executor-ready',
      pid: 7,
      correlation: 1,
    });
  });
});

describe('hostile bytes', () => {
  const valid = encodeMessage({ kind: 'lease-end', leaseId: 'a'.repeat(32), reason: 'expired' }, 5);

  function altered(offset: number, ...values: readonly number[]): Uint8Array {
    const copy = valid.slice();
    copy.set(values, offset);
    return copy;
  }

  test.each([
    ['nothing', new Uint8Array(0), 'shorter than its envelope'],
    ['half an envelope', valid.subarray(0, 9), 'shorter than its envelope'],
    ['another magic', altered(0, 1), 'not with rFaM'],
    ['an unknown kind', altered(6, 0xff, 0xff), 'no message has number 0xffff'],
    ['a length that is not the message', altered(8, 99), 'says that it has 99'],
    ['a truncated message', valid.subarray(0, 20), 'says that it has 34'],
    [
      'a choice that there is none of',
      altered(32, 77),
      'message lease-end, field reason: 77 is none of 1 to 9',
    ],
    ['too many bytes', new Uint8Array(maxMessageBytes + 1), '4096 are allowed'],
  ])('%s is a protocol error that says so', (_what, bytes, text) => {
    expect(() => decodeMessage(bytes)).toThrow(expect.objectContaining({ code: 'RFAAS_ERR_PROTOCOL' }));
    expect(() => decodeMessage(bytes)).toThrow(text);
  });

  test('another version is told apart and both versions are named', () => {
    expect(() => decodeMessage(altered(4, 9))).toThrow(
      expect.objectContaining({ code: 'RFAAS_ERR_VERSION', details: { peerVersion: 9, version: 1 } }),
    );
  });

  test('a message of a kind with another length is refused', () => {
    const longer = new Uint8Array(valid.byteLength + 1);
    longer.set(valid);
    longer[8] = longer.byteLength;
    expect(() => decodeMessage(longer)).toThrow('message lease-end has 35 bytes instead of 34');
  });

  test('altered messages decode or are refused with an RfaasError, never anything else', () => {
    const random = seededRandom(20_261_124);
    for (let round = 0; round < 6000; round += 1) {
      const bytes = encodeMessage(random.pick(sampleMessages), round);
      for (let change = random.below(6); change >= 0; change -= 1) {
        bytes[random.below(bytes.byteLength)] = random.below(256);
      }
      const cut = random.below(10) === 0 ? bytes.subarray(0, random.below(bytes.byteLength)) : bytes;
      expectMessageOrRefusal(cut);
    }
  });

  test('random bytes behind a valid envelope decode or are refused with an RfaasError', () => {
    const random = seededRandom(7);
    for (let round = 0; round < 3000; round += 1) {
      const bytes = encodeMessage(random.pick(sampleMessages), round);
      bytes.set(random.bytes(bytes.byteLength - 16), 16);
      expectMessageOrRefusal(bytes);
    }
  });

  function expectMessageOrRefusal(bytes: Uint8Array): void {
    let message: Message;
    try {
      message = decodeMessage(bytes);
    } catch (error) {
      if (!(error instanceof RfaasError) || !/^RFAAS_ERR_(PROTOCOL|VERSION)$/.test(error.code)) {
        throw error;
      }
      return;
    }
    // What was accepted can be sent again and means the same.
    expect(decodeMessage(encodeMessage(message, message.correlation))).toEqual(message);
  }
});

describe('values that do not fit', () => {
  test.each([
    [
      { kind: 'executor-ready', pid: -1 } as const,
      'field pid: expected an integer from 0 to 4294967295, got -1',
    ],
    [{ kind: 'executor-ready', pid: 1.5 } as const, 'got 1.5'],
    [
      { kind: 'lease-ended', leaseId: 'zz' } as const,
      'field leaseId: expected 32 lower-case hexadecimal digits',
    ],
    [{ kind: 'proof', proof: new Uint8Array(31) } as const, 'expected 32 bytes, got 31 bytes'],
    [{ kind: 'lease-renew', leaseId: '0'.repeat(32), durationMs: 2 ** 53 } as const, 'field durationMs'],
    [
      {
        kind: 'lease-held',
        leaseId: '0'.repeat(32),
        tenant: 'n'.repeat(65),
        generation: 1,
        cores: 1,
        memoryMiB: 1,
        gpus: 0,
        expiry: 1,
      } as const,
      'text of 65 bytes is longer than the 64',
    ],
  ])('%j is refused when it is sent', (message, text) => {
    expect(() => encodeMessage(message)).toThrow(expect.objectContaining({ code: 'RFAAS_ERR_USAGE' }));
    expect(() => encodeMessage(message)).toThrow(text);
  });
});

describe('expectMessage', () => {
  test('hands the expected message on', () => {
    const message: Message = { kind: 'welcome', correlation: 0 };
    expect(expectMessage(message, 'welcome')).toBe(message);
  });

  test('turns a refusal into the error that the peer meant', () => {
    const message: Message = { kind: 'refused', correlation: 0, code: 6, text: 'no node has 9 cores' };
    expect(() => expectMessage(message, 'lease-granted')).toThrow(
      expect.objectContaining({ code: 'RFAAS_ERR_NO_CAPACITY', message: 'no node has 9 cores' }),
    );
  });

  test('refuses a message that does not belong here', () => {
    expect(() => expectMessage({ kind: 'welcome', correlation: 0 }, 'proof', 'hello')).toThrow(
      'peer sent welcome, expected proof or hello',
    );
  });
});
