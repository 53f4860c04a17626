import { readFileSync } from 'node:fs';
import { createProgram, exitCodes, runMain, runProgram } from '@rfaas/core';
import { addCredentialsCommand } from './cli/credentials-command.ts';
import { addDevicesCommand } from './cli/devices-command.ts';
import { addDoctorCommand } from './cli/doctor-command.ts';
import { addFunctionsCommand } from './cli/functions-command.ts';
import { addInvokeCommand } from './cli/invoke-command.ts';
import { addLeasesCommand } from './cli/leases-command.ts';
import { addNodesCommand } from './cli/nodes-command.ts';
import { addTenantsCommand } from './cli/tenants-command.ts';
import { addTopCommand } from './cli/top-command.ts';
import { addUsageCommand } from './cli/usage-command.ts';

void runMain(async (context) => {
  const program = createProgram({
    name: 'rfaas',
    description: 'Lease cores and invoke functions there over RDMA, and see what a cluster has.',
    version: readVersion(),
    examples: [
      ['rfaas functions list ./functions.so', 'what a library offers'],
      ['rfaas functions check ./functions.so --function echo --text hello', 'run a function here, safely'],
      ['rfaas invoke echo --library ./functions.so --text hello -r shm://10000', 'run it on a leased core'],
      [
        'rfaas invoke thumbnail --module ./thumbnail.js -i in.jpg -o out.jpg -r shm://10000',
        'files in and out',
      ],
      ['rfaas doctor', 'what this machine has for RDMA, what is missing and what to do'],
      ['rfaas nodes --url http://127.0.0.1:5000', 'what the cluster has, and what of it is free'],
      ['rfaas top', 'the cluster, live'],
    ],
  });
  addNodesCommand(program, context);
  addLeasesCommand(program, context);
  addUsageCommand(program, context);
  addTenantsCommand(program, context);
  addTopCommand(program, context);
  addInvokeCommand(program, context);
  addFunctionsCommand(program, context);
  let code: number = exitCodes.success;
  const fail = (): void => {
    code = exitCodes.failure;
  };
  addDevicesCommand(program, context, fail);
  addDoctorCommand(program, context, fail);
  addCredentialsCommand(program, context);
  await runProgram(program, context.argv);
  return code;
});

function readVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}
