/** Cores, memory and GPUs: what a node has, what is free of it, what a lease takes. Whole numbers, 0 or more. */
export interface Resources {
  readonly cores: number;
  readonly memoryMiB: number;
  readonly gpus: number;
}

/** No resources at all. */
export const noResources: Resources = { cores: 0, memoryMiB: 0, gpus: 0 };

/** Whether `room` has all of `wanted`. */
export function covers(room: Resources, wanted: Resources): boolean {
  return wanted.cores <= room.cores && wanted.memoryMiB <= room.memoryMiB && wanted.gpus <= room.gpus;
}

/** What is left of `all` without `taken`; never less than nothing. */
export function remainder(all: Resources, taken: Resources): Resources {
  return {
    cores: Math.max(0, all.cores - taken.cores),
    memoryMiB: Math.max(0, all.memoryMiB - taken.memoryMiB),
    gpus: Math.max(0, all.gpus - taken.gpus),
  };
}

/** Resources in words: `4 cores and 1024 MiB and 1 GPU`; GPUs only where there are any. */
export function describeResources({ cores, memoryMiB, gpus }: Resources): string {
  const parts = [`${cores} ${cores === 1 ? 'core' : 'cores'}`, `${memoryMiB} MiB`];
  return (gpus === 0 ? parts : [...parts, `${gpus} ${gpus === 1 ? 'GPU' : 'GPUs'}`]).join(' and ');
}
