import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Host } from './host.mjs';
import { ip, labDirectory, labName, removeStaleLabs } from './removal.mjs';

let labs = 0;

/** Why this machine can have no lab, or null. */
export function labUnavailable() {
  if (process.getuid?.() !== 0) {
    return 'several hosts need network namespaces, which only root makes';
  }
  const trial = labName(0);
  const made = spawnSync('ip', ['netns', 'add', trial], { encoding: 'utf8' });
  if (made.error !== undefined) {
    return `several hosts need the program ip ("apt-get install iproute2"): ${made.error.message}`;
  }
  if (made.status !== 0) {
    return `several hosts need network namespaces, and this machine makes none: ${made.stderr.trim()}`;
  }
  spawnSync('ip', ['netns', 'delete', trial]);
  return null;
}

/**
 * Several hosts on this machine: network namespaces, each with an address of its own, joined by a bridge that lies in a
 * namespace, too. Nothing of it is in this machine's own network. It is removed when it is disposed of, and when its
 * owner ends in whatever way: a guardian, a process of its own, sees to that.
 */
export class HostLab {
  /** @type {ReadonlyMap<string, Host>} */
  #hosts;
  #guardian;

  constructor(guardian, hosts) {
    this.#guardian = guardian;
    this.#hosts = hosts;
  }

  /**
   * @param {readonly string[]} names of the hosts, short: at most 8 letters
   * @returns {Promise<HostLab>}
   */
  static async create(names) {
    await removeStaleLabs();
    labs += 1;
    const lab = labName(labs);
    const guardian = await startGuardian(lab);
    try {
      return new HostLab(guardian, await build(lab, names));
    } catch (error) {
      await end(guardian);
      throw error;
    }
  }

  /** @param {string} name */
  host(name) {
    const host = this.#hosts.get(name);
    if (host === undefined) {
      throw new Error(`this lab has no host "${name}"`);
    }
    return host;
  }

  get hosts() {
    return [...this.#hosts.values()];
  }

  /** The process that will remove this lab. */
  get guardianPid() {
    return this.#guardian.pid;
  }

  /** Ends what runs in the hosts and removes them. Idempotent. */
  async [Symbol.asyncDispose]() {
    await end(this.#guardian);
  }
}

async function build(lab, names) {
  mkdirSync(labDirectory(lab));
  const network = `${lab}.net`;
  await ip('netns', 'add', network);
  await ip('-n', network, 'link', 'add', 'bridge', 'type', 'bridge');
  await ip('-n', network, 'link', 'set', 'bridge', 'up');
  const hosts = new Map();
  for (const [index, name] of names.entries()) {
    const host = new Host({ lab, network, name, address: `10.77.0.${index + 1}` });
    await host.connect();
    hosts.set(name, host);
  }
  return hosts;
}

async function startGuardian(lab) {
  const script = fileURLToPath(new URL('guardian.mjs', import.meta.url));
  // A session of its own: Ctrl-C in a terminal reaches the owner, not the guardian.
  const guardian = spawn(process.execPath, [script, lab], {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  guardian.complaints = '';
  guardian.stderr.setEncoding('utf8').on('data', (text) => {
    guardian.complaints += text;
  });
  const exited = once(guardian, 'exit');
  await Promise.race([
    once(guardian.stdout, 'data'),
    exited.then(([code]) => {
      throw new Error(`the guardian of ${lab} ended with ${code}: ${guardian.complaints}`);
    }),
  ]);
  return Object.assign(guardian, { exited });
}

async function end(guardian) {
  guardian.stdin.end();
  const [code] = await guardian.exited;
  if (code !== 0) {
    throw new Error(`the lab was not removed: ${guardian.complaints}`);
  }
}
