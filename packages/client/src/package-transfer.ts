import { decodeMessage, encodeMessage, expectMessage, joinFunctionNames, RfaasError } from '@rfaas/core';
import type { MemoryRegion, MessageChannel } from '@rfaas/rdmalib';
import type { FunctionPackage } from './functions/function-package.ts';

/**
 * Offers a package in registered memory to the executor, which reads it from there and loads it. Resolves to the names
 * of its functions, in the order of their indices; rejects with RFAAS_ERR_PACKAGE when it does not load there, and with
 * RFAAS_ERR_EXECUTOR_LOST when the executor ends instead.
 */
export async function transferPackage(
  channel: MessageChannel,
  functionPackage: FunctionPackage,
  region: MemoryRegion,
): Promise<string[]> {
  const { kind, name, sha256, bytes } = functionPackage;
  const { address, rkey } = region.remote;
  await channel.send(
    encodeMessage({
      kind: 'package-offer',
      address,
      rkey,
      bytes: bytes.byteLength,
      packageKind: kind,
      sha256,
      name,
    }),
  );
  const loaded = await receive(channel, name, 'package-loaded');
  let names: string[] = [];
  while (names.length < loaded.functionCount) {
    names = joinFunctionNames(names, await receive(channel, name, 'function-names'));
  }
  return names;
}

async function receive<K extends 'package-loaded' | 'function-names'>(
  channel: MessageChannel,
  name: string,
  kind: K,
) {
  const bytes = await channel.receive();
  if (bytes === undefined) {
    throw new RfaasError('RFAAS_ERR_EXECUTOR_LOST', `the executor ended while it was loading ${name}`);
  }
  const message = decodeMessage(bytes);
  if (message.kind === 'package-failed') {
    throw new RfaasError('RFAAS_ERR_PACKAGE', `the executor cannot load ${name}: ${message.text}`);
  }
  return expectMessage(message, kind);
}
