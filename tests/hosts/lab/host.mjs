import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { Cable } from './cable.mjs';
import { ip } from './removal.mjs';

const run = promisify(execFile);

/**
 * What a cable does to what goes through it, in each direction.
 *
 * @typedef {object} CableFaults
 * @property {number} [delayMs] how much later everything arrives
 * @property {number} [lossPercent] how much of it does not arrive
 */

/** One host of a lab: a network namespace with a cable to the bridge. */
export class Host {
  #lab;
  #network;
  /** @type {Cable | undefined} */
  #faultyCable;

  /** @param {{ lab: string, network: string, name: string, address: string }} options */
  constructor({ lab, network, name, address }) {
    this.#lab = lab;
    this.#network = network;
    this.name = name;
    this.address = address;
    this.namespace = `${lab}.${name}`;
  }

  /** What a command is preceded with to run in this host. */
  get prefix() {
    return ['ip', 'netns', 'exec', this.namespace];
  }

  /** Makes it, with its cable. */
  async connect() {
    await ip('netns', 'add', this.namespace);
    const eth0 = ['name', 'eth0', 'netns', this.namespace];
    await ip('-n', this.#network, 'link', 'add', this.#port, 'type', 'veth', 'peer', ...eth0);
    await ip('-n', this.#network, 'link', 'set', this.#port, 'master', 'bridge', 'up');
    await ip('-n', this.namespace, 'address', 'add', `${this.address}/24`, 'dev', 'eth0');
    await ip('-n', this.namespace, 'link', 'set', 'eth0', 'up');
    await ip('-n', this.namespace, 'link', 'set', 'lo', 'up');
  }

  /**
   * Starts a program in this host; the child process is the program itself.
   *
   * @param {string} command
   * @param {readonly string[]} parameters
   * @param {import('node:child_process').SpawnOptions} [options]
   * @returns {import('node:child_process').ChildProcess}
   */
  spawn(command, parameters, options = {}) {
    const [first, ...others] = this.prefix;
    return spawn(first, [...others, command, ...parameters], options);
  }

  /**
   * Runs a program in this host to its end; resolves to what it printed.
   *
   * @param {string} command
   * @param {readonly string[]} parameters
   */
  async run(command, parameters) {
    const [first, ...others] = this.prefix;
    return (await run(first, [...others, command, ...parameters])).stdout;
  }

  /** Cuts its cable: nothing gets through, and nobody is told. */
  async cut() {
    await ip('-n', this.#network, 'link', 'set', this.#port, 'down');
  }

  /** Mends the cable that was cut, and lets the host forget whom it could not reach meanwhile. */
  async mend() {
    await ip('-n', this.#network, 'link', 'set', this.#port, 'up');
    // A neighbour that is still asked for from before fails later on: EHOSTUNREACH for whoever connects by then.
    await ip('-n', this.namespace, 'neighbour', 'flush', 'dev', 'eth0', 'nud', 'all');
  }

  /**
   * Makes its cable slow and lossy, until `restore`: by netem where the kernel has it, else by a program.
   *
   * @param {CableFaults} faults
   */
  async impair(faults) {
    await this.restore();
    this.#faultyCable = await Cable.lay({
      lab: this.#lab,
      network: this.#network,
      port: this.#port,
      namespace: this.namespace,
      delayMs: faults.delayMs ?? 0,
      lossPercent: faults.lossPercent ?? 0,
    });
  }

  /** Gives it a perfect cable again. */
  async restore() {
    await this.#faultyCable?.remove();
    this.#faultyCable = undefined;
  }

  /** The bridge's end of its cable. */
  get #port() {
    return `to-${this.name}`;
  }
}
