import type { TenantLimits } from '../cluster-view.ts';

/** What counts of a lease. Times are milliseconds of one clock. */
export interface QuotaClaim {
  readonly cores: number;
  readonly memoryMiB: number;
  readonly from: number;
  readonly expiry: number;
}

/** What a tenant holds and has used. */
export interface QuotaStatus {
  readonly cores: number;
  readonly memoryMiB: number;
  readonly leases: number;
  /** Of leases that are over. */
  readonly spentCoreSeconds: number;
  /** What the leases that run will have used when they expire. */
  readonly reservedCoreSeconds: number;
}

/** Whether a tenant may have something; if not, which limit stands against it. */
export type QuotaVerdict =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly limit: keyof TenantLimits;
      /** Whether it may have it once enough of its leases have ended. */
      readonly isPassing: boolean;
      readonly text: string;
    };

interface Account {
  limits: TenantLimits | undefined;
  readonly claims: Map<string, QuotaClaim>;
  cores: number;
  memoryMiB: number;
  /** Core-milliseconds. */
  spent: number;
  reserved: number;
}

const MS_PER_SECOND = 1000;

/**
 * What each tenant may have and what it has. Core-seconds of a lease are set aside until its expiry and, where it ends
 * earlier, given back: no tenant can use more than its limit, whatever its leases do. Each operation takes constant time.
 */
export class TenantQuotas {
  readonly #defaults: TenantLimits;
  readonly #accounts = new Map<string, Account>();

  /** @param defaults the limits of tenants that have none of their own */
  constructor(defaults: TenantLimits = {}) {
    this.#defaults = defaults;
  }

  /** Replaces the limits of a tenant; `undefined` gives it the default ones. Leases that run are not touched. */
  setLimits(tenant: string, limits: TenantLimits | undefined): void {
    this.#account(tenant).limits = limits;
    this.#forgetIfEmpty(tenant);
  }

  limits(tenant: string): TenantLimits {
    return this.#accounts.get(tenant)?.limits ?? this.#defaults;
  }

  /** Whether a tenant may have one lease more. */
  check(tenant: string, claim: QuotaClaim): QuotaVerdict {
    const held = this.status(tenant);
    const wanted = {
      cores: claim.cores,
      memoryMiB: claim.memoryMiB,
      leases: 1,
      coreSeconds: coreMs(claim) / MS_PER_SECOND,
    };
    return this.#compare(tenant, wanted, {
      ...held,
      coreSeconds: held.spentCoreSeconds + held.reservedCoreSeconds,
    });
  }

  /** Whether a tenant may keep a lease until a later expiry. @throws RangeError if it has no such lease */
  checkRenewal(tenant: string, leaseId: string, expiry: number): QuotaVerdict {
    const claim = this.#claim(tenant, leaseId);
    const { spentCoreSeconds, reservedCoreSeconds } = this.status(tenant);
    const nothing = { cores: 0, memoryMiB: 0, leases: 0 };
    const more = Math.max(0, coreMs({ ...claim, expiry }) - coreMs(claim)) / MS_PER_SECOND;
    return this.#compare(
      tenant,
      { ...nothing, coreSeconds: more },
      { ...nothing, coreSeconds: spentCoreSeconds + reservedCoreSeconds },
    );
  }

  /** Counts a lease, also one beyond the limits: it may be older than they are. @throws RangeError if it is counted already */
  open(tenant: string, leaseId: string, claim: QuotaClaim): void {
    const account = this.#account(tenant);
    if (account.claims.has(leaseId)) {
      throw new RangeError(`lease ${leaseId} of "${tenant}" is counted already`);
    }
    account.claims.set(leaseId, claim);
    account.cores += claim.cores;
    account.memoryMiB += claim.memoryMiB;
    account.reserved += coreMs(claim);
  }

  /** The lease goes on until another time. @throws RangeError if the tenant has no such lease */
  renew(tenant: string, leaseId: string, expiry: number): void {
    const claim = this.#claim(tenant, leaseId);
    const account = this.#account(tenant);
    account.claims.set(leaseId, { ...claim, expiry });
    account.reserved += coreMs({ ...claim, expiry }) - coreMs(claim);
  }

  /** The lease is over since `end`: what it took is free, what it has used stays. @throws RangeError if there is none */
  close(tenant: string, leaseId: string, end: number): void {
    const claim = this.#claim(tenant, leaseId);
    const account = this.#account(tenant);
    account.claims.delete(leaseId);
    account.cores -= claim.cores;
    account.memoryMiB -= claim.memoryMiB;
    account.reserved -= coreMs(claim);
    account.spent += coreMs({ ...claim, expiry: end });
    this.#forgetIfEmpty(tenant);
  }

  /** Adds what leases that are not known any more have used. */
  addSpent(tenant: string, coreSeconds: number): void {
    this.#account(tenant).spent += coreSeconds * MS_PER_SECOND;
  }

  status(tenant: string): QuotaStatus {
    const account = this.#accounts.get(tenant);
    return {
      cores: account?.cores ?? 0,
      memoryMiB: account?.memoryMiB ?? 0,
      leases: account?.claims.size ?? 0,
      spentCoreSeconds: (account?.spent ?? 0) / MS_PER_SECOND,
      reservedCoreSeconds: (account?.reserved ?? 0) / MS_PER_SECOND,
    };
  }

  /** Tenants that have limits of their own, have leases or have used something. */
  tenants(): readonly string[] {
    return [...this.#accounts.keys()];
  }

  #compare(
    tenant: string,
    wanted: Readonly<Record<keyof TenantLimits, number>>,
    held: Readonly<Record<keyof TenantLimits, number>>,
  ): QuotaVerdict {
    const limits = this.limits(tenant);
    for (const limit of ['cores', 'memoryMiB', 'leases', 'coreSeconds'] as const) {
      const most = limits[limit] ?? Infinity;
      if (wanted[limit] > 0 && held[limit] + wanted[limit] > most) {
        const isPassing = limit !== 'coreSeconds' && wanted[limit] <= most;
        const text = `tenant "${tenant}" may have ${most} ${words[limit]}, has ${held[limit]} and asks for ${wanted[limit]}`;
        return {
          ok: false,
          limit,
          isPassing,
          text: `${text}; ${isPassing ? advice.passing : advice.lasting}`,
        };
      }
    }
    return { ok: true };
  }

  #claim(tenant: string, leaseId: string): QuotaClaim {
    const claim = this.#accounts.get(tenant)?.claims.get(leaseId);
    if (claim === undefined) {
      throw new RangeError(`no lease ${leaseId} of "${tenant}" is counted`);
    }
    return claim;
  }

  #account(tenant: string): Account {
    let account = this.#accounts.get(tenant);
    if (account === undefined) {
      account = { limits: undefined, claims: new Map(), cores: 0, memoryMiB: 0, spent: 0, reserved: 0 };
      this.#accounts.set(tenant, account);
    }
    return account;
  }

  #forgetIfEmpty(tenant: string): void {
    const account = this.#accounts.get(tenant);
    if (account?.limits === undefined && account?.claims.size === 0 && account.spent === 0) {
      this.#accounts.delete(tenant);
    }
  }
}

const words: Readonly<Record<keyof TenantLimits, string>> = {
  cores: 'cores',
  memoryMiB: 'MiB',
  leases: 'leases',
  coreSeconds: 'core-seconds',
};

const advice = {
  passing: 'release a lease, or ask for less',
  lasting: 'ask for less, or have the limit raised',
};

function coreMs({ cores, from, expiry }: QuotaClaim): number {
  return cores * Math.max(0, expiry - from);
}
