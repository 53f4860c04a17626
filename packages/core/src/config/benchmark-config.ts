import { z } from 'zod';
import { coreCount, entityName, filePath, mebibytes, port, schemaReference, transportUrl } from './fields.ts';
import { listenUrl, resourceManagerUrl } from './transport-config.ts';

/** The keys of `benchmark.json` as they stand in the file. */
export const benchmarkFile = z.strictObject({
  $schema: schemaReference,
  config: z.strictObject({
    rdma_device: z.string().default('').describe('RDMA device; empty: shared memory on this host'),
    rdma_device_port: port.default(0),
    resource_manager_address: z.string().default(''),
    resource_manager_port: port.default(0),
    transport: transportUrl.optional(),
    resource_manager: transportUrl.optional().describe('URL of the resource manager'),
    tenant: entityName.optional(),
    credential_file: filePath.optional(),
  }),
  benchmark: z.strictObject({
    memory: mebibytes,
    pin_threads: z.boolean(),
    repetitions: z.int().min(1),
    warmup_repetitions: z.int().min(0),
    numcores: coreCount,
    hot_timeout: z.int().min(-1).describe('-1: always hot, 0: always warm, else milliseconds'),
  }),
});

/** `benchmark.json`: what a benchmark leases and how often it invokes. */
export const benchmarkConfig = benchmarkFile.transform(({ config, benchmark }) => ({
  /** Where the benchmark's client listens for its executors. */
  transport: listenUrl(config),
  resourceManager: resourceManagerUrl(config),
  tenant: config.tenant,
  credentialFile: config.credential_file,
  memoryMiB: benchmark.memory,
  pinThreads: benchmark.pin_threads,
  repetitions: benchmark.repetitions,
  warmupRepetitions: benchmark.warmup_repetitions,
  cores: benchmark.numcores,
  hotTimeoutMs: benchmark.hot_timeout,
}));

/** See {@link benchmarkConfig}. */
export type BenchmarkConfig = z.output<typeof benchmarkConfig>;
