import { parentPort, workerData } from 'node:worker_threads';
import type { NetworkAddress } from '@rfaas/rdmalib';
import { errorFacts, invoke, type SideAnswer, type SideCall } from './remote-side.ts';
import { Side } from './side.ts';

const { url, address } = workerData as {
  url: string;
  address: NetworkAddress;
};
const side = new Side(url, address);

parentPort?.on('message', (message: SideCall | null) => void (message === null ? stop() : answer(message)));

async function stop(): Promise<void> {
  await side.close();
  parentPort?.close();
}

async function answer({ id, method, values }: SideCall): Promise<void> {
  let reply: SideAnswer;
  try {
    reply = { id, result: await invoke(side, method, values) };
  } catch (error) {
    reply = { id, error: errorFacts(error) };
  }
  parentPort?.postMessage(reply);
}
