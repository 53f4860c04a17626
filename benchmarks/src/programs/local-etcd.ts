import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

/** Why there can be no etcd here; `undefined` where there can. */
export const etcdObstacle =
  spawnSync('etcd', ['--version']).status === 0 ? undefined : "etcd is not installed (Debian's etcd-server)";

/** How an etcd is started. */
export interface LocalEtcdOptions {
  /** Members. Default 1. */
  readonly members?: number;
  /** Further words of the command line of each member. */
  readonly words?: readonly string[];
  /** How clients talk to it. Default `http`. */
  readonly scheme?: 'http' | 'https';
}

interface Member {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  process: ChildProcessByStdio<null, null, Readable> | undefined;
  exited: Promise<void>;
}

const STARTS = 3;
/** How much longer than here things may take: emulated processors are some ten times slower. */
const PATIENCE = Number(process.env['RFAAS_TEST_PATIENCE'] ?? 1);

/** An etcd of one or several members as processes of this host, whose data goes with it. */
export class LocalEtcd implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'rfaas-etcd-'));
  readonly #options: LocalEtcdOptions;
  readonly #log: string[] = [];
  #members: readonly Member[] = [];

  private constructor(options: LocalEtcdOptions) {
    this.#options = options;
  }

  static async start(options: LocalEtcdOptions = {}): Promise<LocalEtcd> {
    const etcd = new LocalEtcd(options);
    try {
      for (let attempt = 1; ; attempt += 1) {
        await etcd.#chooseAddresses();
        try {
          await Promise.all(etcd.#members.map((_, index) => etcd.startMember(index)));
          await etcd.healthy();
          return etcd;
        } catch (error) {
          // Somebody else may have taken a port meanwhile.
          if (attempt === STARTS || !etcd.#log.join('').includes('address already in use')) throw error;
          await Promise.all(etcd.#members.map((_, index) => etcd.killMember(index)));
          rmSync(join(etcd.#directory, 'data'), { recursive: true, force: true });
        }
      }
    } catch (error) {
      await etcd[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where clients reach its members. */
  get endpoints(): readonly string[] {
    return this.#members.map(({ clientUrl }) => clientUrl);
  }

  get size(): number {
    return this.#members.length;
  }

  /** Starts a member, with the data that it has. */
  async startMember(index: number): Promise<void> {
    const member = this.#members[index]!;
    const { name, clientUrl, peerUrl } = member;
    const words = [
      ['--name', name, '--data-dir', join(this.#directory, 'data', name)],
      ['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
      ['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ['--initial-cluster', this.#members.map((each) => `${each.name}=${each.peerUrl}`).join(',')],
      ['--logger', 'zap', '--log-level', 'warn'],
      this.#options.words ?? [],
    ];
    // It goes with this process, however that ends.
    const command = ['--pdeathsig', 'KILL', 'etcd', ...words.flat()];
    const child = spawn('setpriv', command, { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#log.push(text));
    member.process = child;
    member.exited = new Promise((resolve) => child.once('close', () => resolve()));
    return Promise.resolve();
  }

  /** Ends a member as if its host had failed. */
  async killMember(index: number): Promise<void> {
    const member = this.#members[index]!;
    member.process?.kill('SIGKILL');
    await member.exited;
    member.process = undefined;
  }

  /** Ends all members, and starts them again. */
  async kill(): Promise<void> {
    await Promise.all(this.#members.map((_, index) => this.killMember(index)));
  }

  /** Starts what was killed, and waits until requests are answered. */
  async restart(): Promise<void> {
    await Promise.all(
      this.#members.map(async ({ process }, index) =>
        process === undefined ? this.startMember(index) : undefined,
      ),
    );
    await this.healthy();
  }

  /** Resolves once a majority answers. */
  async healthy(): Promise<void> {
    const end = performance.now() + 20_000 * PATIENCE;
    while (!(await this.#isHealthy())) {
      if (performance.now() > end || this.#members.every(({ process }) => process?.exitCode !== null)) {
        throw new Error(`etcd does not answer:\n${this.#log.slice(-20).join('')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Asks etcd's interface for JSON: for what a resource manager does not do. */
  async ask(path: string, body: object, token?: string): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.endpoints[0]}/v3/${path}`, {
      method: 'POST',
      headers: token === undefined ? {} : { authorization: token },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    if (!response.ok) throw new Error(`etcd, ${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Sets a key, whatever it was. */
  async put(key: string, value: string): Promise<void> {
    await this.ask('kv/put', { key: base64(key), value: base64(value) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #chooseAddresses(): Promise<void> {
    const { members = 1, scheme = 'http' } = this.#options;
    const ports = await freePorts(2 * members);
    this.#members = Array.from({ length: members }, (_, index) => ({
      name: `m${index}`,
      clientUrl: `${scheme}://127.0.0.1:${ports[2 * index]}`,
      peerUrl: `http://127.0.0.1:${ports[2 * index + 1]}`,
      process: undefined,
      exited: Promise.resolve(),
    }));
  }

  async #isHealthy(): Promise<boolean> {
    const healths = await Promise.all(this.endpoints.map(answers));
    return healths.filter(Boolean).length > healths.length / 2;
  }
}

/** Whether a member answers; of one that wants a certificate it must do that it listens. */
async function answers(endpoint: string): Promise<boolean> {
  if (endpoint.startsWith('https:')) return listens(Number(new URL(endpoint).port));
  try {
    const response = await fetch(`${endpoint}/health`, { signal: AbortSignal.timeout(1000) });
    return ((await response.json()) as { health: string }).health === 'true';
  } catch {
    return false;
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
