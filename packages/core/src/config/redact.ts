import { hideCredentials } from './hide-credentials.ts';
import { isSecretName } from './secret-names.ts';

/** A copy of `value` for printing: what lies under a name that says it is secret is replaced, and keys in transport URLs. */
export function redact(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(redact);
  }
  if (typeof value === 'string') {
    return hideCredentials(value);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      isSecretName(name) && item !== undefined ? '[hidden]' : redact(item),
    ]),
  );
}
