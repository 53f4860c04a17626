import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const READY_MS = 15_000;

/** A peer's server as a process of its own, which says on a line where it listens. */
export class ServerProcess implements AsyncDisposable {
  readonly address: string;
  readonly #stop: () => Promise<void>;

  private constructor(address: string, stop: () => Promise<void>) {
    this.address = address;
    this.#stop = stop;
  }

  /** Runs `benchmarks/dist/peers/SCRIPT` with the processor, and `parameters`. */
  static async start(
    script: string,
    processor: number,
    parameters: readonly string[] = [],
  ): Promise<ServerProcess> {
    const path = join(import.meta.dirname, script);
    const child = spawn(process.execPath, [path, String(processor), ...parameters], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    const stop = async (): Promise<void> => {
      child.kill('SIGTERM');
      await exited;
    };
    try {
      const failed = exited.then(([code]) =>
        Promise.reject(new Error(`${script} ended with ${String(code)}`)),
      );
      const line = once(createInterface({ input: child.stdout }), 'line', {
        signal: AbortSignal.timeout(READY_MS),
      });
      const [address] = (await Promise.race([line, failed])) as [string];
      failed.catch(() => undefined);
      return new ServerProcess(address, stop);
    } catch (error) {
      await stop();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }
}
