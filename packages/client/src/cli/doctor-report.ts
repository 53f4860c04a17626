import type { Check } from './doctor-checks.ts';

const stateWidth = 'problem'.length;

/** The checks for a terminal, and a last line that counts. */
export function formatChecks(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const indent = ' '.repeat(stateWidth + 2);
  const lines = checks.flatMap(({ name, state, what, cost, fix }) => [
    `${state.padEnd(stateWidth)}  ${name.padEnd(width)}  ${what}`,
    ...(cost === undefined ? [] : [`${indent}${' '.repeat(width)}  costs: ${cost}`]),
    ...(fix === undefined ? [] : [`${indent}${' '.repeat(width)}  to do: ${fix}`]),
  ]);
  const problems = checks.filter(({ state }) => state === 'problem').length;
  const last =
    problems === 0
      ? 'Nothing that is needed is missing.'
      : `${problems} ${problems === 1 ? 'thing' : 'things'} that this node needs ${problems === 1 ? 'is' : 'are'} missing.`;
  return [...lines, '', last].join('\n');
}
