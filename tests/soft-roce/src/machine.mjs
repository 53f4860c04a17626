import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { OutputFollower } from './output-follower.mjs';

const KERNEL_ARGUMENTS =
  'console=ttyS0 mitigations=off tsc=reliable nokaslr random.trust_cpu=on no_timer_check quiet panic=-1';

/** One emulated machine that runs the command of its exchange folder and ends. */
export class Machine {
  #options;
  #qemu;

  constructor(options) {
    this.#options = options;
  }

  /** Boots, passes the command's output on and resolves with its exit status. Rejects when the guest never ran it. */
  async run() {
    const { exchange, showConsole } = this.#options;
    const prefix = this.#prefix();
    const followers = [
      new OutputFollower(join(exchange, 'stdout'), process.stdout, prefix),
      new OutputFollower(join(exchange, 'stderr'), process.stderr, prefix),
    ];
    let console = '';
    try {
      // Dies with this process, however that ends. In a process group of its own: a signal for all of the run's processes
      // is this process's to act on.
      this.#qemu = spawn('setpriv', ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...this.#words()], {
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      });
      for (const stream of [this.#qemu.stdout, this.#qemu.stderr]) {
        stream.setEncoding('utf8');
        stream.on('data', (text) => {
          console = (console + text).slice(-65536);
          if (showConsole) process.stderr.write(text);
        });
      }
      await once(this.#qemu, 'close');
    } finally {
      for (const follower of followers) follower.close();
    }
    return this.#status(console);
  }

  /** What stands before each line of its output, where there may be several machines. */
  #prefix() {
    const { number, mode, label } = this.#options;
    const names = [label, mode === 'two-machines' ? number : undefined].filter((name) => name !== undefined);
    return names.length === 0 ? '' : `[${names.join(' ')}] `;
  }

  /** Switches the machine off. */
  stop() {
    if (this.#qemu?.exitCode === null && this.#qemu.signalCode === null) this.#qemu.kill('SIGKILL');
  }

  #status(console) {
    const file = join(this.#options.exchange, 'status');
    if (existsSync(file)) return Number(readFileSync(file, 'utf8'));
    if (this.#qemu.signalCode === 'SIGKILL') return 137;
    const end = console.trim().split('\n').slice(-25).join('\n');
    throw new Error(`the machine ended before the command did. The end of its console:\n${end}`);
  }

  #words() {
    const { kernel, initramfs, memoryMiB, exchange, shared } = this.#options;
    return [
      ...[
        '-accel',
        'tcg,thread=multi',
        '-cpu',
        'max,la57=off',
        '-smp',
        '2',
        '-M',
        'q35',
        '-m',
        String(memoryMiB),
      ],
      ...['-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-no-reboot', '-nodefaults'],
      ...['-kernel', kernel.image, '-initrd', initramfs, '-append', KERNEL_ARGUMENTS],
      ...share('host', '/', 'readonly=on,multidevs=remap'),
      ...share('exchange', exchange, 'multidevs=remap'),
      ...share('shared', shared, 'multidevs=remap'),
      ...this.#network(),
    ];
  }

  /** A cable between the two machines: a socket in the run's own folder, no port of this host. */
  #network() {
    const { mode, number, directory } = this.#options;
    if (mode !== 'two-machines') return [];
    const local = join(directory, `cable-${number}`);
    const remote = join(directory, `cable-${3 - number}`);
    const cable = `dgram,id=cable,local.type=unix,local.path=${local},remote.type=unix,remote.path=${remote}`;
    return ['-netdev', cable, '-device', `virtio-net-pci,netdev=cable,mac=52:54:00:00:00:0${number}`];
  }
}

/** `security_model=none`: files in the guest have the owners and modes that they have here. */
function share(tag, path, options) {
  const escaped = path.replaceAll(',', ',,');
  return [
    '-fsdev',
    `local,id=${tag},path=${escaped},security_model=none,${options}`,
    '-device',
    `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`,
  ];
}
