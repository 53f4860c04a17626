import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  ClosedError,
  InvalidArgumentError,
  openTransport,
  RegisteredAllocator,
  type ProtectionDomain,
  type RegisteredView,
  type Transport,
} from '@rfaas/rdmalib';
import { randomStream } from './random.ts';

describe('the registered allocator', () => {
  let transport: Transport;
  let domain: ProtectionDomain;
  let allocator: RegisteredAllocator;
  beforeEach(() => {
    transport = openTransport('shm://0');
    domain = transport.openProtectionDomain();
    allocator = new RegisteredAllocator(domain, {
      access: ['local-write', 'remote-write'],
      chunkBytes: 4096,
    });
  });
  afterEach(async () => {
    await transport.close();
  });

  test('hands out every kind of typed array, zeroed and aligned to 64 bytes', () => {
    const types = [
      Uint8Array,
      Uint8ClampedArray,
      Int8Array,
      Uint16Array,
      Int16Array,
      Uint32Array,
      Int32Array,
      Float32Array,
      Float64Array,
      BigUint64Array,
      BigInt64Array,
    ] as const;
    for (const type of types) {
      const view: RegisteredView = allocator.allocate<RegisteredView>(type, 5);
      expect(view).toBeInstanceOf(type);
      expect(view.length).toBe(5);
      expect(view.byteOffset % 64).toBe(0);
      expect(new Uint8Array(view.buffer, view.byteOffset, view.byteLength).every((byte) => byte === 0)).toBe(
        true,
      );
      new Uint8Array(view.buffer, view.byteOffset, view.byteLength).fill(0xff);
      allocator.free(view);
    }
  });

  test('knows the segment and the remote memory of a view and of its parts', () => {
    allocator.allocate(Uint8Array, 100);
    const view = allocator.allocate(Float64Array, 10);
    const segment = allocator.segment(view);
    expect(segment).toMatchObject({ offset: view.byteOffset, byteLength: 80 });
    view[3] = 1.5;
    const bytes = segment.region.bytes.subarray(segment.offset, segment.offset + segment.byteLength);
    expect(new DataView(bytes.buffer, bytes.byteOffset).getFloat64(24, true)).toBe(1.5);
    expect(allocator.segment(view.subarray(2, 4))).toMatchObject({
      offset: view.byteOffset + 16,
      byteLength: 16,
    });
    expect(allocator.remote(view)).toEqual({ ...segment.region.remote, offset: view.byteOffset });
  });

  test('grows, also for what is larger than a chunk, and gives that back', () => {
    const large = allocator.allocate(Uint8Array, 10_000);
    const small = Array.from({ length: 200 }, () => allocator.allocate(Uint8Array, 64));
    expect(new Set(small.map((view) => view.buffer)).size).toBeGreaterThan(1);
    large.fill(1);
    allocator.free(large);
    expect(large.every((byte) => byte === 0)).toBe(true);
    expect(() => allocator.segment(large)).toThrow(InvalidArgumentError);
  });

  test('refuses what it did not hand out, and what it took back already', () => {
    const view = allocator.allocate(Uint8Array, 100);
    expect(() => allocator.free(new Uint8Array(100))).toThrow(InvalidArgumentError);
    expect(() => allocator.free(view.subarray(0, 50))).toThrow(InvalidArgumentError);
    expect(() => allocator.segment(new Uint8Array(8))).toThrow(InvalidArgumentError);
    allocator.free(view);
    expect(() => allocator.free(view)).toThrow(InvalidArgumentError);
    expect(() => allocator.segment(view)).toThrow(InvalidArgumentError);
    const again = allocator.allocate(Uint8Array, 100);
    expect(again.byteOffset).toBe(view.byteOffset);
    expect(() => allocator.free(view)).toThrow(InvalidArgumentError);
  });

  test('refuses impossible lengths', () => {
    for (const length of [-1, 1.5, Number.NaN, 2 ** 53]) {
      expect(() => allocator.allocate(Float64Array, length)).toThrow(InvalidArgumentError);
    }
    expect(() => new RegisteredAllocator(domain, { access: [], chunkBytes: 1 })).toThrow(
      InvalidArgumentError,
    );
    expect(allocator.allocate(Uint8Array, 0).length).toBe(0);
  });

  test('leaves zeros in kept views after close, and nothing works any more', () => {
    const view = allocator.allocate(Float64Array, 100).fill(2);
    allocator.close();
    allocator.close();
    expect(view.every((value) => value === 0)).toBe(true);
    expect(() => allocator.allocate(Uint8Array, 1)).toThrow(ClosedError);
    expect(() => allocator.free(view)).toThrow(ClosedError);
    expect(() => allocator.segment(view)).toThrow(ClosedError);
  });

  test.each([11, 12, 13])('never hands out the same bytes twice (seed %d)', (seed) => {
    const random = randomStream(seed);
    const held = new Map<Uint8Array, number>();
    let next = 1;
    const intact = (view: Uint8Array, mark: number): boolean => view.every((byte) => byte === (mark & 0xff));
    for (let step = 0; step < 1500; step += 1) {
      if (held.size === 0 || random() < 0.52) {
        const view = allocator.allocate(Uint8Array, Math.floor(random() ** 3 * 6000));
        expect(view.every((byte) => byte === 0)).toBe(true);
        view.fill(next & 0xff);
        held.set(view, next);
        next += 1;
      } else {
        const chosen = [...held][Math.floor(random() * held.size)];
        if (chosen !== undefined) {
          const [view, mark] = chosen;
          expect(intact(view, mark)).toBe(true);
          held.delete(view);
          allocator.free(view);
        }
      }
    }
    for (const [view, mark] of held) {
      expect(intact(view, mark)).toBe(true);
    }
  });
});
