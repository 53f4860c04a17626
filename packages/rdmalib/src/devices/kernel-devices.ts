import { readdirSync, readFileSync } from 'node:fs';
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';
import { join } from 'node:path';
import type { RdmaPort } from './rdma-device.ts';

/** Where the kernel shows its RDMA devices. */
export const kernelDeviceDirectory = '/sys/class/infiniband';

/** What the kernel tells of a device without libibverbs. */
export interface KernelDevice {
  readonly name: string;
  readonly ports: readonly RdmaPort[];
}

/** Where the kernel is asked; everything has a default. */
export interface KernelDeviceSources {
  /** Default `/sys/class/infiniband`. */
  readonly directory?: string | undefined;
  /** Default `os.networkInterfaces()`. */
  readonly interfaces?: NodeJS.Dict<NetworkInterfaceInfo[]> | undefined;
}

/** The RDMA devices that the kernel has, by name; none where its RDMA modules are not loaded. */
export function readKernelDevices(sources: KernelDeviceSources = {}): KernelDevice[] {
  const directory = sources.directory ?? kernelDeviceDirectory;
  const interfaces = sources.interfaces ?? networkInterfaces();
  return entriesOf(directory).map((name) => ({
    name,
    ports: entriesOf(join(directory, name, 'ports')).map((number) =>
      readPort(join(directory, name), number, interfaces),
    ),
  }));
}

function readPort(device: string, number: string, interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>): RdmaPort {
  const port = join(device, 'ports', number);
  const networkDevices = networkDevicesOf(device, port);
  return {
    number: Number(number),
    state: (textOf(join(port, 'state')) ?? '').replace(/^\d+: /, '').toLowerCase(),
    linkLayer: textOf(join(port, 'link_layer')) ?? '',
    gigabitsPerSecond: rateOf(textOf(join(port, 'rate'))),
    networkDevices,
    addresses: addressesOf(networkDevices, interfaces),
  };
}

/** The network devices that the port's table of addresses names; where it names none, those of the hardware. */
function networkDevicesOf(device: string, port: string): string[] {
  const table = join(port, 'gid_attrs', 'ndevs');
  const named = entriesOf(table).map((index) => textOf(join(table, index)) ?? '');
  const parent = textOf(join(device, 'parent'));
  const all = [...named, ...(parent === undefined ? [] : [parent])].filter((name) => name !== '');
  return all.length > 0 ? [...new Set(all)] : entriesOf(join(device, 'device', 'net'));
}

/** `100 Gb/sec (4X EDR)` → 100. */
function rateOf(text: string | undefined): number | undefined {
  const number = /^\s*([\d.]+) Gb\/sec/.exec(text ?? '')?.[1];
  return number === undefined ? undefined : Number(number);
}

function addressesOf(
  networkDevices: readonly string[],
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>,
): string[] {
  return networkDevices
    .flatMap((name) => (interfaces[name] ?? []).map((info) => ({ text: textOfAddress(name, info), info })))
    .sort((a, b) => preference(a.info) - preference(b.info))
    .map(({ text }) => text);
}

/** IPv4, then IPv6, then what means something on one link only. */
function preference(info: NetworkInterfaceInfo): number {
  if (info.family === 'IPv4') {
    return 0;
  }
  return info.scopeid === 0 ? 1 : 2;
}

function textOfAddress(networkDevice: string, info: NetworkInterfaceInfo): string {
  return preference(info) === 2 ? `${info.address}%${networkDevice}` : info.address;
}

/** The names in a folder in natural order; none where it does not exist. */
function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  } catch (error) {
    if (isAbsent(error)) {
      return [];
    }
    throw error;
  }
}

/** A file of one line. The kernel refuses to read what is not set (EINVAL). */
function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (isAbsent(error) || (error as NodeJS.ErrnoException).code === 'EINVAL') {
      return undefined;
    }
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENODEV';
}
