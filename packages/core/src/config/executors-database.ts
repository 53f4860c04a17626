import { z } from 'zod';
import { coreCount, entityName, mebibytes, port, schemaReference, transportUrl } from './fields.ts';

/** The keys of `executors_database.json` as they stand in the file. */
export const executorsDatabaseFile = z.strictObject({
  $schema: schemaReference,
  executors: z.array(
    z.strictObject({
      node: entityName,
      address: z.string().describe('Address of the executor manager; empty: shared memory on this host'),
      port,
      cores: coreCount,
      memory: mebibytes,
      url: transportUrl.optional().describe('URL of the executor manager; wins over address and port'),
      gpus: z.int().min(0).optional(),
    }),
  ),
});

/** A node that is known without having registered. */
export interface PreloadedNode {
  readonly name: string;
  /** Where clients reach its executor manager. */
  readonly url: string;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly gpus: number;
}

/** `executors_database.json`: nodes that are known from the start. */
export const executorsDatabase = executorsDatabaseFile
  .refine(({ executors }) => new Set(executors.map(({ node }) => node)).size === executors.length, {
    message: 'two executors have the same node name',
    path: ['executors'],
  })
  .transform(({ executors }): readonly PreloadedNode[] =>
    executors.map((executor) => ({
      name: executor.node,
      url: executor.url ?? nodeUrl(executor.address, executor.port),
      cores: executor.cores,
      memoryMiB: executor.memory,
      gpus: executor.gpus ?? 0,
    })),
  );

/** The URL of an executor manager that is known by address and port only; without an address it is on this host. */
export function nodeUrl(address: string, port: number): string {
  if (address === '') {
    return `shm://${port}`;
  }
  return `verbs://${address.includes(':') ? `[${address}]` : address}:${port}`;
}
