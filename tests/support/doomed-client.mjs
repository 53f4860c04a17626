// A client that is killed in the middle of an invocation: node doomed-client.mjs MANAGER_URL NODE_KEY_HEX LIBRARY
import { Client } from '@rfaas/client';

const [url, key, library] = process.argv.slice(2);
const client = Client.direct(url, { nodeKey: Buffer.from(key, 'hex') });
const lease = await client.lease({ cores: 1 });
const executor = await lease.allocate({ library }, { hotTimeout: 0 });
const id = await executor.invoke('process_id', new Uint8Array(0));
const hanging = executor.invoke('never_return', new Uint8Array(0));
console.log(new DataView(id.buffer, id.byteOffset).getUint32(0, true));
await hanging;
