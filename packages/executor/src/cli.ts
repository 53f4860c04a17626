import { parseArgs } from 'node:util';
import { parseAssignmentLine, readAssignmentInput } from './assignment-input.ts';
import { onOwnDevice } from './routes.ts';
import { runExecutor } from './executor.ts';
import { HostFunctions } from './native/host-functions.ts';

/** Ends this process at once: `process.exit` would wait for threads that are in native code. */
function die(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('this process outlived SIGKILL');
}

try {
  // Where the manager's name of the device is not that of this executor, in a container say.
  const { values } = parseArgs({ options: { device: { type: 'string' } } });
  new HostFunctions().dieWithParent();
  const input = readAssignmentInput(process.stdin);
  const assignment = onOwnDevice(parseAssignmentLine(await input.line), values.device);
  // The manager holds the other end: it is gone, and nobody is left who would clean up.
  void input.ended.then(die);
  const end = await runExecutor(assignment);
  if (!end.threadsEnded) {
    die();
  }
  process.exit(end.exitCode);
} catch (error) {
  process.stderr.write(`rfaas-executor: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
