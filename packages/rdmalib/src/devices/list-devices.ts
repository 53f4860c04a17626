import { existsSync } from 'node:fs';
import { RdmaError } from '../errors.ts';
import { loadVerbs } from '../verbs/load-verbs.ts';
import { DeviceFacts } from './device-facts.ts';
import { kernelDeviceDirectory, readKernelDevices, type KernelDeviceSources } from './kernel-devices.ts';
import type { RdmaDevice, RdmaDeviceLimits } from './rdma-device.ts';

/**
 * The RDMA devices of this host, whether they can be used now or not; none where the kernel has none. The kernel says
 * which there are, libibverbs what they can do: where that is not installed, each device's `problem` says so.
 */
export function listDevices(sources: KernelDeviceSources = {}): RdmaDevice[] {
  const devices = readKernelDevices(sources);
  if (devices.length === 0) {
    return [];
  }
  const ask = limitsThroughVerbs();
  return devices.map((device) => ({ ...device, ...ask(device.name) }));
}

/** Why this host has no RDMA device, and what to do; asked where {@link listDevices} found none. */
export function explainNoDevices(): string {
  const softRoce =
    'for Soft-RoCE over an Ethernet device, as root: modprobe rdma_rxe && rdma link add rxe0 type rxe netdev NETDEV';
  return existsSync(kernelDeviceDirectory)
    ? `the kernel's RDMA modules are loaded and know no device; load the driver of the adapter (see "lspci -k"), or ${softRoce}`
    : `the kernel's RDMA modules are not loaded; as root: modprobe -a ib_uverbs rdma_ucm and the driver of the adapter, or ${softRoce}`;
}

type Answer = Pick<RdmaDevice, 'limits' | 'problem'>;

function limitsThroughVerbs(): (name: string) => Answer {
  let facts: DeviceFacts;
  try {
    facts = new DeviceFacts(loadVerbs());
  } catch (error) {
    const answer = unknownFor(error);
    return () => answer;
  }
  return (name) => {
    try {
      return { limits: facts.limitsOf(name), problem: undefined };
    } catch (error) {
      return unknownFor(error);
    }
  };
}

function unknownFor(error: unknown): {
  readonly limits: RdmaDeviceLimits | undefined;
  readonly problem: string;
} {
  if (!(error instanceof RdmaError)) {
    throw error;
  }
  return { limits: undefined, problem: error.message };
}
