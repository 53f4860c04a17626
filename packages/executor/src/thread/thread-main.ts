import { parentPort, workerData } from 'node:worker_threads';
import type { ThreadAssignment, ThreadMessage } from './thread-assignment.ts';
import { PackageError, runWorkerThread } from './worker-thread.ts';

// The entry of a worker thread; see worker-thread.ts for what it does.
const post = (message: ThreadMessage): void => parentPort?.postMessage(message);
const stopped = new Promise<void>((resolve) => {
  parentPort?.once('message', () => resolve());
});

try {
  post({ kind: 'ended', end: await runWorkerThread(workerData as ThreadAssignment, post, stopped) });
} catch (error) {
  if (!(error instanceof PackageError)) {
    post({ kind: 'failed', text: error instanceof Error ? error.message : String(error) });
  }
}
