import { z } from 'zod';
import { nameBytes } from '../messages/lease-messages.ts';

/** A port; 0 means that the system chooses, and that the chosen one is announced. */
export const port = z.int().min(0).max(65_535).describe('Port; 0: chosen by the system and announced');

/** A number of cores of one node. */
export const coreCount = z.int().min(1).max(65_536).describe('Number of cores');

/** An amount of memory. */
export const mebibytes = z
  .int()
  .min(1)
  .max(2 ** 31)
  .describe('Memory in MiB');

/** A duration in milliseconds. */
export const milliseconds = z
  .int()
  .min(1)
  .max(2 ** 31 - 1)
  .describe('Milliseconds');

/** The reference's shared secret, which is accepted and has no effect: keys come from files. */
export const ignoredSecret = z
  .int()
  .describe('Accepted and ignored: keys come from files or the environment');

/** The name of a node or tenant: it appears in messages, logs and file names. */
export const entityName = z
  .string()
  .regex(/^[\w.@+-]+$/, 'expected letters, digits and . @ + - _')
  .refine((value) => Buffer.byteLength(value) <= nameBytes, `expected at most ${nameBytes} bytes`)
  .describe('A name of letters, digits and . @ + - _, at most 64 bytes');

/** The path of a file; relative ones are relative to the configuration file. */
export const filePath = z.string().min(1).describe('Path, relative to this file');

/** The address of a transport, such as `shm://10005` or `verbs://10.0.0.7:10005?device=mlx5_0`. */
export const transportUrl = z
  .string()
  .regex(/^[a-z0-9]+(\+[a-z0-9_;-]+)?:\/\/\S*$/i, 'expected a transport URL such as shm://10005')
  .describe('Transport URL such as shm://10005 or verbs://10.0.0.7:10005?device=mlx5_0');

/** What the `$schema` key of every configuration file may hold, for editors. */
export const schemaReference = z.string().optional().describe('The JSON schema of this file, for editors');
