import { RfaasError } from '@rfaas/core';
import { findDevicesRecord, type DevicesRecord } from './devices-record.ts';
import { runLimited, type CommandEnd } from './run-limited.ts';

/** Programs that run a command on another host. */
export const remoteShells = ['ssh', 'srun'] as const;

/** See {@link remoteShells}. */
export type RemoteShell = (typeof remoteShells)[number];

/** How other hosts are asked. */
export interface RemoteOptions {
  readonly via: RemoteShell;
  /** The rfaas command there, as a shell understands it. */
  readonly remoteCommand: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What came of asking a host: its devices, or why there are none. */
export type RemoteAnswer = DevicesRecord | { readonly host: string; readonly failure: string };

/** Splits `a,b,c`; throws RFAAS_ERR_USAGE for what is no host name. */
export function parseHosts(list: string): string[] {
  const hosts = list.split(',').map((host) => host.trim());
  const wrong = hosts.find((host) => !/^\w[\w.@:-]*$/.test(host));
  if (wrong !== undefined) {
    throw new RfaasError('RFAAS_ERR_USAGE', `--hosts: "${wrong}" is no host name; give them as node1,node2`);
  }
  return [...new Set(hosts)];
}

/** The command line that runs `command` in a shell on a host. */
export function remoteCommandLine(via: RemoteShell, host: string, command: string): [string, ...string[]] {
  switch (via) {
    case 'ssh':
      return ['ssh', '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=10', '--', host, command];
    case 'srun':
      return ['srun', '--quiet', '--nodes=1', '--ntasks=1', `--nodelist=${host}`, 'sh', '-c', command];
  }
}

/** Asks one host for its devices. Rejects only when it was aborted. */
export async function askHost(host: string, options: RemoteOptions): Promise<RemoteAnswer> {
  const { via, remoteCommand, timeoutMs, signal } = options;
  const line = remoteCommandLine(via, host, `${remoteCommand} devices --json`);
  const failed = (reason: string): RemoteAnswer => ({ host, failure: `"${line.join(' ')}": ${reason}` });
  let end: CommandEnd | 'late';
  try {
    end = await runLimited(line, timeoutMs, signal);
  } catch (error) {
    signal.throwIfAborted();
    return failed(error instanceof Error ? error.message : String(error));
  }
  if (end === 'late') {
    return failed(`no answer in ${timeoutMs} ms`);
  }
  const record = findDevicesRecord(end.output);
  if (record !== undefined && record.devices.length > 0) {
    return { ...record, host };
  }
  const said = end.complaints.trim();
  return said === '' ? failed(`it named no device and ended with ${end.status}`) : { host, failure: said };
}
