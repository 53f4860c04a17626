import type { Environment } from '@rfaas/core';

/**
 * What an executor inherits of the manager's environment: what programs and libraries need to run at all. Everything else
 * stays out, since the executor runs the client's code: keys and tokens that people keep in variables, but also
 * NODE_OPTIONS, and NODE_EXTRA_CA_CERTS, which delays the start of each process by 25 ms and more.
 */
const inherited = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'LANG',
  'LC_ALL',
  'LC_CTYPE',
  'TZ',
  'TMPDIR',
  'LD_LIBRARY_PATH',
  'XDG_RUNTIME_DIR',
  'RFAAS_NATIVE_DIRECTORY',
];

/** The environment of an executor process. */
export function executorEnvironment(environment: Environment): Record<string, string> {
  const result: Record<string, string> = {};
  for (const name of inherited) {
    const value = environment[name];
    if (value !== undefined) {
      result[name] = value;
    }
  }
  return result;
}
