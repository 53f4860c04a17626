import { z } from 'zod';
import { RfaasError } from '../errors.ts';

/**
 * Checks what commander parsed against a schema: commander knows which options there are, the schema what they may be.
 *
 * @throws RfaasError `RFAAS_ERR_USAGE` naming each option that is wrong
 */
export function parseOptions<S extends z.ZodType>(schema: S, values: unknown): z.output<S> {
  const parsed = schema.safeParse(values);
  if (parsed.success) {
    return parsed.data;
  }
  const problems = parsed.error.issues.map((issue) => {
    const option = issue.path.length === 0 ? 'options' : `--${kebab(String(issue.path[0]))}`;
    return `${option}: ${issue.message}`;
  });
  throw new RfaasError('RFAAS_ERR_USAGE', problems.join('; '));
}

/** An integer option: commander hands over text. */
export function integerOption(minimum: number, maximum: number = Number.MAX_SAFE_INTEGER): z.ZodType<number> {
  return z
    .string()
    .regex(/^-?\d+$/, 'expected an integer')
    .transform(Number)
    .pipe(z.int().min(minimum).max(maximum));
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
