/** How prom-client is told to measure the process of a server: its event loop's delay as seldom as Node allows, see below. */
export const processMetricsOptions = { eventLoopMonitoringPrecision: 2 ** 31 - 1 } as const;

/**
 * Metrics of prom-client that servers leave out. Some break the rules which promtool checks: gauges that are called totals.
 * For the others a process wakes up a hundred times a second, also where it has nothing to do.
 */
export const omittedProcessMetrics: readonly string[] = [
  ...['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`),
  ...['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'].map(
    (what) => `nodejs_eventloop_lag_${what}_seconds`,
  ),
];
