import { writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { integerOption, parseOptions, type MainContext } from '@rfaas/core';
import { explainNoDevices, listDevices, type RdmaDevice } from '@rfaas/rdmalib';
import type { Command } from 'commander';
import { z } from 'zod';
import { devicesFile, devicesFileFor, formatDevicesFile } from './devices-file.ts';
import { formatDevicesRecord, type DevicesRecord } from './devices-record.ts';
import { askHost, parseHosts, remoteShells } from './devices-remote.ts';
import { formatDevices } from './devices-table.ts';

const schema = z.object({
  write: z.string().optional(),
  port: integerOption(0, 65_535),
  receiveBuffers: integerOption(1),
  hosts: z.string().optional(),
  via: z.enum(remoteShells),
  remoteCommand: z.string(),
  timeout: integerOption(1),
  json: z.boolean().default(false),
});

type Options = z.output<typeof schema>;

/**
 * `rfaas devices`: the RDMA devices of this host or of others, and device databases of them. `fail` is called where
 * something could not be listed or written, and the reason was printed.
 */
export function addDevicesCommand(program: Command, context: MainContext, fail: () => void): void {
  program
    .command('devices')
    .description('list RDMA devices, of this host or of others, and write device databases')
    .option('-w, --write <file>', 'write a device database (devices.json); with --hosts one file a host')
    .option(
      '--port <port>',
      'in the database: where servers on a device listen; 0: chosen by the system',
      '10000',
    )
    .option('--receive-buffers <count>', 'in the database: receives that are posted at once', '32')
    .option('--hosts <list>', 'ask these hosts instead: node1,node2')
    .option('--via <program>', `how: ${remoteShells.join(' or ')}`, 'ssh')
    .option('--remote-command <command>', 'what rfaas is called there', 'rfaas')
    .option('--timeout <ms>', 'how long a host may take', '60000')
    .option('--json', 'print one line of JSON a host', false)
    .action(async (values: unknown) => {
      const options = parseOptions(schema, values);
      const complain = (line: string): void => {
        process.stderr.write(`${line}\n`);
        fail();
      };
      const records =
        options.hosts === undefined
          ? [{ host: hostname(), devices: ownDevices(complain) }]
          : await devicesOfHosts(parseHosts(options.hosts), options, context.signal, complain);
      if (options.json) {
        for (const each of records) context.print(formatDevicesRecord(each));
      } else if (records.some(({ devices }) => devices.length > 0)) {
        context.print(formatDevices(records, options.hosts !== undefined));
      }
      if (options.write !== undefined) await writeFiles(records, options.write, options, complain);
    });
}

function ownDevices(complain: (line: string) => void): RdmaDevice[] {
  const devices = listDevices();
  if (devices.length === 0) complain(`no RDMA device: ${explainNoDevices()}`);
  return devices;
}

async function devicesOfHosts(
  hosts: readonly string[],
  { via, remoteCommand, timeout: timeoutMs }: Options,
  signal: AbortSignal,
  complain: (line: string) => void,
): Promise<DevicesRecord[]> {
  const answers = await Promise.all(
    hosts.map((host) => askHost(host, { via, remoteCommand, timeoutMs, signal })),
  );
  return answers.flatMap((answer) => {
    if ('devices' in answer) return [answer];
    complain(`${answer.host}: ${answer.failure}`);
    return [];
  });
}

async function writeFiles(
  records: readonly DevicesRecord[],
  file: string,
  { port, receiveBuffers, hosts, json }: Options,
  complain: (line: string) => void,
): Promise<void> {
  for (const { host, devices } of records) {
    const database = devicesFile(devices, { port, receiveBuffers });
    for (const reason of database.leftOut) process.stderr.write(`not written: ${reason}\n`);
    const path = hosts === undefined ? file : devicesFileFor(file, host);
    if (database.devices.length === 0) {
      complain(`${path} is not written: no device of ${host} can be used now`);
      continue;
    }
    await writeFile(path, formatDevicesFile(database));
    if (!json) process.stderr.write(`${path}: ${database.devices.map(({ name }) => name).join(', ')}\n`);
  }
}
