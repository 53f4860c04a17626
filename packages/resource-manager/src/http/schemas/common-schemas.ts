import { configFields } from '@rfaas/core';
import { z } from 'zod';

/** A moment. */
export const moment = z.iso.datetime().meta({ description: 'A moment, ISO 8601 in UTC' });

/** The identifier of a lease. */
export const leaseId = z
  .string()
  .regex(/^[0-9a-f]{32}$/, 'expected 32 hexadecimal digits')
  .meta({ description: 'Identifier of a lease: 32 hexadecimal digits' });

/** Cores, memory and GPUs. */
export const resources = z.object({
  cores: z.int(),
  memoryMiB: z.int(),
  gpus: z.int(),
});

/** What a lease or a tenant has used. */
export const usage = z.object({
  allocations: z.int().meta({ description: 'Executors that were started' }),
  invocations: z.int(),
  coreSeconds: z.number().meta({ description: 'Cores times the time for which executors held them' }),
  memoryMiBSeconds: z.number().meta({ description: 'MiB times the time for which executors held them' }),
  hotPollingSeconds: z.number().meta({ description: 'Time that worker threads waited in a busy loop' }),
  executionSeconds: z.number().meta({ description: 'Time in functions, over all worker threads' }),
});

/** The body of every answer that reports an error. */
export const errorBody = z.object({
  error: z.object({
    code: z.string().meta({ description: 'A stable code, see docs/errors.md' }),
    message: z.string(),
    requestId: z.string(),
  }),
});

/** `?node=NAME`. */
export const nodeQuery = z.strictObject({ node: configFields.entityName });

/** `/…/NAME`. */
export const nodeParameters = z.strictObject({ node: configFields.entityName });
