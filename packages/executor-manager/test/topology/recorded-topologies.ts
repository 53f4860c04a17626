/** What /sys/devices/system of real kinds of hosts says, as files by their paths. */
export type RecordedFiles = Readonly<Record<string, string>>;

/** Two sockets with eight cores each and two hardware threads a core; 16 to 31 are the second threads. */
export const twoSockets = record({
  cpus: 32,
  threadOf: (cpu) => cpu % 16,
  nodeOf: (cpu) => (cpu % 16 < 8 ? 0 : 1),
});

/** A laptop whose first four cores have two threads each, side by side (0-1, 2-3, …), and four more that have one. */
export const hybrid = record({
  cpus: 12,
  threadOf: (cpu) => (cpu < 8 ? cpu - (cpu % 2) : cpu),
  nodeOf: () => 0,
});

/** A virtual machine that tells nothing of threads or nodes. */
export const bare: RecordedFiles = { 'cpu/cpu0/topology/core_id': '0\n', 'cpu/cpu1/topology/core_id': '1\n' };

interface Shape {
  readonly cpus: number;
  readonly threadOf: (cpu: number) => number;
  readonly nodeOf: (cpu: number) => number;
}

function record({ cpus, threadOf, nodeOf }: Shape): RecordedFiles {
  const all = Array.from({ length: cpus }, (_, cpu) => cpu);
  const same = (of: (cpu: number) => number, cpu: number): string =>
    `${all.filter((other) => of(other) === of(cpu)).join(',')}\n`;
  return {
    ...Object.fromEntries(all.map((cpu) => [`cpu/cpu${cpu}/topology/core_cpus_list`, same(threadOf, cpu)])),
    ...Object.fromEntries(all.map((cpu) => [`node/node${nodeOf(cpu)}/cpulist`, same(nodeOf, cpu)])),
    'node/online': '0\n',
  };
}
