import { configFields, RfaasError } from '@rfaas/core';
import { z } from 'zod';

/** `?node=NAME`. */
export const nodeQuery = z.strictObject({ node: configFields.entityName });

/** The body of `POST /add`. */
export const addBody = z.strictObject({
  ip_address: z.string(),
  port: configFields.port.refine(
    (value) => value !== 0,
    'expected the port that the executor manager listens on',
  ),
  cores: configFields.coreCount,
  memory: configFields.mebibytes,
  gpus: z.int().min(0).default(0),
});

/** Checks what a request brought. @throws RfaasError `RFAAS_ERR_USAGE`, which is answered with status 400 */
export function checkRequest<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    throw new RfaasError(
      'RFAAS_ERR_USAGE',
      `${what}: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`,
    );
  }
  return parsed.data;
}
