import { parseArgs } from 'node:util';

import { PARTS } from './test-plan.mjs';

/** The networks that the guest can be given; guest/network-MODE.sh sets each up. */
export const MODES = ['one-device', 'two-devices', 'two-machines'];

export const helpText = `Runs a command on Soft-RoCE, the kernel's own RDMA over Ethernet, in an emulated machine that sees this
machine's files (changes stay in the guest's memory), and exits with its status. Without a command: runs every test
that wants RDMA, in each of the modes. Root is needed only where Debian packages have to be installed.

usage: npm run test:soft-roce -- [options] [COMMAND [ARGUMENT...]]

  --part NAME         without a command: only ${PARTS.join(', ')}; may be repeated
  --mode MODE         ${MODES.join(' | ')} (default one-device)
  --timeout SECONDS   ends the machine after so long (default 300); exit status 124
  --memory MiB        of each machine (default 2048)
  --netem PARAMETERS  for every network device of the guest, e.g. "delay 200us loss 1%"
  --env NAME[=VALUE]  passed to the command; may be repeated. RFAAS_* always are
  --refresh-kernel    looks for a newer kernel than the cached one
  --console           shows the guest kernel's console on stderr
  --help

example: npm run test:soft-roce -- --mode two-devices ibv_devinfo
`;

const OPTIONS = {
  part: { type: 'string', multiple: true, default: [] },
  mode: { type: 'string', default: 'one-device' },
  timeout: { type: 'string', default: '300' },
  memory: { type: 'string', default: '2048' },
  netem: { type: 'string', default: '' },
  env: { type: 'string', multiple: true, default: [] },
  'refresh-kernel': { type: 'boolean', default: false },
  console: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

/** What the command line asks for, or `problem`: why it cannot be done. */
export function parseOptions(words) {
  const ours = words.slice(0, ownWords(words));
  const command = words.slice(ours.length + (words[ours.length] === '--' ? 1 : 0));
  let values;
  try {
    ({ values } = parseArgs({ args: ours, options: OPTIONS }));
  } catch (error) {
    return { help: false, problem: error.message };
  }
  const options = {
    help: values.help,
    parts: values.part,
    mode: values.mode,
    timeoutSeconds: Number(values.timeout),
    memoryMiB: Number(values.memory),
    netem: values.netem,
    environment: chosenEnvironment(values.env),
    refreshKernel: values['refresh-kernel'],
    showConsole: values.console,
    command,
  };
  return { ...options, problem: problemOf(options) };
}

/** How many words come before the command: it begins at the first word that is neither an option nor its value. */
function ownWords(words) {
  let at = 0;
  while (at < words.length && words[at].startsWith('--') && words[at] !== '--') {
    const option = OPTIONS[words[at].slice(2)];
    at += option?.type === 'string' ? 2 : 1;
  }
  return Math.min(at, words.length);
}

function problemOf({ parts, mode, timeoutSeconds, memoryMiB }) {
  const unknown = parts.find((part) => !PARTS.includes(part));
  if (unknown !== undefined) return `--part ${unknown}: there are only ${PARTS.join(', ')}`;
  if (!MODES.includes(mode)) return `--mode ${mode}: there are only ${MODES.join(', ')}`;
  if (!(timeoutSeconds > 0)) return '--timeout wants a number of seconds above 0';
  if (!(Number.isInteger(memoryMiB) && memoryMiB >= 512)) return '--memory wants at least 512 MiB';
  return undefined;
}

/** The few variables that a command in the guest gets from here. */
function chosenEnvironment(asked) {
  const environment = {};
  for (const name of ['PATH', 'LANG', 'CI', 'NODE_OPTIONS']) {
    if (process.env[name] !== undefined) environment[name] = process.env[name];
  }
  for (const [name, value] of Object.entries(process.env)) {
    if (name.startsWith('RFAAS_')) environment[name] = value;
  }
  for (const word of asked) {
    const at = word.indexOf('=');
    const name = at < 0 ? word : word.slice(0, at);
    const value = at < 0 ? process.env[name] : word.slice(at + 1);
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}
