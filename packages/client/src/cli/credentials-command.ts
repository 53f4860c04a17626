import { integerOption, parseOptions, RfaasError, type MainContext } from '@rfaas/core';
import { gniAuthorizationKey, openDrc, type CredentialTarget, type Drc } from '@rfaas/rdmalib';
import type { Command } from 'commander';
import { z } from 'zod';

const largest = 2 ** 32 - 1;
const number = integerOption(0, largest);

const schema = z.object({
  job: z.array(number).default([]),
  user: z.array(number).default([]),
  exclusive: z.boolean().default(false),
  json: z.boolean().default(false),
});

type CredentialsOptions = z.output<typeof schema>;

const examples = `
Examples:
  rfaas credentials job                              in the job that wants access: its number
  rfaas credentials acquire --job 4711 --user 1000   a credential, granted to that job and user at once
  rfaas credentials grant 42 --job 4712              grant it to another job
  rfaas credentials access 42                        its cookie and authorization key; checks the grant
  rfaas invoke … -r "libfabric+gni://nid00040:10000?credential=42"   use it; in files: "transport"
  rfaas credentials release 42`;

/** `rfaas credentials`: DRC credentials, with which processes of different jobs talk over Cray Aries. */
export function addCredentialsCommand(program: Command, context: MainContext): void {
  const credentials = program
    .command('credentials')
    .description(
      'acquire, grant, access and release the DRC credentials that Cray Aries (libfabric+gni) wants',
    )
    .addHelpText('after', examples);
  const add = (name: string, description: string): Command =>
    credentials.command(name).description(description).option('--json', 'print one line of JSON', false);
  addTargets(add('acquire', 'acquire a credential, and grant it'))
    .option('--exclusive', 'not for several jobs of one node at once', false)
    .action((values: unknown) => acquire(parseOptions(schema, values), context));
  addTargets(add('grant', 'let another job or user use a credential'))
    .argument('<credential>', 'its number')
    .action((text: string, values: unknown) => grant(numbered(text), parseOptions(schema, values), context));
  add('access', 'access a credential: its cookie and the authorization key made of it')
    .argument('<credential>', 'its number')
    .action((text: string, values: unknown) => access(numbered(text), parseOptions(schema, values), context));
  add('release', 'give a credential back')
    .argument('<credential>', 'its number')
    .action((text: string, values: unknown) =>
      release(numbered(text), parseOptions(schema, values), context),
    );
  add('job', 'the number of this job, to which others grant access').action((values: unknown) => {
    const job = open(context).jobId();
    print(context, parseOptions(schema, values), { job }, String(job));
  });
}

function addTargets(command: Command): Command {
  const collect = (value: string, before: string[] = []): string[] => [...before, value];
  return command
    .option('--job <id>', 'a job, as the workload manager numbers it; may be given several times', collect)
    .option('--user <uid>', 'a user, by number; may be given several times', collect);
}

function acquire(options: CredentialsOptions, context: MainContext): void {
  const drc = open(context);
  const credential = drc.acquire({ flexible: !options.exclusive });
  try {
    grantAll(drc, credential, options);
  } catch (error) {
    // Nobody would know of it, and a job can hold few.
    drc.release(credential);
    throw error;
  }
  const { job, user } = options;
  print(context, options, { credential, job, user }, String(credential));
}

function grant(credential: number, options: CredentialsOptions, context: MainContext): void {
  const { job, user } = options;
  if (job.length + user.length === 0) {
    throw new RfaasError('RFAAS_ERR_USAGE', 'say to whom: --job or --user');
  }
  grantAll(open(context), credential, options);
  const whom = targets(options).map(({ kind, id }) => `${kind} ${id}`);
  print(
    context,
    options,
    { credential, job, user },
    `credential ${credential} granted to ${whom.join(', ')}`,
  );
}

function access(credential: number, options: CredentialsOptions, context: MainContext): void {
  const cookie = open(context).access(credential);
  const authKey = gniAuthorizationKey(cookie);
  print(context, options, { credential, cookie, authKey }, `cookie ${cookie}, auth_key ${authKey}`);
}

function release(credential: number, options: CredentialsOptions, context: MainContext): void {
  open(context).release(credential);
  print(context, options, { credential, released: true }, `credential ${credential} released`);
}

function targets({ job, user }: CredentialsOptions): CredentialTarget[] {
  return [
    ...job.map((id) => ({ kind: 'job', id }) as const),
    ...user.map((id) => ({ kind: 'user', id }) as const),
  ];
}

function grantAll(drc: Drc, credential: number, options: CredentialsOptions): void {
  for (const target of targets(options)) {
    drc.grant(credential, target);
  }
}

function open({ env }: MainContext): Drc {
  return openDrc({ environment: env });
}

function numbered(text: string): number {
  const parsed = number.safeParse(text);
  if (!parsed.success) {
    throw new RfaasError(
      'RFAAS_ERR_USAGE',
      `"${text}" is no credential: it must be a number from 0 to ${largest}`,
    );
  }
  return parsed.data;
}

function print(context: MainContext, { json }: CredentialsOptions, facts: object, line: string): void {
  context.print(json ? JSON.stringify(facts) : line);
}
