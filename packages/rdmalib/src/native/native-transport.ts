import { RdmaError } from '../errors.ts';
import type { ProtectionDomain } from '../transport/protection-domain.ts';
import type { Transport, TransportCapabilities } from '../transport/transport.ts';
import { closedError } from './native-error.ts';
import { NativeProtectionDomain } from './native-protection-domain.ts';
import type { Shim } from './shim.ts';
import { abiVersion, capabilitiesWord, capabilitiesWords } from './shim-layout.ts';

/** A transport over any native library of the shim ABI. */
export class NativeTransport implements Transport {
  readonly name: string;
  readonly capabilities: TransportCapabilities;
  readonly tableAddress: number;
  readonly #shim: Shim;
  readonly #options: string;
  readonly #domains = new Set<NativeProtectionDomain>();
  // Capabilities are a domain's, so one is opened to ask; it becomes the first that openProtectionDomain hands out.
  #first: number;
  #closed = false;

  /** `options` are the lines of `key=value` that shim_domain_open takes. Throws RdmaError when the device is not there. */
  constructor(shim: Shim, options: string) {
    this.name = shim.name;
    this.tableAddress = shim.tableAddress;
    this.#shim = shim;
    this.#options = options;
    this.#first = this.#openNative();
    this.capabilities = readCapabilities(shim, this.#first);
  }

  openProtectionDomain(): ProtectionDomain {
    if (this.#closed) {
      throw closedError('transport', 'open a protection domain');
    }
    const handle = this.#first === 0 ? this.#openNative() : this.#first;
    this.#first = 0;
    let domain: NativeProtectionDomain;
    try {
      domain = new NativeProtectionDomain(this, this.#shim, handle, (closed) => this.#domains.delete(closed));
    } catch (error) {
      this.#shim.call.shim_domain_close(handle);
      throw error;
    }
    this.#domains.add(domain);
    return domain;
  }

  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      for (const domain of [...this.#domains]) {
        domain.close();
      }
      if (this.#first !== 0) {
        this.#shim.check(this.#shim.call.shim_domain_close(this.#first), 'shim_domain_close');
        this.#first = 0;
      }
    }
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #openNative(): number {
    const result = new BigUint64Array(1);
    this.#shim.check(this.#shim.call.shim_domain_open(this.#options, result), 'shim_domain_open');
    return Number(result[0]);
  }
}

function readCapabilities(shim: Shim, domain: number): TransportCapabilities {
  const words = new Uint32Array(capabilitiesWords);
  shim.check(shim.call.shim_domain_capabilities(domain, words), 'shim_domain_capabilities');
  const word = (index: number): number => words[index] ?? 0;
  if (word(capabilitiesWord.abiVersion) !== abiVersion) {
    throw new RdmaError(
      'RDMA_ERR_ABI_MISMATCH',
      `the native library ${shim.path} disagrees with itself on its ABI`,
      {
        operation: 'shim_domain_capabilities',
        transport: shim.name,
      },
    );
  }
  return {
    endpointKind: word(capabilitiesWord.endpointKind) === 0 ? 'connected' : 'datagram',
    atomics: (['none', 'native', 'emulated'] as const)[word(capabilitiesWord.atomics)] ?? 'none',
    blockingWait: word(capabilitiesWord.waiting) === 0 ? 'file-descriptor' : 'timed-poll',
    maxPrivateDataBytes: word(capabilitiesWord.maxPrivateData),
    maxInlineBytes: word(capabilitiesWord.maxInline),
    maxScatterGatherEntries: word(capabilitiesWord.maxSegments),
    crossesHosts: word(capabilitiesWord.crossesHosts) !== 0,
    directMap: word(capabilitiesWord.directMap) !== 0,
    maxSendBytes: word(capabilitiesWord.maxSendBytes),
    maxQueueDepth: word(capabilitiesWord.maxQueueDepth),
  };
}
