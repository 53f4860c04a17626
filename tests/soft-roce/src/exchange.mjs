import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const GUEST = fileURLToPath(new URL('../guest', import.meta.url));

/** Fills the folder through which a machine gets its command and gives back output and exit status. */
export function writeExchange(directory, { mode, number, run, netem, environment, command }) {
  mkdirSync(directory);
  for (const name of readdirSync(GUEST)) copyFileSync(join(GUEST, name), join(directory, name));
  for (const name of ['stdout', 'stderr']) writeFileSync(join(directory, name), '');
  writeFileSync(join(directory, 'command'), nulTerminated(command));
  writeFileSync(join(directory, 'environment'), nulTerminated(variables(environment)));
  writeFileSync(
    join(directory, 'settings'),
    [
      `MODE=${mode}`,
      `MACHINE=${number}`,
      `RUN=${run}`,
      `NETEM=${shellQuoted(netem)}`,
      `DIRECTORY=${shellQuoted(process.cwd())}`,
      '',
    ].join('\n'),
  );
}

function variables(environment) {
  return Object.entries(environment).map(([name, value]) => `${name}=${value}`);
}

function nulTerminated(words) {
  return words.map((word) => `${word}\0`).join('');
}

function shellQuoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
