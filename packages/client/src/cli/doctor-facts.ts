import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  findNativeLibrary,
  loadNativeLibrary,
  loadTransportLibrary,
  RdmaError,
  type RdmaDevice,
} from '@rfaas/rdmalib';
import { probeDevices } from './doctor-probes.ts';

/** Whether a native library loads. */
export interface NativeLibraryFacts {
  readonly name: string;
  /** The transport that it carries; `undefined`: all need it. */
  readonly transport: string | undefined;
  /** Why it does not load, and what to do. */
  readonly problem: string | undefined;
}

/** What a node is judged by. */
export interface NodeFacts {
  /** `20.19.0` */
  readonly nodeVersion: string;
  readonly libraries: readonly NativeLibraryFacts[];
  /** The modules that let programs use RDMA devices. */
  readonly kernel: readonly {
    readonly module: string;
    readonly loaded: boolean;
    /** Its device files that this user may not open. */
    readonly forbidden: readonly string[];
  }[];
  readonly devices: readonly RdmaDevice[];
  /** What to do where there is no device. */
  readonly noDevices: string;
  /** `undefined`: unlimited. */
  readonly lockedBytes: number | undefined;
  /** Whether the limit does not hold for this user. */
  readonly mayLockAll: boolean;
  /** `undefined`: unlimited. */
  readonly openFiles: number | undefined;
  readonly hugePages: { readonly reserved: number; readonly free: number; readonly kibibytes: number };
}

/** CAP_IPC_LOCK */
const ipcLockBit = 14n;

/** Looks at this node; with `device` at no other device. Rejects only when aborted. */
export async function readNodeFacts(
  device: string | undefined,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<NodeFacts> {
  const libraries = [
    libraryFacts('loops', undefined, () => loadNativeLibrary(findNativeLibrary('librfaas_loops.so'))),
    ...(['shm', 'verbs', 'libfabric'] as const).map((kind) =>
      libraryFacts(kind, kind, () => loadTransportLibrary(kind)),
    ),
  ];
  const probed = await probeDevices(timeoutMs, signal);
  const { devices, noDevices } =
    'result' in probed ? probed.result : { devices: [], noDevices: probed.failure };
  const chosen = device === undefined ? devices : devices.filter(({ name }) => name === device);
  const others = devices.map(({ name }) => name).join(', ');
  const absent =
    device === undefined || others === '' ? noDevices : `there is no device "${device}"; there is ${others}`;
  return { ...readSystemFacts(), libraries, devices: chosen, noDevices: absent };
}

function libraryFacts(name: string, transport: string | undefined, load: () => unknown): NativeLibraryFacts {
  try {
    load();
    return { name, transport, problem: undefined };
  } catch (error) {
    if (!(error instanceof RdmaError)) {
      throw error;
    }
    return { name, transport, problem: error.message };
  }
}

function readSystemFacts(): Omit<NodeFacts, 'libraries' | 'devices' | 'noDevices'> {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  return {
    nodeVersion: process.versions.node,
    kernel: [
      kernelModule('ib_uverbs', '/sys/class/infiniband_verbs', /^uverbs\d+$/),
      kernelModule('rdma_ucm', '/sys/class/misc/rdma_cm', /^rdma_cm$/),
    ],
    lockedBytes: softLimit(limits, 'Max locked memory'),
    mayLockAll: hasCapability(readFileSync('/proc/self/status', 'utf8'), ipcLockBit),
    openFiles: softLimit(limits, 'Max open files'),
    hugePages: hugePages(readFileSync('/proc/meminfo', 'utf8')),
  };
}

/** A soft limit out of `/proc/PID/limits`; `undefined` for unlimited. */
export function softLimit(limits: string, name: string): number | undefined {
  const value = new RegExp(`^${name}\\s+(\\S+)`, 'm').exec(limits)?.[1];
  return value === undefined || value === 'unlimited' ? undefined : Number(value);
}

/** Whether `/proc/PID/status` says that a capability is effective. */
export function hasCapability(status: string, bit: bigint): boolean {
  const effective = /^CapEff:\s+([0-9a-f]+)$/m.exec(status)?.[1];
  return effective !== undefined && ((BigInt(`0x${effective}`) >> bit) & 1n) === 1n;
}

/** What `/proc/meminfo` says of reserved huge pages. */
export function hugePages(meminfo: string): NodeFacts['hugePages'] {
  const number = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(meminfo)?.[1] ?? 0);
  return {
    reserved: number('HugePages_Total'),
    free: number('HugePages_Free'),
    kibibytes: number('Hugepagesize'),
  };
}

function kernelModule(
  module: string,
  classDirectory: string,
  deviceFile: RegExp,
): NodeFacts['kernel'][number] {
  const loaded = existsSync(classDirectory);
  const folder = '/dev/infiniband';
  const files =
    loaded && existsSync(folder) ? readdirSync(folder).filter((name) => deviceFile.test(name)) : [];
  return {
    module,
    loaded,
    forbidden: files.map((name) => join(folder, name)).filter((file) => !mayOpen(file)),
  };
}

function mayOpen(file: string): boolean {
  try {
    accessSync(file, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    // Whatever the reason is, it cannot be opened by this user.
    return false;
  }
}
