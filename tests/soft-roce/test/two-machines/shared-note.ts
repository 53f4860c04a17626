import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { until } from '../../../support/processes.ts';

const shared = process.env['SOFT_ROCE_SHARED'] ?? '';

/** Leaves a note for the other machine. */
export function leaveNote(name: string, value: unknown): void {
  writeFileSync(join(shared, `${name}.new`), JSON.stringify(value));
  renameSync(join(shared, `${name}.new`), join(shared, name));
}

/** Waits for the other machine's note. */
export async function awaitNote(name: string, timeoutMs: number): Promise<unknown> {
  await until(`the other machine leaves its note "${name}"`, () => existsSync(join(shared, name)), timeoutMs);
  return JSON.parse(readFileSync(join(shared, name), 'utf8'));
}
