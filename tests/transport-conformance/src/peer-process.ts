import type { NetworkAddress } from '@rfaas/rdmalib';
import { errorFacts, invoke, type SideAnswer, type SideCall } from './remote-side.ts';
import { Side } from './side.ts';

const [url = '', address = '{}'] = process.argv.slice(2);
const side = new Side(url, JSON.parse(address) as NetworkAddress);

process.on('message', (message) => void answer(message as SideCall));
process.on('disconnect', () => void side.close());

async function answer({ id, method, values }: SideCall): Promise<void> {
  let reply: SideAnswer;
  try {
    reply = { id, result: await invoke(side, method, values) };
  } catch (error) {
    reply = { id, error: errorFacts(error) };
  }
  // Whoever hung up meanwhile does not wait for an answer; the end of the channel closes this side.
  process.send?.(reply, undefined, {}, () => undefined);
}
