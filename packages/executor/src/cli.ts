import { parseArgs } from 'node:util';
import { ExecutorInput, parsePreparationLine } from './executor-input.ts';
import { runExecutor } from './executor.ts';
import { HostFunctions } from './native/host-functions.ts';
import { onOwnDevice } from './routes.ts';

/** Ends this process at once: `process.exit` would wait for threads that are in native code. */
function die(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('this process outlived SIGKILL');
}

async function main(): Promise<void> {
  try {
    // Where the manager's name of the device is not that of this executor, in a container say.
    const { values } = parseArgs({ options: { device: { type: 'string' } } });
    new HostFunctions().dieWithParent();
    const input = new ExecutorInput(process.stdin);
    const preparation = onOwnDevice(parsePreparationLine(await input.next()), values.device);
    // The manager holds the other end: it is gone, and nobody is left who would clean up.
    void input.ended.then(die);
    const end = await runExecutor(preparation, input);
    if (!end.threadsEnded) {
      die();
    }
    process.exit(end.exitCode);
  } catch (error) {
    process.stderr.write(`rfaas-executor: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}

// Not awaited at the top: the bundle is a script, which starts sooner than a module.
void main();
