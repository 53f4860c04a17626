import type { RdmaDevice } from '@rfaas/rdmalib';
import { z } from 'zod';

const port = z.object({
  number: z.int(),
  state: z.string(),
  linkLayer: z.string(),
  gigabitsPerSecond: z.number().optional(),
  networkDevices: z.array(z.string()),
  addresses: z.array(z.string()),
});

const limits = z.object({
  maxInlineBytes: z.int(),
  maxQueuePairs: z.int(),
  maxCompletionQueues: z.int(),
  maxMemoryRegions: z.int(),
  maxQueueDepth: z.int(),
  maxCompletions: z.int(),
  maxScatterGatherEntries: z.int(),
  atomics: z.enum(['none', 'device', 'global']),
  firmware: z.string(),
});

const record = z.object({
  host: z.string(),
  devices: z.array(
    z.object({
      name: z.string(),
      ports: z.array(port),
      limits: limits.optional(),
      problem: z.string().optional(),
    }),
  ),
});

/** The devices of one host, as `rfaas devices --json` prints them on one line. */
export interface DevicesRecord {
  readonly host: string;
  readonly devices: readonly RdmaDevice[];
}

/** The line of JSON for a host. */
export function formatDevicesRecord(devices: DevicesRecord): string {
  return JSON.stringify(devices);
}

/** Finds that line in what a host printed: a login may have greeted before. `undefined` where there is none. */
export function findDevicesRecord(output: string): DevicesRecord | undefined {
  for (const line of output.split('\n')) {
    const parsed = line.startsWith('{') ? record.safeParse(jsonOrNothing(line)) : undefined;
    if (parsed?.success === true) {
      const devices = parsed.data.devices.map((device) => ({
        name: device.name,
        ports: device.ports.map((each) => ({ ...each, gigabitsPerSecond: each.gigabitsPerSecond })),
        limits: device.limits,
        problem: device.problem,
      }));
      return { host: parsed.data.host, devices };
    }
  }
  return undefined;
}

function jsonOrNothing(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // Something else that begins with a brace: not the line that is looked for.
    return undefined;
  }
}
