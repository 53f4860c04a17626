import { parseArgs } from 'node:util';

/** The networks that the guest can be given; guest/network-MODE.sh sets each up. */
export const MODES = ['one-device', 'two-devices', 'two-machines'];

export const helpText = `Runs a command on Soft-RoCE, the kernel's own RDMA over Ethernet, in an emulated machine that sees this
machine's files (changes stay in the guest's memory), and exits with its status.

usage: node tests/soft-roce/run.mjs [options] -- COMMAND [ARGUMENT...]

  --mode MODE         ${MODES.join(' | ')} (default one-device)
  --timeout SECONDS   ends the machine after so long (default 300); exit status 124
  --memory MiB        of each machine (default 2048)
  --netem PARAMETERS  for every network device of the guest, e.g. "delay 200us loss 1%"
  --env NAME[=VALUE]  passed to the command; may be repeated. RFAAS_* always are
  --refresh-kernel    looks for a newer kernel than the cached one
  --console           shows the guest kernel's console on stderr
  --help

example: node tests/soft-roce/run.mjs -- ibv_devinfo
`;

/** What the command line asks for, or `problem`: why it cannot be done. */
export function parseOptions(words) {
  const separator = words.indexOf('--');
  const ours = separator < 0 ? words : words.slice(0, separator);
  const command = separator < 0 ? [] : words.slice(separator + 1);
  let values;
  try {
    ({ values } = parseArgs({
      args: ours,
      options: {
        mode: { type: 'string', default: 'one-device' },
        timeout: { type: 'string', default: '300' },
        memory: { type: 'string', default: '2048' },
        netem: { type: 'string', default: '' },
        env: { type: 'string', multiple: true, default: [] },
        'refresh-kernel': { type: 'boolean', default: false },
        console: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    return { help: false, problem: error.message };
  }
  const options = {
    help: values.help,
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

function problemOf({ mode, timeoutSeconds, memoryMiB, command }) {
  if (!MODES.includes(mode)) return `--mode ${mode}: there are only ${MODES.join(', ')}`;
  if (!(timeoutSeconds > 0)) return '--timeout wants a number of seconds above 0';
  if (!(Number.isInteger(memoryMiB) && memoryMiB >= 512)) return '--memory wants at least 512 MiB';
  if (command.length === 0) return 'no command; it follows after --';
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
