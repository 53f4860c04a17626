import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { isRunning, until } from '../support/processes.ts';
import { describeInLab } from './describe-in-lab.ts';
import { HostLab } from './lab/host-lab.mjs';
import type { Host } from './lab/host.mjs';

const echo = fileURLToPath(new URL('programs/echo.mjs', import.meta.url));

interface Answers {
  readonly answered: number;
  readonly hasEchoed: boolean;
  readonly milliseconds: number;
}

/** The names of the namespaces of this machine. */
function namespaces(): string[] {
  return readdirSync('/run/netns');
}

async function firstLine(stream: NodeJS.ReadableStream | null): Promise<string> {
  if (stream === null) throw new Error('no stream to read from');
  const [line] = (await once(createInterface({ input: stream }), 'line')) as [string];
  return line;
}

describeInLab('a lab', () => {
  let lab: HostLab;
  let port: string;
  let server: Host;
  let client: Host;

  beforeAll(async () => {
    lab = await HostLab.create(['server', 'client', 'other']);
    server = lab.host('server');
    client = lab.host('client');
    const child = server.spawn(process.execPath, [echo, 'serve'], { stdio: ['ignore', 'pipe', 'inherit'] });
    port = await firstLine(child.stdout);
  }, 40_000);

  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]();
  }, 40_000);

  afterEach(async () => {
    await client.restore();
  });

  async function ask(count = 0, deadlineMs = 10_000, from = client): Promise<Answers> {
    const words = [echo, 'ask', server.address, port, String(count), String(deadlineMs)];
    return JSON.parse(await from.run(process.execPath, words)) as Answers;
  }

  test('has hosts with an address each, which reach each other', async () => {
    expect(new Set(lab.hosts.map(({ address }) => address)).size).toBe(3);
    expect(await ask(50)).toMatchObject({ answered: 50, hasEchoed: true });
    expect(await ask(0, 10_000, lab.host('other'))).toMatchObject({ hasEchoed: true });
  });

  test('is not in the network of this machine', () => {
    const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    expect(own.map(({ address }) => address)).not.toContain(server.address);
    expect(Object.keys(networkInterfaces()).filter((name) => /^(to-|bridge)/.test(name))).toEqual([]);
  });

  test('a host whose cable is cut hears nothing, until it is mended', async () => {
    await client.cut();
    try {
      expect(await ask(10, 300)).toMatchObject({ answered: 0, hasEchoed: false });
      expect(await ask(10, 10_000, lab.host('other'))).toMatchObject({ answered: 10, hasEchoed: true });
    } finally {
      await client.mend();
    }
    expect(await ask(10)).toMatchObject({ answered: 10, hasEchoed: true });
  });

  test('a slow cable delays both ways', async () => {
    await client.impair({ delayMs: 30 });
    // A connection and an echo: two round trips.
    const { milliseconds, answered } = await ask(5);
    expect(milliseconds).toBeGreaterThanOrEqual(2 * 2 * 30);
    expect(answered).toBe(5);
  });

  test('a lossy cable loses some of what goes through it', async () => {
    await client.impair({ lossPercent: 30 });
    const { answered, hasEchoed } = await ask(200);
    expect(hasEchoed).toBe(true);
    expect(answered).toBeGreaterThan(10);
    expect(answered).toBeLessThan(190);
  });

  test('a cable that is both cut and bad works again after both', async () => {
    await client.impair({ lossPercent: 100 });
    expect(await ask(5, 300)).toMatchObject({ answered: 0, hasEchoed: false });
    await client.cut();
    await client.mend();
    await client.restore();
    expect(await ask(5)).toMatchObject({ answered: 5, hasEchoed: true });
  });
});

describeInLab('a lab is removed', () => {
  test('when it is disposed of, with what runs in it', async () => {
    const lab = await HostLab.create(['one']);
    const { namespace } = lab.host('one');
    const sleeper = lab.host('one').spawn('sleep', ['1000'], { stdio: 'ignore' });
    expect(namespaces()).toContain(namespace);
    await lab[Symbol.asyncDispose]();
    await lab[Symbol.asyncDispose]();
    expect(namespaces()).not.toContain(namespace);
    expect(isRunning(sleeper.pid ?? 0)).toBe(false);
  }, 20_000);

  test.each(['SIGINT', 'SIGKILL'] as const)(
    'when its owner is ended by %s',
    async (signal) => {
      const owner = await startOwner();
      owner.killGroup(signal);
      await until('the lab is gone', () => !namespaces().includes(owner.namespace));
      await until('its guardian is gone', () => !isRunning(owner.guardianPid));
      expect(isRunning(owner.sleeperPid)).toBe(false);
    },
    20_000,
  );

  test('when the next one is made, if owner and guardian were killed', async () => {
    const owner = await startOwner();
    expect(namespaces()).toContain(owner.namespace);
    process.kill(owner.guardianPid, 'SIGKILL');
    owner.killGroup('SIGKILL');
    await until('both are gone', () => !isRunning(owner.pid) && !isRunning(owner.guardianPid));
    const lab = await HostLab.create(['one']);
    // Another test's lab may have been the next one, and be at it.
    const isGone = (): boolean => !namespaces().includes(owner.namespace) && !isRunning(owner.sleeperPid);
    await until('it is removed', isGone);
    expect(namespaces()).toContain(lab.host('one').namespace);
    await lab[Symbol.asyncDispose]();
  }, 20_000);
});

interface Owner {
  readonly pid: number;
  readonly namespace: string;
  readonly sleeperPid: number;
  readonly guardianPid: number;
  /** As Ctrl-C does it: everything that the owner has in its session, too. */
  killGroup(signal: NodeJS.Signals): void;
}

async function startOwner(): Promise<Owner> {
  const script = fileURLToPath(new URL('programs/lab-owner.mjs', import.meta.url));
  const child = spawn(process.execPath, [script], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = child.pid!;
  const facts = JSON.parse(await firstLine(child.stdout)) as Omit<Owner, 'pid' | 'killGroup'>;
  return { ...facts, pid, killGroup: (signal) => void process.kill(-pid, signal) };
}
