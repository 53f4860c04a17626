import { readFileSync } from 'node:fs';
import { createProgram, runMain, runProgram } from '@rfaas/core';
import { z } from 'zod';
import { addKeysCommand } from './cli/keys-command.ts';
import { addServeAction } from './cli/serve-command.ts';

const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
const { version } = z.object({ version: z.string() }).parse(JSON.parse(manifest));

void runMain(async (context) => {
  const program = createProgram({
    name: 'rfaas-resource-manager',
    description: 'Keeps the nodes, leases and bills of an rFaaS cluster.',
    version,
    examples: [
      [
        'rfaas-resource-manager -c configs/resource_manager.json',
        'serves the cluster until SIGINT or SIGTERM',
      ],
      [
        'rfaas-resource-manager keys node node-1',
        'writes the key for the executor manager of node-1 to a file',
      ],
      [
        'rfaas-resource-manager keys tenant alice',
        'writes the credential for the clients of alice to a file',
      ],
    ],
  });
  addServeAction(program, context, version);
  addKeysCommand(program, context);
  await runProgram(program, context.argv);
});
