import { RfaasError } from '@rfaas/core';
import { chooseProcessors } from './topology/choose-processors.ts';
import type { ProcessorTopology } from './topology/processor-topology.ts';

/** What a node leases out. */
export interface NodeCapacity {
  /** Processor numbers, one for each core; a number that is there twice is shared on purpose. */
  readonly cpus: readonly number[];
  readonly memoryMiB: number;
  /** Which processors share a core, and where they are. */
  readonly topology: ProcessorTopology;
}

/** What an allocation asks for, and the lease that it counts against. */
export interface ClaimRequest {
  readonly allocationId: string;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly lease: { readonly leaseId: string; readonly cores: number; readonly memoryMiB: number };
}

/** The cores of an allocation, or why it gets none. */
export type ClaimDecision =
  | { readonly ok: true; readonly cpus: readonly number[] }
  | { readonly ok: false; readonly error: RfaasError };

interface Claim {
  readonly leaseId: string;
  readonly cpus: readonly number[];
  readonly memoryMiB: number;
}

/**
 * Which allocation holds which cores and how much memory. Never gives out more than the node has, nor more under a lease
 * than the lease says, however often its token is presented.
 */
export class Claims {
  readonly #capacity: NodeCapacity;
  readonly #free: number[];
  readonly #claims = new Map<string, Claim>();

  constructor(capacity: NodeCapacity) {
    this.#capacity = capacity;
    this.#free = [...capacity.cpus].sort((a, b) => a - b);
  }

  /** Cores that no allocation holds. */
  get freeCores(): number {
    return this.#free.length;
  }

  /** Memory that no allocation holds. */
  get freeMemoryMiB(): number {
    return this.#capacity.memoryMiB - sum([...this.#claims.values()].map(({ memoryMiB }) => memoryMiB));
  }

  /** Takes cores and memory for an allocation, or says why not and takes nothing. */
  claim(request: ClaimRequest): ClaimDecision {
    const error = this.#refusal(request);
    if (error !== undefined) {
      return { ok: false, error };
    }
    const cpus = this.#take(request.cores);
    const { leaseId } = request.lease;
    this.#claims.set(request.allocationId, { leaseId, cpus, memoryMiB: request.memoryMiB });
    return { ok: true, cpus };
  }

  /** Gives back an allocation's cores: its executor is kept, and with it the memory. */
  releaseCores(allocationId: string): void {
    const claim = this.#claims.get(allocationId);
    if (claim !== undefined) {
      this.#claims.set(allocationId, { ...claim, cpus: [] });
      this.#giveBack(claim.cpus);
    }
  }

  /** Gives back what an allocation held. False if it held nothing. */
  release(allocationId: string): boolean {
    const claim = this.#claims.get(allocationId);
    if (claim === undefined) {
      return false;
    }
    this.#claims.delete(allocationId);
    this.#giveBack(claim.cpus);
    return true;
  }

  #take(count: number): readonly number[] {
    const { topology } = this.#capacity;
    const held = [...this.#claims.values()].flatMap(({ cpus }) => cpus);
    const chosen = chooseProcessors(count, { free: this.#free, held, topology });
    for (const cpu of chosen) {
      this.#free.splice(this.#free.indexOf(cpu), 1);
    }
    return chosen;
  }

  #giveBack(cpus: readonly number[]): void {
    this.#free.push(...cpus);
    this.#free.sort((a, b) => a - b);
  }

  #refusal({ allocationId, cores, memoryMiB, lease }: ClaimRequest): RfaasError | undefined {
    if (!Number.isSafeInteger(cores) || cores < 1) {
      return new RfaasError('RFAAS_ERR_USAGE', `cannot allocate ${cores} cores: at least 1 is needed`);
    }
    if (!Number.isSafeInteger(memoryMiB) || memoryMiB < 0) {
      return new RfaasError('RFAAS_ERR_USAGE', `cannot allocate ${memoryMiB} MiB of memory`);
    }
    if (this.#claims.has(allocationId)) {
      return new RfaasError('RFAAS_ERR_INTERNAL', `allocation ${allocationId} exists already`);
    }
    const held = [...this.#claims.values()].filter(({ leaseId }) => leaseId === lease.leaseId);
    const heldCores = sum(held.map(({ cpus }) => cpus.length));
    const heldMemory = sum(held.map((claim) => claim.memoryMiB));
    return (
      shortage('cores', cores, { of: 'the lease', has: lease.cores, held: heldCores }) ??
      shortage('MiB of memory', memoryMiB, { of: 'the lease', has: lease.memoryMiB, held: heldMemory }) ??
      shortage('cores', cores, this.#node(this.#capacity.cpus.length, this.freeCores)) ??
      shortage('MiB of memory', memoryMiB, this.#node(this.#capacity.memoryMiB, this.freeMemoryMiB))
    );
  }

  #node(has: number, free: number): Holder {
    return { of: 'this node', has, held: has - free };
  }
}

interface Holder {
  readonly of: string;
  readonly has: number;
  readonly held: number;
}

function shortage(what: string, wanted: number, { of, has, held }: Holder): RfaasError | undefined {
  if (held + wanted <= has) {
    return undefined;
  }
  const text = `cannot allocate ${wanted} ${what}: ${of} has ${has}, of which ${held} are allocated`;
  return new RfaasError('RFAAS_ERR_NO_CAPACITY', text, { details: { what, of, wanted, has, held } });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
