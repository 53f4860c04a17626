import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { deriveNodeKey, deriveTenantCredential, generateKey } from '@rfaas/core';
import { startProgram, type StartedProgram } from './started-program.ts';

const NODE_NAME = 'demo-node';
const TENANT = 'demo';

/** A resource manager and one executor manager, as processes on this machine, with keys of their own. */
export class LocalCluster implements AsyncDisposable {
  /** Where its keys and configuration files are; may be used for other temporary files. */
  readonly directory: string;
  readonly tenant = TENANT;
  readonly credential: Uint8Array;
  readonly #clusterKey: Uint8Array;
  readonly #programs: StartedProgram[] = [];
  #stopping: Promise<void> | undefined;

  private constructor(directory: string) {
    this.directory = directory;
    this.#clusterKey = generateKey();
    this.credential = deriveTenantCredential(this.#clusterKey, TENANT);
  }

  /** Makes its folder; nothing runs yet. */
  static async create(): Promise<LocalCluster> {
    return new LocalCluster(await mkdtemp(join(tmpdir(), 'rfaas-demo-')));
  }

  /** Starts the resource manager; resolves to its transport URL. */
  async startResourceManager(): Promise<string> {
    const keyFile = await this.#writeKey('cluster.key', this.#clusterKey);
    const tokenFile = join(this.directory, 'http.token');
    return this.#start('@rfaas/resource-manager', 'resource_manager.json', {
      config: {
        transport: 'shm://0',
        cluster_key_file: keyFile,
        http_token_file: tokenFile,
        state_file: join(this.directory, 'state.db'),
      },
    });
  }

  /**
   * Starts the executor manager, which registers with the resource manager; resolves to its transport URL.
   *
   * @param resourceManager the resource manager's URL
   * @param modules the folder from which JavaScript functions may import packages
   */
  async startExecutorManager(resourceManager: string, modules: string): Promise<string> {
    const keyFile = await this.#writeKey('node.key', deriveNodeKey(this.#clusterKey, NODE_NAME));
    return this.#start('@rfaas/executor-manager', 'executor_manager.json', {
      config: {
        transport: 'shm://0',
        node_name: NODE_NAME,
        resource_manager: resourceManager,
        node_key_file: keyFile,
      },
      executor: { modules, pin_threads: true },
    });
  }

  /** Ends everything it started, last first, and removes its folder. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    for (const program of this.#programs.toReversed()) await program.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #start(packageName: string, file: string, configuration: object): Promise<string> {
    const path = join(this.directory, file);
    await writeFile(path, JSON.stringify(configuration, undefined, 2));
    const program = await startProgram(programOf(packageName), ['-c', path]);
    this.#programs.push(program);
    return String(program.ready['url']);
  }

  async #writeKey(file: string, key: Uint8Array): Promise<string> {
    const path = join(this.directory, file);
    await writeFile(path, Buffer.from(key).toString('hex'), { mode: 0o600 });
    return path;
  }
}

/** The script that a package's command of the same name runs. */
function programOf(packageName: string): string {
  const require = createRequire(import.meta.url);
  const manifestPath = require.resolve(`${packageName}/package.json`);
  const manifest = require(manifestPath) as { bin: Record<string, string> };
  const [script] = Object.values(manifest.bin);
  if (script === undefined) throw new Error(`${packageName} has no command in its package.json`);
  return join(dirname(manifestPath), script);
}
