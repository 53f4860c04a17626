import { InvalidArgumentError } from '../errors.ts';
import type { EndpointOptions } from '../transport/endpoint.ts';
import type { NativeCompletionQueue } from './native-completion-queue.ts';
import type { NativeProtectionDomain } from './native-protection-domain.ts';

/** A request and its header, or a small reply; each place of a send queue gets so many bytes larger. */
const defaultInlineBytes = 256;

/** Checks the options and opens the native endpoint. */
export function openEndpoint(
  domain: NativeProtectionDomain,
  options: EndpointOptions,
  request: number,
): { readonly id: number; readonly handle: number } {
  const { shim } = domain;
  const { maxInlineBytes, maxQueueDepth } = domain.transport.capabilities;
  requireDepth('sendQueueDepth', options.sendQueueDepth, maxQueueDepth);
  requireDepth('receiveQueueDepth', options.receiveQueueDepth, maxQueueDepth);
  const words = new Uint32Array(8);
  words[0] = options.sendQueueDepth;
  words[1] = options.receiveQueueDepth;
  words[2] = options.inlineBytes ?? Math.min(defaultInlineBytes, maxInlineBytes);
  const result = new BigUint64Array(1);
  const id = shim.check(
    shim.call.shim_endpoint_open(
      domain.handle,
      request,
      queueHandle(domain, 'sendCompletions', options),
      queueHandle(domain, 'receiveCompletions', options),
      words,
      result,
    ),
    'shim_endpoint_open',
  );
  return { id, handle: Number(result[0]) };
}

function requireDepth(name: string, depth: number, most: number): void {
  if (!Number.isInteger(depth) || depth < 1 || depth > most) {
    throw new InvalidArgumentError(
      `cannot open an endpoint with ${name} ${depth}: from 1 to ${most} (capabilities.maxQueueDepth) can be`,
      { operation: 'createEndpoint' },
    );
  }
}

function queueHandle(
  domain: NativeProtectionDomain,
  name: 'sendCompletions' | 'receiveCompletions',
  options: EndpointOptions,
): number {
  const queue = options[name] as NativeCompletionQueue;
  if (queue.domain !== domain) {
    throw new InvalidArgumentError(`cannot open an endpoint: ${name} belongs to another protection domain`, {
      operation: 'createEndpoint',
    });
  }
  return queue.nativeHandle;
}
