// Leases one core, sends a JavaScript module there, and invokes a function: bytes in, bytes out.
//   RFAAS_RESOURCE_MANAGER=shm://10000 node examples/invoke.mjs
import { Client } from '@rfaas/client';

const client = await Client.connect(process.env.RFAAS_RESOURCE_MANAGER);
try {
  const lease = await client.lease({ cores: 1 });
  const executor = await lease.allocate({ module: new URL('functions/words.js', import.meta.url) });
  const output = await executor.invoke('capitals', new TextEncoder().encode('hello from far away'));
  console.log(new TextDecoder().decode(output));
} finally {
  await client.close();
}
