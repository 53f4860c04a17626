import { statusAdvice } from '../errors.ts';
import { statusNames } from './shim-layout.ts';

/** What the status word of a completion means, e.g. `retry-exceeded: the peer does not answer`, for messages. */
export function statusText(status: number): string {
  const name = statusNames[status];
  return name === undefined ? `unknown status ${status}` : `${name}: ${statusAdvice[name]}`;
}
