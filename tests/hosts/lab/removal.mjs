// Takes labs apart: ends what runs in their hosts, and removes these. Plain Node, because the guardian of a lab runs it, too.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

const family = 'rfaas-lab';

/** How long killed processes may take to be gone. */
const patienceMs = 10_000;

/** Runs iproute2's `ip`; resolves to what it printed. Rejects with what it said. */
export async function ip(...parameters) {
  try {
    return (await run('ip', parameters)).stdout;
  } catch (error) {
    throw new Error(`ip ${parameters.join(' ')}: ${error.stderr?.trim() || error.message}`, { cause: error });
  }
}

/**
 * The name of a lab: it tells which process owns it, so that one whose owner is gone can be told from one in use.
 *
 * @param {number} serial tells the labs of one process apart
 */
export function labName(serial) {
  return `${family}.${process.pid}.${startOf(process.pid)}.${serial}`;
}

/** The folder of a lab's files. */
export function labDirectory(lab) {
  return join(tmpdir(), lab);
}

/** Ends everything that runs in the hosts of a lab and removes them and its files. A lab that is gone is no error. */
export async function removeLab(lab) {
  for (const namespace of await namespacesOf(lab)) {
    await endProcesses(namespace);
    await ip('netns', 'delete', namespace);
  }
  rmSync(labDirectory(lab), { recursive: true, force: true });
}

/** Removes the labs whose owners are gone: those of runs that were killed together with their guardians. */
export async function removeStaleLabs() {
  const names = [...(await namespacesOf(family)), ...readdirSync(tmpdir())];
  const labs = names.flatMap((name) => new RegExp(`^${family}(?:\\.[0-9]+){3}`).exec(name) ?? []);
  for (const lab of new Set(labs)) {
    const [, owner, start] = lab.split('.');
    if (startOf(owner) !== start) {
      await removeLab(lab);
    }
  }
}

/** The network namespaces of a lab, or of all labs; the name of a namespace follows that of its lab and a dot. */
async function namespacesOf(lab) {
  const lines = (await ip('netns', 'list')).split('\n');
  return lines.map((line) => line.split(' ')[0] ?? '').filter((name) => name.startsWith(`${lab}.`));
}

async function endProcesses(namespace) {
  const end = performance.now() + patienceMs;
  for (;;) {
    const pids = (await ip('netns', 'pids', namespace)).split('\n').filter((line) => line !== '');
    if (pids.length === 0) {
      return;
    }
    if (performance.now() > end) {
      throw new Error(`processes of ${namespace} do not end: ${pids.join(', ')}`);
    }
    for (const pid of pids) {
      kill(Number(pid));
    }
    // They are killed already; only their burial is waited for.
    await delay(5);
  }
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') {
      throw error;
    }
  }
}

/** When a process was started, in ticks since boot; undefined once it is gone. With the pid it is unique. */
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') {
      return undefined;
    }
    throw error;
  }
}
