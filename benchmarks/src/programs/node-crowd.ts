import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { formatKey } from '@rfaas/core';
import type { ClusterManager } from './cluster-manager.ts';

const PROGRAM = join(import.meta.dirname, 'registered-nodes.js');

/** Nodes that are registered with a resource manager, in a few processes; see `registered-nodes.ts`. */
export class NodeCrowd implements AsyncDisposable {
  readonly #members: readonly Member[];

  private constructor(members: readonly Member[]) {
    this.#members = members;
  }

  /** Starts `processes` processes with `nodes` nodes in all, numbered from `first`. */
  static start(
    manager: ClusterManager,
    {
      first,
      nodes,
      processes,
    }: { readonly first: number; readonly nodes: number; readonly processes: number },
  ): NodeCrowd {
    const members = Array.from({ length: processes }, (_, index) => {
      const from = Math.floor((index * nodes) / processes);
      const to = Math.floor(((index + 1) * nodes) / processes);
      return new Member(manager, first + from, to - from);
    });
    return new NodeCrowd(members);
  }

  get pids(): readonly number[] {
    return this.#members.map(({ pid }) => pid);
  }

  /** Resolves when all nodes are registered. Rejects with Error and the last words of a process that fails. */
  async registered(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.registered));
  }

  /** What the processes have said of nodes that lost their connection. */
  get losses(): readonly string[] {
    return this.#members.flatMap(({ losses }) => losses);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#members.map((member) => member.stop()));
  }
}

class Member {
  readonly losses: string[] = [];
  readonly registered: Promise<void>;
  readonly #child: ChildProcess;

  constructor({ url, clusterKey }: ClusterManager, first: number, count: number) {
    this.#child = spawn(process.execPath, [PROGRAM, url, String(first), String(count)], {
      env: { ...process.env, RFAAS_CLUSTER_KEY: formatKey(clusterKey) },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.registered = this.#listen();
    this.registered.catch(() => undefined);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.stdin?.end();
    const hurry = setTimeout(() => this.#child.kill('SIGKILL'), 60_000);
    await exited;
    clearTimeout(hurry);
  }

  async #listen(): Promise<void> {
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error('a process of nodes has no output');
    let log = '';
    stderr.setEncoding('utf8').on('data', (text: string) => (log = (log + text).slice(-4096)));
    const lines: Interface = createInterface({ input: stdout });
    const ended = once(this.#child, 'exit').then(([code, signal]) => {
      throw new Error(`a process of nodes ended with ${String(signal ?? code)}\n${log}`);
    });
    const registered = new Promise<void>((resolve) => {
      lines.on('line', (line) => (line.startsWith('registered') ? resolve() : void this.losses.push(line)));
    });
    await Promise.race([registered, ended]);
    // It ends later on, when it is told to: that is no error.
    ended.catch(() => undefined);
  }
}
