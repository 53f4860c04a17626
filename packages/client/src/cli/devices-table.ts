import type { RdmaDevice, RdmaPort } from '@rfaas/rdmalib';
import type { DevicesRecord } from './devices-record.ts';
import { formatTable } from './table.ts';

const columns = [
  'DEVICE',
  'PORT',
  'STATE',
  'LINK',
  'GBIT/S',
  'NETDEV',
  'ADDRESSES',
  'INLINE',
  'QPS',
  'MRS',
  'CQS',
  'ATOMICS',
];

/** The devices of hosts for a terminal, a line a port, and below what keeps a device from being asked. */
export function formatDevices(records: readonly DevicesRecord[], withHosts: boolean): string {
  const rows = records.flatMap(({ host, devices }) =>
    devices.flatMap((device) =>
      device.ports.map((port) => [...(withHosts ? [host] : []), ...portRow(device, port)]),
    ),
  );
  const problems = records.flatMap(({ host, devices }) =>
    devices
      .filter(({ problem }) => problem !== undefined)
      .map(({ name, problem }) => `${withHosts ? `${host}: ` : ''}${name}: ${problem ?? ''}`),
  );
  const table = formatTable(withHosts ? ['HOST', ...columns] : columns, rows);
  return [table, ...problems].join('\n');
}

function portRow({ name, limits }: RdmaDevice, port: RdmaPort): string[] {
  const count = (value: number | undefined): string => (value === undefined ? '?' : String(value));
  return [
    name,
    String(port.number),
    port.state,
    port.linkLayer,
    count(port.gigabitsPerSecond),
    port.networkDevices.join(',') || '-',
    port.addresses.join(',') || '-',
    count(limits?.maxInlineBytes),
    count(limits?.maxQueuePairs),
    count(limits?.maxMemoryRegions),
    count(limits?.maxCompletionQueues),
    limits?.atomics ?? '?',
  ];
}
