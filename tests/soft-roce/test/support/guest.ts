import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { childEnvironment } from '../../../support/spawn-server.ts';

const ATTEMPT = fileURLToPath(new URL('./attempt.mjs', import.meta.url));

/** Addresses of the guest's RDMA devices, the own ones first. */
export const addresses = (process.env['SOFT_ROCE_ADDRESSES'] ?? '').split(',');
/** The same for IPv6. */
export const addresses6 = (process.env['SOFT_ROCE_ADDRESSES_6'] ?? '').split(',');
/** Names of this machine's RDMA devices. */
export const devices = (process.env['SOFT_ROCE_DEVICES'] ?? '').split(',');

/** What came of an attempt. */
export type Attempt =
  | { readonly ok: true; readonly result?: unknown }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** Runs a command of the guest as root, to change the machine; throws with what it said. Returns its output. */
export function run(program: string, ...words: readonly string[]): string {
  return execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Tries something on a transport in a process of its own; see attempt.mjs. `wrapper` is put before the command. */
export function attempt(url: string, step: string, wrapper: readonly string[] = []): Attempt {
  const [program = '', ...words] = [...wrapper, process.execPath, ATTEMPT, url, ...step.split(' ')];
  const output = execFileSync(program, words, {
    encoding: 'utf8',
    env: childEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as Attempt;
}
