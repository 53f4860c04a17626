import { createHash } from 'node:crypto';
import { RfaasError } from '@rfaas/core/wire';
import type { ExecutorAssignment } from '@rfaas/core';
import type { PackageOffer } from '@rfaas/core/wire';
import { requireSuccess } from '@rfaas/rdmalib';
import type { MemoryRegion, MessageChannel, ProtectionDomain, RemoteMemory } from '@rfaas/rdmalib';

/** One RDMA read may carry 2 GiB on verbs (`max_msg_sz`); this stays well below. */
const longestRead = 256 * 1024 * 1024;

/** Throws RfaasError `RFAAS_ERR_PACKAGE` if what the client offers is not what it allocated for. */
export function checkOffer(
  offer: PackageOffer,
  assignment: Pick<ExecutorAssignment, 'packageKind' | 'packageBytes' | 'sha256'>,
): void {
  if (
    offer.packageKind !== assignment.packageKind ||
    offer.bytes !== assignment.packageBytes ||
    offer.sha256 !== assignment.sha256
  ) {
    throw new RfaasError(
      'RFAAS_ERR_PACKAGE',
      `the client offers a ${offer.packageKind} package of ${offer.bytes} bytes (sha256 ${offer.sha256}), but allocated ` +
        `for a ${assignment.packageKind} one of ${assignment.packageBytes} (sha256 ${assignment.sha256})`,
    );
  }
}

/**
 * Reads the offered package from the client's memory into a region with `file` backing. Throws RfaasError
 * `RFAAS_ERR_PACKAGE` if it did not arrive whole.
 */
export async function fetchPackage(
  channel: MessageChannel,
  domain: ProtectionDomain,
  offer: PackageOffer,
): Promise<MemoryRegion> {
  const file = domain.allocateMemory({ byteLength: offer.bytes, access: ['local-write'], backing: 'file' });
  await readAll(channel, { address: offer.address, rkey: offer.rkey, byteLength: offer.bytes }, file);
  const sha256 = sha256Of(file.bytes);
  if (sha256 !== offer.sha256) {
    file.close();
    throw new RfaasError(
      'RFAAS_ERR_PACKAGE',
      `the package arrived with sha256 ${sha256} instead of ${offer.sha256}: it changed while it was sent`,
    );
  }
  return file;
}

/** What packages are named by: 64 hexadecimal digits. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function readAll(channel: MessageChannel, from: RemoteMemory, into: MemoryRegion): Promise<void> {
  const target = await channel.endpoint.resolveRemote(from);
  for (let offset = 0; offset < from.byteLength; offset += longestRead) {
    const segment = { region: into, offset, byteLength: Math.min(longestRead, from.byteLength - offset) };
    requireSuccess(
      await channel.perform((endpoint, wrId) => endpoint.postRead(segment, target, offset, { wrId })),
    );
  }
}
