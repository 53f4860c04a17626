import { RfaasError } from '@rfaas/core';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { LeaseRecord } from './lease-record.ts';

/** A lease of a tenant that runs. @throws RfaasError `RFAAS_ERR_LEASE_UNKNOWN`, `RFAAS_ERR_LEASE_TERMINATED` */
export function runningLease({ table, ledger }: LeaseKeeper, tenant: string, leaseId: string): LeaseRecord {
  const record = table.get(leaseId);
  if (record?.tenant === tenant && record.ending === undefined) {
    return record;
  }
  if (ledger.usage(leaseId, tenant) === undefined) {
    throw unknownLease(leaseId, tenant);
  }
  const reason = record?.ending ?? ledger.account(leaseId)?.bill.reason ?? 'released';
  const text = `lease ${leaseId} has ended (${reason}); ask for a new one`;
  throw new RfaasError('RFAAS_ERR_LEASE_TERMINATED', text, { details: { leaseId, reason } });
}

/** The error for a lease that is not there, or is another tenant's. */
export function unknownLease(leaseId: string, tenant?: string): RfaasError {
  const whose = tenant === undefined ? '' : ` of "${tenant}"`;
  return new RfaasError('RFAAS_ERR_LEASE_UNKNOWN', `no lease ${leaseId}${whose} is known`);
}
