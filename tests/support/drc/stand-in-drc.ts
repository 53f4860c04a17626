import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { compileLibraryFile } from '../compile-function-library.ts';

const here = fileURLToPath(new URL('.', import.meta.url));

/** A libdrc that records its calls, and the environment that makes rFaaS use it. */
export interface StandInDrc extends AsyncDisposable {
  readonly environment: Readonly<Record<string, string>>;
  /** The calls since the last time, one a line. */
  calls(): Promise<string[]>;
}

/** Compiles the stand-in for Cray's libdrc. */
export async function standInDrc(): Promise<StandInDrc> {
  const library = await compileLibraryFile(join(here, 'stand-in-drc.c'));
  const log = join(dirname(library.path), 'calls.log');
  let seen = 0;
  return {
    environment: {
      RFAAS_DRC_LIBRARY: library.path,
      RFAAS_DRC_HEADER: join(here, 'rdmacred.h'),
      STAND_IN_DRC_LOG: log,
    },
    calls: async () => {
      const lines = (await readFile(log, 'utf8')).trimEnd().split('\n');
      const news = lines.slice(seen);
      seen = lines.length;
      return news;
    },
    [Symbol.asyncDispose]: () => library[Symbol.asyncDispose](),
  };
}
