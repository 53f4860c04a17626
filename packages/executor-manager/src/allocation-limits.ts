import { maxSlots, RfaasError, slotStride } from '@rfaas/core';
import type { Allocate } from '@rfaas/core';

const mebibyte = 1024 * 1024;
/** Lengths travel in 32 bits with each invocation. */
const longestPayload = 2 ** 32 - 1 - 4096;
/** What one executor's buffers may take where the lease does not say. */
const unleasedBufferBytes = 64 * 1024 * mebibyte;
const largestPackageBytes = 1024 * mebibyte;

/**
 * Checks what a client asks for before anything is made for it. Throws RfaasError that names the first number that is
 * out of bounds; cores are counted elsewhere.
 */
export function checkAllocationLimits(request: Allocate): void {
  const { slots, inputBytes, outputBytes, packageBytes, hotTimeoutMs, memoryMiB } = request;
  check(
    slots >= 1 && slots <= maxSlots && (slots & (slots - 1)) === 0,
    `${slots} slots: a power of two up to ${maxSlots} is needed`,
  );
  check(
    inputBytes <= longestPayload,
    `inputs of ${inputBytes} bytes: at most ${longestPayload} are possible`,
  );
  check(
    outputBytes <= longestPayload,
    `outputs of ${outputBytes} bytes: at most ${longestPayload} are possible`,
  );
  check(
    hotTimeoutMs >= -1,
    `a hot timeout of ${hotTimeoutMs} ms: -1 (always hot), 0 (never) or more is needed`,
  );
  check(packageBytes >= 1, 'an empty function package');
  check(
    packageBytes <= largestPackageBytes,
    `a function package of ${packageBytes} bytes: at most ${largestPackageBytes} are possible`,
  );
  const buffers = request.cores * slots * (slotStride(inputBytes) + outputBytes);
  const room = memoryMiB === 0 ? unleasedBufferBytes : memoryMiB * mebibyte;
  check(
    buffers <= room,
    `${slots} slots on ${request.cores} threads for inputs of ${inputBytes} and outputs of ${outputBytes} bytes take ` +
      `${Math.ceil(buffers / mebibyte)} MiB, the allocation has ${Math.floor(room / mebibyte)}`,
  );
}

function check(condition: boolean, problem: string): void {
  if (!condition) {
    throw new RfaasError('RFAAS_ERR_USAGE', `cannot allocate an executor with ${problem}`);
  }
}
