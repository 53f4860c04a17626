import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatKey, generateKey } from '@rfaas/core';
import { programOf, readyLineOf, stopProcess } from './server-process.ts';

const PROGRAM = programOf('@rfaas/resource-manager', 'rfaas-resource-manager');

/** A resource manager with an empty cluster, as a process of its own; its state is in a file, as usual. */
export class ClusterManager implements AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  readonly clusterKey: Uint8Array;
  readonly #directory: string;
  readonly #child: ChildProcess;

  private constructor(url: string, clusterKey: Uint8Array, directory: string, child: ChildProcess) {
    this.url = url;
    this.pid = child.pid as number;
    this.clusterKey = clusterKey;
    this.#directory = directory;
    this.#child = child;
  }

  /** Starts it with default settings on a transport and waits until it is ready. Throws Error with its last words. */
  static async start(transport: string): Promise<ClusterManager> {
    const directory = await mkdtemp(join(tmpdir(), 'rfaas-benchmark-'));
    const clusterKey = generateKey();
    const keyFile = join(directory, 'cluster.key');
    await writeFile(keyFile, formatKey(clusterKey), { mode: 0o600 });
    const config = { transport, cluster_key_file: keyFile, state_file: join(directory, 'state.db') };
    const file = join(directory, 'resource_manager.json');
    await writeFile(
      file,
      JSON.stringify({ config: { ...config, http_token_file: join(directory, 'token') } }),
    );
    const child = spawn(process.execPath, [PROGRAM, '-c', file, '--log-level', 'warn'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    try {
      return new ClusterManager((await readyLineOf(child)).url, clusterKey, directory, child);
    } catch (error) {
      child.kill('SIGKILL');
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stopProcess(this.#child);
    await rm(this.#directory, { recursive: true, force: true });
  }
}
