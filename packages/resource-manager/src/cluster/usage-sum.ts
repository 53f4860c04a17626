import type { Usage, UsageReport } from '@rfaas/core';

/** Nothing was used. */
export const noUsage: Usage = {
  allocations: 0,
  invocations: 0,
  hotPollingNs: 0,
  executionNs: 0,
  coreNanoseconds: 0,
  mebibyteMilliseconds: 0,
};

/** The sum of two usages, field by field. */
export function addUsage(a: Usage, b: Usage): Usage {
  return {
    allocations: a.allocations + b.allocations,
    invocations: a.invocations + b.invocations,
    hotPollingNs: a.hotPollingNs + b.hotPollingNs,
    executionNs: a.executionNs + b.executionNs,
    coreNanoseconds: a.coreNanoseconds + b.coreNanoseconds,
    mebibyteMilliseconds: a.mebibyteMilliseconds + b.mebibyteMilliseconds,
  };
}

/** What a report adds to a bill that has counted `last`, the report of the same allocation before it. Totals never shrink. */
export function usageOf(report: UsageReport, last: UsageReport | undefined): Usage {
  const gained = (
    field: 'invocations' | 'hotPollingNs' | 'executionNs' | 'coreNanoseconds' | 'mebibyteMilliseconds',
  ): number => Math.max(0, report[field] - (last?.[field] ?? 0));
  return {
    allocations: last === undefined ? 1 : 0,
    invocations: gained('invocations'),
    hotPollingNs: gained('hotPollingNs'),
    executionNs: gained('executionNs'),
    coreNanoseconds: gained('coreNanoseconds'),
    mebibyteMilliseconds: gained('mebibyteMilliseconds'),
  };
}
