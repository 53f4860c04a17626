import { z } from 'zod';
import { benchmarkFile } from './benchmark-config.ts';
import { devicesFile } from './device-config.ts';
import { executorManagerFile } from './executor-manager-config.ts';
import { executorsDatabaseFile } from './executors-database.ts';
import { resourceManagerFile } from './resource-manager-config.ts';

/** The configuration files by name, without `.json`, and what may stand in each. */
export const configFiles = {
  benchmark: benchmarkFile,
  devices: devicesFile,
  executor_manager: executorManagerFile,
  executors_database: executorsDatabaseFile,
  resource_manager: resourceManagerFile,
} as const;

/** The JSON schema of each configuration file, as it is written to `configs/schema/`. */
export function configJsonSchemas(): Readonly<Record<keyof typeof configFiles, object>> {
  const schemas = Object.entries(configFiles).map(([name, schema]) => [
    name,
    { title: `${name}.json`, ...z.toJSONSchema(schema, { io: 'input' }) },
  ]);
  return Object.fromEntries(schemas) as Record<keyof typeof configFiles, object>;
}
