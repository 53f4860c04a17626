import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { RfaasError } from '@rfaas/core';

const mebibyte = 1024 * 1024;

interface CachedFile {
  readonly path: string;
  readonly bytes: number;
  readonly usedAt: number;
}

/** The folder in which executors keep packages under their hashes: made here, and kept from growing here. */
export class PackageCacheFolder {
  readonly #directory: string;
  readonly #mostBytes: number;

  /** Makes the folder, for its owner only. Throws RfaasError `RFAAS_ERR_CONFIGURATION` if it cannot be. */
  constructor(directory: string, mostMiB: number) {
    this.#directory = directory;
    this.#mostBytes = mostMiB * mebibyte;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new RfaasError('RFAAS_ERR_CONFIGURATION', `package_cache: cannot make ${directory}: ${reason}`, {
        cause: error,
      });
    }
  }

  /** Removes what was unused for longest until the rest fits. Files that vanish meanwhile are no error. */
  trim(): void {
    const files = this.#files().sort((a, b) => a.usedAt - b.usedAt);
    let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    for (const file of files) {
      if (bytes <= this.#mostBytes) {
        return;
      }
      rmSync(file.path, { force: true });
      bytes -= file.bytes;
    }
  }

  #files(): CachedFile[] {
    return readdirSync(this.#directory).flatMap((name) => {
      const path = join(this.#directory, name);
      const found = statSync(path, { throwIfNoEntry: false });
      return found?.isFile() === true ? [{ path, bytes: found.size, usedAt: found.mtimeMs }] : [];
    });
  }
}
