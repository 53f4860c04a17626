import { RfaasError } from '@rfaas/core';
import { z } from 'zod';

/** Of an answer as much as is shown: what a newer manager adds to it does no harm. */
const usage = z.object({
  allocations: z.number(),
  invocations: z.number(),
  coreSeconds: z.number(),
  hotPollingSeconds: z.number(),
  executionSeconds: z.number(),
});

/** A node as `GET /nodes` lists it. */
export const node = z.object({
  name: z.string(),
  url: z.string(),
  state: z.string(),
  drain: z.string(),
  cores: z.number(),
  freeCores: z.number(),
  memoryMiB: z.number(),
  freeMemoryMiB: z.number(),
  leases: z.number(),
});

/** A lease as `GET /leases` lists it. */
export const lease = z.object({
  id: z.string(),
  tenant: z.string(),
  state: z.string(),
  shares: z.array(z.object({ node: z.string(), cores: z.number() })),
  cores: z.number(),
  memoryMiB: z.number(),
  expiry: z.string(),
  usage,
});

/** A request as `GET /queue` lists it. */
export const queued = z.object({
  tenant: z.string(),
  position: z.number(),
  since: z.string(),
  deadline: z.string(),
  wanted: z.object({ cores: z.number(), memoryMiB: z.number(), gpus: z.number() }),
  nodes: z.number(),
});

/** A tenant as `GET /tenants` lists it. */
export const tenant = z.object({
  name: z.string(),
  limits: z.object({
    cores: z.number().optional(),
    memoryMiB: z.number().optional(),
    leases: z.number().optional(),
    coreSeconds: z.number().optional(),
  }),
  held: z.object({ cores: z.number(), memoryMiB: z.number() }),
  leases: z.number(),
  queued: z.number(),
  usage,
});

/** A bill as `GET /usage` lists it. */
export const bill = z.object({
  lease: z.string(),
  tenant: z.string(),
  nodes: z.array(z.string()),
  cores: z.number(),
  start: z.string(),
  end: z.string().nullable(),
  reason: z.string().nullable(),
  usage,
});

const share = z.object({ all: z.number(), free: z.number() });

/** The answer of `GET /stats`. */
export const stats = z.object({
  time: z.string(),
  uptimeSeconds: z.number(),
  nodes: z.object({ all: z.number(), connected: z.number(), draining: z.number(), lost: z.number() }),
  cores: share,
  memoryMiB: share,
  leases: z.object({ running: z.number(), ending: z.number() }),
  queued: z.number(),
  usage: z.object({ invocations: z.number(), coreSeconds: z.number() }),
  totals: z.object({ granted: z.number(), refused: z.number(), renewed: z.number(), ended: z.number() }),
  grantLatency: z.object({ count: z.number(), p50: z.number().nullable(), p99: z.number().nullable() }),
});

/** See {@link node}. */
export type NodeAnswer = z.output<typeof node>;
/** See {@link lease}. */
export type LeaseAnswer = z.output<typeof lease>;
/** See {@link stats}. */
export type StatsAnswer = z.output<typeof stats>;

/** Checks an answer. @throws RfaasError `RFAAS_ERR_PROTOCOL` if it looks different than expected */
export function understand<S extends z.ZodType>(shape: S, answer: unknown, what: string): z.output<S> {
  const parsed = shape.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new RfaasError(
    'RFAAS_ERR_PROTOCOL',
    `the resource manager's ${what} look different than expected; is it of the same release? ` +
      z.prettifyError(parsed.error).replaceAll('\n', ' '),
  );
}
