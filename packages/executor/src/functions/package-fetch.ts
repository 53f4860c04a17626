import { createHash } from 'node:crypto';
import { RfaasError } from '@rfaas/core/wire';
import type { ExecutorAssignment } from '@rfaas/core';
import type { PackageOffer } from '@rfaas/core/wire';
import type { MemoryRegion, MessageChannel, ProtectionDomain } from '@rfaas/rdmalib';

/**
 * Reads the offered package from the client's memory into a region with `file` backing. Throws RfaasError
 * `RFAAS_ERR_PACKAGE` if it is not the package that was announced, or did not arrive whole.
 */
export async function fetchPackage(
  channel: MessageChannel,
  domain: ProtectionDomain,
  offer: PackageOffer,
  assignment: ExecutorAssignment,
): Promise<MemoryRegion> {
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
  const file = domain.allocateMemory({ byteLength: offer.bytes, access: ['local-write'], backing: 'file' });
  const memory = { address: offer.address, rkey: offer.rkey, byteLength: offer.bytes };
  await channel.read({ region: file, offset: 0, byteLength: offer.bytes }, memory);
  const sha256 = createHash('sha256').update(file.bytes).digest('hex');
  if (sha256 !== assignment.sha256) {
    file.close();
    throw new RfaasError(
      'RFAAS_ERR_PACKAGE',
      `the package arrived with sha256 ${sha256} instead of ${assignment.sha256}: it changed while it was sent`,
    );
  }
  return file;
}
