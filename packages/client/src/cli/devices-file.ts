import type { RdmaDevice } from '@rfaas/rdmalib';

/** What a device database says of every device and no device tells. */
export interface DevicesFileOptions {
  /** Where servers on the device listen if nothing else says so. */
  readonly port: number;
  /** Receives that are posted at once. */
  readonly receiveBuffers: number;
}

/** A device database in the reference's format, and why devices are not in it. */
export interface DevicesFile {
  readonly devices: readonly {
    readonly name: string;
    readonly ip_address: string;
    readonly port: number;
    readonly max_inline_data: number;
    readonly default_receive_buffer_size: number;
  }[];
  readonly leftOut: readonly string[];
}

/** The device database of a host: every device that can be used now, with its preferred address. */
export function devicesFile(devices: readonly RdmaDevice[], options: DevicesFileOptions): DevicesFile {
  const leftOut: string[] = [];
  const entries: DevicesFile['devices'][number][] = [];
  for (const device of devices) {
    const active = device.ports.filter(({ state }) => state === 'active');
    const address = active.flatMap(({ addresses }) => addresses)[0];
    if (device.limits === undefined) {
      leftOut.push(`${device.name}: ${device.problem ?? 'it cannot be asked'}`);
    } else if (active.length === 0) {
      leftOut.push(`${device.name}: no port is active; set its network device up (ip link set NETDEV up)`);
    } else if (address === undefined) {
      leftOut.push(`${device.name}: no address; give its network device one (ip addr add)`);
    } else {
      entries.push({
        name: device.name,
        ip_address: address,
        port: options.port,
        max_inline_data: device.limits.maxInlineBytes,
        default_receive_buffer_size: options.receiveBuffers,
      });
    }
  }
  return { devices: entries, leftOut };
}

/** The text of the file. */
export function formatDevicesFile({ devices }: DevicesFile): string {
  return `${JSON.stringify({ devices }, undefined, 2)}\n`;
}

/** `devices.json` and `node1` → `devices-node1.json`: one file a host. */
export function devicesFileFor(file: string, host: string): string {
  const name = host.replace(/[^\w.@+-]/g, '_');
  return /\.[^./]+$/.test(file) ? file.replace(/(\.[^./]+)$/, `-${name}$1`) : `${file}-${name}`;
}
