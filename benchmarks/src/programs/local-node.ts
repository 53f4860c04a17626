import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { Client } from '@rfaas/client';
import { deriveNodeKey, generateKey } from '@rfaas/core';
import { formatTransportUrl, parseTransportUrl, withOwnOptions } from '@rfaas/rdmalib';
import { programOf, readyLineOf, stopProcess } from './server-process.ts';

const NODE_NAME = 'benchmark-node';
const PROGRAM = programOf('@rfaas/executor-manager', 'rfaas-executor-manager');
const KEY_FILE = 'node.key';

/** How the node is set up. */
export interface LocalNodeOptions {
  /** The processors that executors run on, one thread each. */
  readonly processors: readonly number[];
  /** Where it listens. Default `shm://0`. */
  readonly transport?: string;
  /** More of the section `executor` of `executor_manager.json`. */
  readonly executor?: Readonly<Record<string, unknown>> | undefined;
}

/** An executor manager without a resource manager, as a process of its own, and clients of it. */
export class LocalNode implements AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  readonly #nodeKey: Uint8Array;
  readonly #directory: string;
  readonly #child: ChildProcess;
  readonly #prewarmed: PrewarmedCount;

  private constructor(
    url: string,
    nodeKey: Uint8Array,
    directory: string,
    child: ChildProcess,
    prewarmed: PrewarmedCount,
  ) {
    this.#prewarmed = prewarmed;
    this.url = url;
    this.pid = child.pid as number;
    this.#nodeKey = nodeKey;
    this.#directory = directory;
    this.#child = child;
  }

  /** Starts it and waits until it is ready. Throws Error with its last words. */
  static async start({ processors, transport = 'shm://0', executor }: LocalNodeOptions): Promise<LocalNode> {
    const directory = await mkdtemp(join(tmpdir(), 'rfaas-benchmark-'));
    const nodeKey = deriveNodeKey(generateKey(), NODE_NAME);
    const keyFile = join(directory, KEY_FILE);
    await writeFile(keyFile, Buffer.from(nodeKey).toString('hex'), { mode: 0o600 });
    const configuration = {
      config: {
        transport,
        node_name: NODE_NAME,
        node_key_file: keyFile,
        cores: processors,
        memory: 8192,
      },
      executor: { pin_threads: true, ...executor },
    };
    const file = join(directory, 'executor_manager.json');
    await writeFile(file, JSON.stringify(configuration));
    const child = spawn(process.execPath, [PROGRAM, '-c', file, '--skip-resource-manager'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const prewarmed = new PrewarmedCount(child.stderr.setEncoding('utf8'));
    try {
      const announced = parseTransportUrl((await readyLineOf(child)).url);
      const url = formatTransportUrl(withOwnOptions(announced, parseTransportUrl(transport)));
      return new LocalNode(url, nodeKey, directory, child, prewarmed);
    } catch (error) {
      child.kill('SIGKILL');
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** Where the node's key is, for other processes that are to sign their own leases. */
  get keyFile(): string {
    return join(this.#directory, KEY_FILE);
  }

  /** A client that signs its own leases. */
  client(): Client {
    return Client.direct(this.url, { nodeKey: this.#nodeKey });
  }

  /** Resolves once the node has prewarmed so many executors since its start. */
  async prewarmed(count: number): Promise<void> {
    await this.#prewarmed.reach(count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stopProcess(this.#child);
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** Counts what a node's log says of its prewarmed executors. */
class PrewarmedCount {
  #count = 0;
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(log: Readable) {
    log.on('data', (text: string) => {
      this.#count += text.split('executor prewarmed').length - 1;
      this.#waiting.filter(({ count }) => count <= this.#count).forEach(({ resolve }) => resolve());
      this.#waiting = this.#waiting.filter(({ count }) => count > this.#count);
    });
  }

  /** Resolves once so many were started since the node's start. */
  async reach(count: number): Promise<void> {
    if (this.#count < count) {
      await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
    }
  }
}
