import { closeSync, openSync, readSync, watch } from 'node:fs';

/** How often to look where the file system does not tell of changes. */
const POLL_MS = 200;

/** Passes on what is appended to a file, while it grows, each line behind `prefix` when there is one. */
export class OutputFollower {
  #descriptor;
  #watcher;
  #timer;
  #stream;
  #prefix;
  #atLineStart = true;
  #chunk = Buffer.allocUnsafe(1 << 16);

  constructor(file, stream, prefix = '') {
    this.#stream = stream;
    this.#prefix = prefix;
    this.#descriptor = openSync(file, 'r');
    this.#watcher = watch(file, () => this.#pass());
    this.#timer = setInterval(() => this.#pass(), POLL_MS);
  }

  /** Passes on the rest and stops. */
  close() {
    this.#watcher.close();
    clearInterval(this.#timer);
    this.#pass();
    closeSync(this.#descriptor);
  }

  #pass() {
    let bytes;
    while ((bytes = readSync(this.#descriptor, this.#chunk)) > 0) {
      const read = this.#chunk.subarray(0, bytes);
      this.#stream.write(this.#prefix === '' ? Buffer.from(read) : this.#prefixed(read.toString('latin1')));
    }
  }

  #prefixed(text) {
    const lines = text.split(/(?<=\n)/);
    const out = lines.map((line, at) => (at > 0 || this.#atLineStart ? this.#prefix : '') + line).join('');
    this.#atLineStart = text.endsWith('\n');
    return Buffer.from(out, 'latin1');
  }
}
