import { readdirSync, readFileSync } from 'node:fs';

/** What a process holds right now. */
export interface ProcessUsage {
  readonly residentKiB: number;
  readonly descriptors: number;
  readonly threads: number;
  readonly mappings: number;
}

/** Reads /proc. Throws the error of the file system when the process is gone. */
export function processUsage(pid: number): ProcessUsage {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    residentKiB: numberIn(status, 'VmRSS'),
    threads: numberIn(status, 'Threads'),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    mappings: readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n').length - 1,
  };
}

/** Memory in KiB that would be free if the process ended: its own, and its share of what others map, too. */
export function proportionalKiB(pid: number): number {
  return numberIn(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'), 'Pss');
}

/** Milliseconds of processor time that a process has used, in the kernel's steps of 10 ms. */
export function processorMilliseconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name, in parentheses, may contain blanks; utime and stime are the 12th and 13th field behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** How often the threads of a process were put to sleep or taken off a processor. */
export function contextSwitches(pid: number): number {
  let switches = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    switches += numberIn(status, 'voluntary_ctxt_switches') + numberIn(status, 'nonvoluntary_ctxt_switches');
  }
  return switches;
}

/** The processes that `pid` started and that still run. */
export function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}

function numberIn(text: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text);
  if (match === null) throw new Error(`no ${name} in a file of /proc`);
  return Number(match[1]);
}
