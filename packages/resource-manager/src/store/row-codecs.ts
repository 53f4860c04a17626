import { leaseEndReasons, RfaasError, type UsageReport } from '@rfaas/core';
import { z } from 'zod';
import type { TenantLimits } from '../cluster/cluster-view.ts';
import type { ClusterNode } from '../cluster/executor-registry.ts';
import type { LeaseRecord } from '../cluster/lease-record.ts';
import type { QueuedLease } from '../cluster/queued-lease.ts';
import type { WaitingRequest } from '../cluster/tenants/lease-queue.ts';
import type { Account } from '../cluster/usage-ledger.ts';
import type { Row } from './state-store.ts';

const count = z.number().min(0);
const resources = { cores: count, memoryMiB: count, gpus: count };
/** 64 bits do not fit into a JSON number. */
const word = z.string().regex(/^\d+$/).transform(BigInt);
const labels = z.record(z.string(), z.string());

const nodeRow = z.object({
  name: z.string(),
  url: z.string(),
  ...resources,
  labels: labels.optional(),
  oversubscription: z.number().min(1).optional(),
  incarnation: word,
  state: z.enum(['connected', 'unverified', 'suspect', 'lost']),
  drain: z.enum(['no', 'draining', 'drained']),
  drainDeadline: z.number().optional(),
  isLeaving: z.boolean(),
});

const leaseRow = z.object({
  leaseId: z.string(),
  tenant: z.string(),
  generation: count,
  notBefore: count,
  expiry: count,
  ending: z.enum(leaseEndReasons).optional(),
  shares: z.array(
    z.object({
      node: z.string(),
      ...resources,
      incarnation: word,
      state: z.enum(['held', 'ending', 'freed', 'abandoned']),
    }),
  ),
});

const counters = {
  invocations: count,
  hotPollingNs: count,
  executionNs: count,
  coreNanoseconds: count,
  mebibyteMilliseconds: count,
};

const reportRow = z.object({
  leaseId: z.string(),
  allocationId: z.string(),
  sequence: count,
  final: z.boolean(),
  ...counters,
});

const billRow = z.object({
  leaseId: z.string(),
  tenant: z.string(),
  nodes: z.array(z.string()),
  leased: z.object(resources),
  start: count,
  end: count,
  reason: z.enum(leaseEndReasons),
  usage: z.object({ allocations: count, ...counters }),
  /** Of nodes that have not confirmed the end: what of each allocation is counted already. */
  reports: z.array(reportRow),
  isComplete: z.boolean(),
});

const queuedRow = z.object({
  id: z.string(),
  tenant: z.string(),
  since: count,
  deadline: count,
  coresPerPart: count,
  request: z.object({
    durationMs: count,
    placement: z.object({
      parts: count,
      atLeast: count,
      distinctNodes: z.boolean(),
      coresPerPart: count,
      gpusPerPart: count,
      memoryMiB: count,
      node: z.string().optional(),
      labels,
      within: z.string().optional(),
    }),
  }),
});

const limitsRow = z.object({
  cores: count.optional(),
  memoryMiB: count.optional(),
  leases: count.optional(),
  coreSeconds: count.optional(),
});

/** The value of the row of a node. */
export function encodeNode(node: ClusterNode): string {
  return JSON.stringify({ ...node, incarnation: node.incarnation.toString() });
}

/** The value of the row of a lease. */
export function encodeLease(record: LeaseRecord): string {
  const shares = record.shares.map((share) => ({ ...share, incarnation: share.incarnation.toString() }));
  return JSON.stringify({ ...record, shares });
}

/** The value of the row of an account that is closed. */
export function encodeBill({ bill, reports, isComplete }: Account): string {
  return JSON.stringify({ ...bill, reports: isComplete ? [] : [...reports.values()], isComplete });
}

/** What {@link encodeNode} made. @throws RfaasError `RFAAS_ERR_STORE` */
export function decodeNode(row: Row): ClusterNode {
  const { labels: itsLabels, oversubscription, drainDeadline, ...node } = decode(nodeRow, row);
  return {
    ...node,
    drainDeadline,
    ...(itsLabels === undefined ? {} : { labels: itsLabels }),
    ...(oversubscription === undefined ? {} : { oversubscription }),
  };
}

/** What {@link encodeLease} made. @throws RfaasError `RFAAS_ERR_STORE` */
export function decodeLease(row: Row): LeaseRecord {
  const lease = decode(leaseRow, row);
  return { ...lease, ending: lease.ending };
}

/** A report as `JSON.stringify` made it. @throws RfaasError `RFAAS_ERR_STORE` */
export function decodeReport(row: Row): UsageReport {
  return decode(reportRow, row);
}

/** What {@link encodeBill} made. @throws RfaasError `RFAAS_ERR_STORE` */
export function decodeBill(row: Row): Account {
  const { reports, isComplete, ...bill } = decode(billRow, row);
  return { bill, isComplete, reports: new Map(reports.map((report) => [report.allocationId, report])) };
}

/** A request that waits, as `JSON.stringify` made it. @throws RfaasError `RFAAS_ERR_STORE` */
export function decodeQueued(row: Row): WaitingRequest<QueuedLease> {
  const { request, ...entry } = decode(queuedRow, row);
  const { node, within } = request.placement;
  return { ...entry, request: { ...request, placement: { ...request.placement, node, within } } };
}

/** The limits of a tenant, as `JSON.stringify` made them. @throws RfaasError `RFAAS_ERR_STORE` */
export function decodeLimits(row: Row): TenantLimits {
  const { cores, memoryMiB, leases, coreSeconds } = decode(limitsRow, row);
  return {
    ...(cores === undefined ? {} : { cores }),
    ...(memoryMiB === undefined ? {} : { memoryMiB }),
    ...(leases === undefined ? {} : { leases }),
    ...(coreSeconds === undefined ? {} : { coreSeconds }),
  };
}

function decode<S extends z.ZodType>(schema: S, { key, value }: Row): z.output<S> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch (error) {
    throw damaged(key, 'it is no JSON', error);
  }
  const result = schema.safeParse(parsed);
  if (!result.success) {
    throw damaged(key, z.prettifyError(result.error).replaceAll('\n', ' '), result.error);
  }
  return result.data;
}

function damaged(key: string, what: string, cause: unknown): RfaasError {
  return new RfaasError(
    'RFAAS_ERR_STORE',
    `the row "${key}" of the stored state is damaged, or of another release (${what}); restore a backup, or move the store ` +
      'away to begin with an empty one',
    { cause, details: { key } },
  );
}
