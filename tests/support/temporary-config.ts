import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for configuration and key files that goes when the test is over. */
export class TemporaryConfig implements AsyncDisposable {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async create(): Promise<TemporaryConfig> {
    return new TemporaryConfig(await mkdtemp(join(tmpdir(), 'rfaas-test-')));
  }

  /** Writes a configuration; returns its path. */
  async json(name: string, value: unknown): Promise<string> {
    const path = join(this.directory, name);
    await writeFile(path, JSON.stringify(value, undefined, 2));
    return path;
  }

  /** Writes a key that only its owner may read; returns its path. */
  async key(name: string, key: Uint8Array): Promise<string> {
    const path = join(this.directory, name);
    await writeFile(path, `${Buffer.from(key).toString('hex')}\n`, { mode: 0o600 });
    return path;
  }

  /** A path in the folder. */
  path(name: string): string {
    return join(this.directory, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}
