import type { Readable } from 'node:stream';

const keptLines = 3;
const longestLine = 200;

/** Passes lines of a stream on and keeps the last ones. What a stranger wrote loses its control characters. */
export class OutputTail {
  readonly #onLine: (line: string) => void;
  readonly #last: string[] = [];
  #partial = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** Reads a stream until it ends or fails; several streams may be followed at once, line by line. */
  follow(stream: Readable): void {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => this.#add(text));
    // A process that is gone takes its streams with it; how it ended is seen elsewhere.
    stream.on('error', () => undefined);
  }

  /** The last lines in one. */
  toString(): string {
    return [...this.#last, clean(this.#partial)].filter((line) => line !== '').join(' | ');
  }

  #add(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = (lines.pop() ?? '').slice(0, longestLine);
    for (const line of lines) {
      const shown = clean(line);
      if (shown !== '') {
        this.#last.push(shown);
        this.#onLine(shown);
      }
    }
    this.#last.splice(0, Math.max(0, this.#last.length - keptLines));
  }
}

function clean(line: string): string {
  return line
    .slice(0, longestLine)
    .replace(/\p{Cc}/gu, ' ')
    .trim();
}
