import { integerOption, parseOptions, type MainContext } from '@rfaas/core';
import type { Command } from 'commander';
import { z } from 'zod';
import { checkNode, type Check } from './doctor-checks.ts';
import { readNodeFacts } from './doctor-facts.ts';
import { formatChecks } from './doctor-report.ts';
import { selfTestUrls, testTransport } from './doctor-self-tests.ts';

const transports = ['shm', 'verbs', 'libfabric'] as const;

const schema = z.object({
  transport: z.array(z.enum(transports)).default([]),
  device: z.string().optional(),
  timeout: integerOption(1),
  json: z.boolean().default(false),
});

/**
 * `rfaas doctor`: what a node has, what is missing, what that costs and what to do. `fail` is called where something
 * needed is missing.
 */
export function addDoctorCommand(program: Command, context: MainContext, fail: () => void): void {
  program
    .command('doctor')
    .description(
      'check this node: libraries, kernel modules, RDMA devices, limits, and a round trip over each transport',
    )
    .option(
      '--transport <kinds...>',
      `what this node must have: ${transports.join(', ')} (default: shm, and verbs with a device)`,
    )
    .option('-d, --device <name>', 'check this RDMA device only; it must work')
    .option('--timeout <ms>', 'how long each round trip may take', '20000')
    .option('--json', 'print one line of JSON', false)
    .action(async (values: unknown) => {
      const options = parseOptions(schema, values);
      const checks = await examine(options, context.signal);
      const ok = checks.every(({ state }) => state !== 'problem');
      context.print(options.json ? JSON.stringify({ ok, checks }) : formatChecks(checks));
      if (!ok) fail();
    });
}

async function examine(
  { transport, device, timeout }: z.output<typeof schema>,
  signal: AbortSignal,
): Promise<Check[]> {
  const facts = await readNodeFacts(device, timeout, signal);
  const needs = [
    ...(transport.length === 0 ? ['shm'] : transport),
    ...(device !== undefined || (transport.length === 0 && facts.devices.length > 0) ? ['verbs'] : []),
  ];
  const checks = checkNode(facts, needs);
  // One after the other: they would take the processors from each other.
  for (const url of selfTestUrls(facts)) {
    checks.push(await testTransport(url, needs, timeout, signal));
  }
  return checks;
}
