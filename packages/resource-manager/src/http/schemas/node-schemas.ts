import { configFields } from '@rfaas/core';
import { z } from 'zod';
import type { NodeView } from '../../cluster/cluster-view.ts';
import { moment } from './common-schemas.ts';

/** A node as it is listed. */
export const node = z
  .object({
    name: z.string(),
    url: z.string().meta({ description: 'Where clients reach its executor manager' }),
    state: z.enum(['connected', 'unverified', 'suspect', 'lost']),
    drain: z.enum(['no', 'draining', 'drained']),
    drainDeadline: moment.nullable().meta({ description: 'When the leases of a draining node are ended' }),
    cores: z.int(),
    freeCores: z.int(),
    memoryMiB: z.int(),
    freeMemoryMiB: z.int(),
    gpus: z.int(),
    freeGpus: z.int(),
    leases: z.int().meta({ description: 'Leases that hold something of it' }),
    lastHeard: moment.nullable(),
    incarnation: z.string().meta({
      description: 'The start of its executor manager, as decimal digits: JSON numbers do not hold 64 bits',
    }),
  })
  .meta({ id: 'Node' });

/** The body of `POST /add`. */
export const addBody = z.strictObject({
  ip_address: z.string(),
  port: configFields.port.refine(
    (value) => value !== 0,
    'expected the port that the executor manager listens on',
  ),
  cores: configFields.coreCount,
  memory: configFields.mebibytes,
  gpus: z.int().min(0).max(65_536).default(0),
});

/** How long running leases may go on. */
export const graceMs = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);

/** The optional body of `POST /nodes/NAME/drain`. */
export const drainBody = z
  .strictObject({
    graceMs: graceMs.optional().meta({
      description: 'How long running leases may go on; default: drain_grace_ms of the configuration',
    }),
  })
  .nullish();

/** A node for {@link node}. */
export function nodeOf(view: NodeView): z.input<typeof node> {
  return {
    name: view.name,
    url: view.url,
    state: view.state,
    drain: view.drain,
    drainDeadline: isoOrNull(view.drainDeadline),
    cores: view.cores,
    freeCores: view.free.cores,
    memoryMiB: view.memoryMiB,
    freeMemoryMiB: view.free.memoryMiB,
    gpus: view.gpus,
    freeGpus: view.free.gpus,
    leases: view.leases,
    lastHeard: isoOrNull(view.lastHeard),
    incarnation: view.incarnation.toString(),
  };
}

/** Milliseconds since 1970 as text. */
export function isoOrNull(milliseconds: number | undefined): string | null {
  return milliseconds === undefined ? null : new Date(milliseconds).toISOString();
}
