import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ip, labDirectory } from './removal.mjs';

const run = promisify(execFile);

/**
 * @typedef {object} CableOptions
 * @property {string} lab
 * @property {string} network the namespace of the bridge
 * @property {string} port the end at the bridge of the host's own cable
 * @property {string} namespace the host's
 * @property {number} delayMs
 * @property {number} lossPercent
 */

/** A slow, lossy cable between a host and the bridge. Kernels of small machines often lack netem: a program does it there. */
export class Cable {
  #remove;

  constructor(remove) {
    this.#remove = remove;
  }

  /** @param {CableOptions} options */
  static async lay(options) {
    return (await layNetem(options)) ?? (await layProgram(options));
  }

  async remove() {
    await this.#remove();
  }
}

/** @param {CableOptions} options */
async function layNetem({ network, port, namespace, delayMs, lossPercent }) {
  const ends = [
    [network, port],
    [namespace, 'eth0'],
  ];
  const faults = ['netem', 'delay', `${delayMs}ms`, 'loss', `${lossPercent}%`, 'limit', '10000'];
  try {
    for (const [place, device] of ends) {
      await run('tc', ['-n', place, 'qdisc', 'replace', 'dev', device, 'root', ...faults]);
    }
  } catch (error) {
    if (/qdisc kind is unknown|ENOENT/.test(`${error.stderr} ${error.code}`)) {
      return undefined;
    }
    throw error;
  }
  return new Cable(async () => {
    for (const [place, device] of ends) {
      await run('tc', ['-n', place, 'qdisc', 'delete', 'dev', device, 'root']);
    }
  });
}

/** The port leaves the bridge, and what passes between it and a new port goes through the program. */
async function layProgram({ lab, network, port, delayMs, lossPercent }) {
  const program = await compiled(lab);
  const [near, far] = [`${port}-n`, `${port}-f`];
  await ip('-n', network, 'link', 'add', near, 'type', 'veth', 'peer', 'name', far);
  await ip('-n', network, 'link', 'set', near, 'up');
  await ip('-n', network, 'link', 'set', far, 'master', 'bridge', 'up');
  await ip('-n', network, 'link', 'set', port, 'nomaster');
  const numbers = [Math.round(delayMs * 1000), Math.round(lossPercent * 10_000)].map(String);
  const child = spawn('ip', ['netns', 'exec', network, program, port, near, ...numbers], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    complaints += text;
  });
  const exited = once(child, 'exit');
  const died = exited.then(() => {
    throw new Error(`the program in ${port} ended: ${complaints}`);
  });
  died.catch(() => undefined);
  await Promise.race([once(child.stdout, 'data'), died]);
  return new Cable(async () => {
    child.kill('SIGKILL');
    await exited;
    await ip('-n', network, 'link', 'delete', near);
    await ip('-n', network, 'link', 'set', port, 'master', 'bridge');
  });
}

async function compiled(lab) {
  const program = join(labDirectory(lab), 'cable');
  if (!existsSync(program)) {
    const source = fileURLToPath(new URL('cable.c', import.meta.url));
    const flags = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Wconversion', '-Wshadow', '-Werror'];
    await run(process.env.CC ?? 'cc', [...flags, '-o', program, source]);
  }
  return program;
}
