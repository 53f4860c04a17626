import { describe, test } from '@jest/globals';

import { labUnavailable } from './lab/host-lab.mjs';

/** A group of tests that need several hosts; one skipped test that says why, where there can be none. */
export function describeInLab(
  name: string,
  body: () => void,
  otherwiseUnavailable: () => string | null = () => null,
): void {
  const reason = labUnavailable() ?? otherwiseUnavailable();
  describe(name, reason === null ? body : () => test.skip(reason, () => undefined));
}
