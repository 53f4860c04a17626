import {
  closeSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { MemoryRegion, ProtectionDomain } from '@rfaas/rdmalib';
import { sha256Of } from './package-fetch.ts';

/** Which package is wanted. */
export interface CachedPackage {
  /** 64 hexadecimal digits: also the name of its file. */
  readonly sha256: string;
  readonly packageBytes: number;
}

/**
 * A package of this node's cache in a region with `file` backing, or undefined where it is not there, or not what its name
 * says: whoever runs functions on this node may have written to it, so its hash is computed each time.
 */
export function readCachedPackage(
  directory: string,
  { sha256, packageBytes }: CachedPackage,
  domain: ProtectionDomain,
): MemoryRegion | undefined {
  const path = join(directory, sha256);
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    // Not there, or not readable: the client has it.
    return undefined;
  }
  try {
    if (fstatSync(descriptor).size !== packageBytes) {
      return undefined;
    }
    const file = domain.allocateMemory({
      byteLength: packageBytes,
      access: ['local-write'],
      backing: 'file',
    });
    readWhole(descriptor, file.bytes);
    if (sha256Of(file.bytes) !== sha256) {
      file.close();
      return undefined;
    }
    markUsed(path);
    return file;
  } finally {
    closeSync(descriptor);
  }
}

/** Keeps a package whose hash was checked. A cache that cannot be written to is none: the next executor asks its client. */
export function writeCachedPackage(directory: string, sha256: string, bytes: Uint8Array): void {
  const temporary = join(directory, `.${sha256}.${process.pid}`);
  try {
    writeFileSync(temporary, bytes, { mode: 0o600, flag: 'wx' });
    // In one step, so that nobody reads half a package.
    renameSync(temporary, join(directory, sha256));
  } catch {
    rmSync(temporary, { force: true });
  }
}

/** What was used last is dropped last. */
function markUsed(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // It was dropped meanwhile: what was read of it is whole all the same.
  }
}

function readWhole(descriptor: number, bytes: Uint8Array): void {
  let offset = 0;
  while (offset < bytes.byteLength) {
    const count = readSync(descriptor, bytes, offset, bytes.byteLength - offset, offset);
    if (count === 0) {
      return;
    }
    offset += count;
  }
}
