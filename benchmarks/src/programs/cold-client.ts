// A client in a process of its own, whose first allocation this is: `node cold-client.js URL KEY_FILE THREADS` prints its steps.
import { readFileSync } from 'node:fs';
import { Client } from '@rfaas/client';
import { coldStart } from './cold-start.ts';

const [, , url = '', keyFile = '', threads = '1'] = process.argv;
const nodeKey = Buffer.from(readFileSync(keyFile, 'utf8').trim(), 'hex');
await using client = Client.direct(url, { nodeKey });
process.stdout.write(`${JSON.stringify(await coldStart(client, Number(threads)))}\n`);
