/** Says on a terminal what is being measured; silent elsewhere. */
export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #isShown: boolean;

  constructor(isWanted: boolean, stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
    this.#isShown = isWanted && stream.isTTY;
  }

  /** Replaces the line that is shown. */
  show(text: string): void {
    if (this.#isShown) this.#stream.write(`\r\u001b[2K${text}`);
  }

  /** For sampling: shows how far `what` is, of `total`. */
  counting(what: string, total: number): (done: number) => void {
    return (done) => this.show(`${what}: ${((100 * done) / total).toFixed(0)} %`);
  }

  /** Takes the line away. */
  clear(): void {
    this.show('');
  }
}
