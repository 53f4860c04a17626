import { parentPort, workerData } from 'node:worker_threads';
import { ThreadCommands } from './thread-commands.ts';
import type { ThreadCommand, ThreadMessage, ThreadPreparation } from './thread-assignment.ts';
import { PackageError, WorkerThread } from './worker-thread.ts';

// The entry of a worker thread; see worker-thread.ts for what it does.
const post = (message: ThreadMessage): void => parentPort?.postMessage(message);

async function main(): Promise<void> {
  const commands = new ThreadCommands();
  parentPort?.on('message', (command: ThreadCommand) => commands.take(command));
  try {
    const thread = await WorkerThread.prepare(workerData as ThreadPreparation, post);
    post({ kind: 'prepared' });
    for (;;) {
      post({ kind: 'ended', end: await thread.serve(await commands.assignment()) });
    }
  } catch (error) {
    if (!(error instanceof PackageError)) {
      post({ kind: 'failed', text: error instanceof Error ? error.message : String(error) });
    }
  }
}

void main();
