import { InvalidArgumentError } from '../../errors.ts';

/** A CXI service of a network interface, and the virtual network that it may use. */
export interface CxiService {
  /** Number of the service, 32 bits. */
  readonly serviceId: number;
  /** Number of the virtual network, 16 bits. */
  readonly vni: number;
}

/**
 * The authorization key of libfabric's gni provider for a DRC cookie, in hexadecimal digits: 8 bytes, the kind of the key
 * (u32, 0: a raw protection key) and the cookie (u32), little-endian.
 */
export function gniAuthorizationKey(cookie: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(4, requireUnsigned('DRC cookie', cookie, 32), true);
  return hexDigits(view);
}

/**
 * The authorization key of libfabric's cxi provider, in hexadecimal digits: `struct cxi_auth_key`, which is the service
 * (u32) and the virtual network (u16), little-endian, and two bytes of padding.
 */
export function cxiAuthorizationKey({ serviceId, vni }: CxiService): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(0, requireUnsigned('CXI service', serviceId, 32), true);
  view.setUint16(4, requireUnsigned('VNI', vni, 16), true);
  return hexDigits(view);
}

function requireUnsigned(what: string, value: number, bits: number): number {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits) {
    throw new InvalidArgumentError(
      `${value} is no ${what}: it must be an integer from 0 to ${2 ** bits - 1}`,
      {
        operation: 'authorization key',
      },
    );
  }
  return value;
}

function hexDigits(view: DataView<ArrayBuffer>): string {
  return Buffer.from(view.buffer).toString('hex');
}
