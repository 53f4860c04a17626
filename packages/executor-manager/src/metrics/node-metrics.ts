import type { AllocationEndReason, RfaasErrorCode } from '@rfaas/core';
import { durationBuckets, omittedProcessMetrics, processMetricsOptions } from '@rfaas/core/http';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type {
  AllocationObserver,
  AllocationPhase,
  NodeOccupancy,
  ObservedUsage,
} from '../allocation-observer.ts';

type UsageCounters = Pick<
  ObservedUsage,
  'coreNanoseconds' | 'hotPollingNs' | 'executionNs' | 'invocations' | 'hotToWarm'
>;

const unused: UsageCounters = {
  coreNanoseconds: 0,
  hotPollingNs: 0,
  executionNs: 0,
  invocations: 0,
  hotToWarm: 0,
};

/** What is counted and measured of a node and its executors, in the words of Prometheus and of OpenTelemetry's FaaS metrics. */
export class NodeMetrics implements AllocationObserver {
  readonly #registry = new Registry();
  readonly #last = new Map<string, UsageCounters>();
  readonly #coldStarts = this.#counter('faas_coldstarts_total', 'Executors that were started');
  readonly #init = this.#histogram(
    'faas_init_duration_seconds',
    'Time from the request for an executor until it waits for its functions',
  );
  readonly #phases = this.#histogram(
    'rfaas_allocation_phase_duration_seconds',
    'Time of each phase of an allocation',
    ['phase'],
  );
  readonly #ended = this.#counter('rfaas_allocations_ended_total', 'Executors that ended', ['reason']);
  readonly #errors = this.#counter('rfaas_errors_total', 'Requests of clients that were refused', ['code']);
  readonly #invocations = this.#counter('faas_invocations_total', 'Invocations of functions');
  readonly #coreSeconds = this.#counter(
    'rfaas_core_seconds_total',
    'Cores times the time for which executors held them',
  );
  readonly #execution = this.#counter('rfaas_execution_seconds_total', 'Time in functions');
  readonly #hotPolling = this.#counter(
    'rfaas_hot_polling_seconds_total',
    'Time that workers waited in a busy loop',
  );
  readonly #hotToWarm = this.#counter(
    'rfaas_hot_to_warm_switches_total',
    'Times that a worker went from waiting in a busy loop to sleeping',
  );

  constructor() {
    collectDefaultMetrics({ register: this.#registry, ...processMetricsOptions });
    omittedProcessMetrics.forEach((name) => this.#registry.removeSingleMetric(name));
  }

  /** Adds what is read from the node whenever somebody asks. */
  watch(occupancy: () => NodeOccupancy): void {
    const registers = [this.#registry];
    new Gauge({
      name: 'rfaas_executors',
      help: 'Executors that run',
      registers,
      collect() {
        this.set(occupancy().executors);
      },
    });
    new Gauge({
      name: 'rfaas_cores',
      help: 'Cores of this node',
      labelNames: ['state'],
      registers,
      collect() {
        const { all, held } = occupancy().cores;
        this.set({ state: 'held' }, held);
        this.set({ state: 'free' }, all - held);
      },
    });
    new Gauge({
      name: 'rfaas_memory_bytes',
      help: 'Memory of this node',
      labelNames: ['state'],
      registers,
      collect() {
        const { all, held } = occupancy().memoryMiB;
        this.set({ state: 'held' }, held * 2 ** 20);
        this.set({ state: 'free' }, (all - held) * 2 ** 20);
      },
    });
  }

  started(): void {
    this.#coldStarts.inc();
  }

  phase(phase: AllocationPhase, seconds: number): void {
    this.#phases.observe({ phase }, seconds);
  }

  ready(seconds: number): void {
    this.#init.observe(seconds);
  }

  ended(reason: AllocationEndReason): void {
    this.#ended.inc({ reason });
  }

  refused(code: RfaasErrorCode): void {
    this.#errors.inc({ code });
  }

  used(report: ObservedUsage): void {
    const last = this.#last.get(report.allocationId) ?? unused;
    this.#coreSeconds.inc((report.coreNanoseconds - last.coreNanoseconds) / 1e9);
    this.#hotPolling.inc((report.hotPollingNs - last.hotPollingNs) / 1e9);
    this.#execution.inc((report.executionNs - last.executionNs) / 1e9);
    this.#invocations.inc(report.invocations - last.invocations);
    this.#hotToWarm.inc(report.hotToWarm - last.hotToWarm);
    if (report.final) {
      this.#last.delete(report.allocationId);
    } else {
      this.#last.set(report.allocationId, report);
    }
  }

  /** Everything in the text format of Prometheus. */
  async text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, labelNames: string[] = []): Histogram {
    return new Histogram({
      name,
      help,
      labelNames,
      buckets: [...durationBuckets],
      registers: [this.#registry],
    });
  }
}
