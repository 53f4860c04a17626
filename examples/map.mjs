// Leases two cores and spreads many inputs over them; the outputs come in the order of the inputs.
//   RFAAS_RESOURCE_MANAGER=shm://10000 node examples/map.mjs
import { Client } from '@rfaas/client';

const lines = ['the quick brown fox', 'jumps over', 'the lazy dog', 'and', 'that is all of it'];

const client = await Client.connect(process.env.RFAAS_RESOURCE_MANAGER);
try {
  const lease = await client.lease({ cores: 2 });
  const executor = await lease.allocate({ module: new URL('functions/words.js', import.meta.url) });
  const encoder = new TextEncoder();
  const counts = await executor.map(
    'countWords',
    lines.map((line) => encoder.encode(line)),
  );
  for (const [index, line] of lines.entries()) {
    const count = new DataView(counts[index].buffer).getUint32(0, true);
    console.log(`${count} words: ${line}`);
  }
} finally {
  await client.close();
}
