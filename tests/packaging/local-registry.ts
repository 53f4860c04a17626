import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Asking a registry for one package takes a second; this long means that nothing answers. */
const PROBE_TIMEOUT_MS = 30_000;

/** A registry of this run's own, with the user's registry behind it for everything that is not ours. */
export interface LocalRegistry extends AsyncDisposable {
  readonly url: string;
}

/** The registry that the user's npm is configured for: asked from outside a workspace, where npm refuses to answer. */
export function configuredRegistry(): string {
  const run = spawnSync('npm', ['config', 'get', 'registry'], { cwd: tmpdir(), encoding: 'utf8' });
  return run.stdout.trim();
}

/** Why nothing can be installed here, or undefined if the configured registry answers. */
export function registryObstacle(): string | undefined {
  const run = spawnSync('npm', ['view', 'koffi', 'name', '--fetch-retries=0'], {
    cwd: tmpdir(),
    encoding: 'utf8',
    timeout: PROBE_TIMEOUT_MS,
  });
  if (run.status === 0 && run.stdout.trim() === 'koffi') return undefined;
  return `the configured npm registry does not answer (npm view koffi: ${
    run.error?.message ?? `exit status ${run.status}`
  })`;
}

/**
 * Starts a registry on a port of the system's choice, empty.
 *
 * @throws Error with what it printed if it ends before it listens
 */
export async function startRegistry(): Promise<LocalRegistry> {
  const storage = mkdtempSync(join(tmpdir(), 'rfaas-registry-'));
  const script = fileURLToPath(new URL('registry-server.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, storage, configuredRegistry()], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const exited = once(child, 'exit');
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  const firstLine = once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>;
  const started = await Promise.race([firstLine, exited.then(() => undefined)]);
  if (started === undefined) {
    rmSync(storage, { recursive: true, force: true });
    throw new Error(`the local registry did not start:\n${complaints}`);
  }
  const { url } = JSON.parse(started[0]) as { url: string };
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await exited;
      rmSync(storage, { recursive: true, force: true });
    },
  };
}
