import type { RdmaDevice } from '@rfaas/rdmalib';
import type { NativeLibraryFacts, NodeFacts } from './doctor-facts.ts';

/** What came of looking at one thing. `problem`: something needed is missing; `note`: something that is not needed is. */
export interface Check {
  readonly name: string;
  readonly state: 'ok' | 'note' | 'problem';
  /** What there is. */
  readonly what: string;
  /** What it costs; only of notes and problems. */
  readonly cost?: string;
  /** What to do; only of notes and problems. */
  readonly fix?: string;
}

/** Memory that a small executor registers, with room for some; below this a node runs out of it soon. */
const enoughLockedBytes = 256 * 2 ** 20;
/** A busy manager has some descriptors for every client. */
const enoughFiles = 4096;

/** Everything about a node that can be judged without moving a byte. `needs` are the transports that it must have. */
export function checkNode(facts: NodeFacts, needs: readonly string[]): Check[] {
  const lack = needs.includes('verbs') ? 'problem' : 'note';
  return [
    checkNodeVersion(facts),
    ...facts.libraries.map((library) => checkLibrary(library, needs)),
    ...checkModules(facts, lack),
    ...checkDevices(facts, lack),
    checkLockedMemory(facts, lack),
    checkHugePages(facts),
    checkOpenFiles(facts),
  ];
}

function checkNodeVersion({ nodeVersion }: NodeFacts): Check {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) {
    return { name: 'node', state: 'ok', what: `Node.js ${nodeVersion}` };
  }
  return {
    name: 'node',
    state: 'problem',
    what: `Node.js ${nodeVersion}`,
    cost: 'rFaaS uses what came with 20.19: it may not even start',
    fix: 'install Node.js 20.19 or newer',
  };
}

function checkLibrary({ name, transport, problem }: NativeLibraryFacts, needs: readonly string[]): Check {
  const check = `library ${name}`;
  if (problem === undefined) {
    return { name: check, state: 'ok', what: 'loads' };
  }
  return {
    name: check,
    state: transport === undefined || needs.includes(transport) ? 'problem' : 'note',
    what: 'does not load',
    cost: transport === undefined ? 'nothing can be invoked' : `${transport} URLs cannot be used`,
    fix: problem.replaceAll(/\n\s*/g, ' '),
  };
}

function checkModules({ kernel }: NodeFacts, lack: 'problem' | 'note'): Check[] {
  const name = 'kernel modules';
  const missing = kernel.filter(({ loaded }) => !loaded).map(({ module }) => module);
  const forbidden = kernel.flatMap((each) => each.forbidden);
  if (missing.length > 0) {
    return [
      {
        name,
        state: lack,
        what: `${missing.join(' and ')} not loaded`,
        cost: 'RDMA devices cannot be used',
        fix: `as root: modprobe -a ${missing.join(' ')}`,
      },
    ];
  }
  if (forbidden.length > 0) {
    return [
      {
        name,
        state: lack,
        what: `this user may not open ${forbidden.join(' and ')}`,
        cost: 'RDMA devices cannot be used by this user',
        fix: 'install rdma-core, whose udev rules set the modes of /dev/infiniband, or as root: chmod 666 the files',
      },
    ];
  }
  return [{ name, state: 'ok', what: `${kernel.map(({ module }) => module).join(' and ')} loaded` }];
}

function checkDevices({ devices, noDevices }: NodeFacts, lack: 'problem' | 'note'): Check[] {
  if (devices.length === 0) {
    return [
      {
        name: 'devices',
        state: lack,
        what: 'no RDMA device',
        cost: 'no verbs: shared memory on this host, and between hosts only what libfabric offers without one',
        fix: noDevices,
      },
    ];
  }
  return devices.map((device) => checkDevice(device, lack));
}

function checkDevice({ name, ports, limits, problem }: RdmaDevice, lack: 'problem' | 'note'): Check {
  const active = ports.filter(({ state }) => state === 'active');
  const netdev = ports.flatMap(({ networkDevices }) => networkDevices)[0] ?? 'NETDEV';
  const unusable = (what: string, fix: string): Check => ({
    name,
    state: lack,
    what,
    cost: `device ${name} cannot be used`,
    fix,
  });
  if (problem !== undefined) {
    return unusable('cannot be asked', problem);
  }
  if (active.length === 0) {
    return unusable(
      `no port is active (${ports.map(({ state }) => state).join(', ')})`,
      `ip link set ${netdev} up; then see "rdma link": the cable, or InfiniBand's subnet manager, may be missing`,
    );
  }
  const addresses = active.flatMap((port) => port.addresses);
  if (addresses.length === 0) {
    return unusable('has no address', `give its network device one: ip addr add ADDRESS/BITS dev ${netdev}`);
  }
  const atomics =
    limits?.atomics === 'none' ? 'no atomics: executors count their use by messages' : 'atomics';
  const [{ linkLayer, gigabitsPerSecond } = { linkLayer: '?', gigabitsPerSecond: undefined }] = active;
  const what = `${linkLayer}, ${gigabitsPerSecond ?? '?'} Gbit/s, ${addresses[0]}, inline ${limits?.maxInlineBytes} bytes, ${atomics}`;
  return { name, state: 'ok', what };
}

function checkLockedMemory({ lockedBytes, mayLockAll }: NodeFacts, lack: 'problem' | 'note'): Check {
  const name = 'memlock';
  if (lockedBytes === undefined || mayLockAll) {
    return { name, state: 'ok', what: mayLockAll ? 'unlimited for this user' : 'unlimited' };
  }
  const what = `${Math.floor(lockedBytes / 1024)} KiB may be locked`;
  if (lockedBytes >= enoughLockedBytes) {
    return { name, state: 'ok', what };
  }
  return {
    name,
    state: lack,
    what,
    cost: 'verbs locks the memory that it registers: beyond this, executors and clients fail to start with ENOMEM',
    fix: '"ulimit -l unlimited"; for good: memlock in /etc/security/limits.conf, LimitMEMLOCK=infinity in a systemd unit',
  };
}

/** Said so that nobody looks for them: a function that wants them must find them here. */
function checkHugePages({ hugePages }: NodeFacts): Check {
  const { reserved, free, kibibytes } = hugePages;
  const what =
    reserved === 0
      ? 'none reserved; rFaaS asks for none, only functions that do would miss them (sysctl vm.nr_hugepages)'
      : `${free} of ${reserved} free, ${kibibytes} KiB each`;
  return { name: 'huge pages', state: 'ok', what };
}

function checkOpenFiles({ openFiles }: NodeFacts): Check {
  const name = 'open files';
  if (openFiles === undefined || openFiles >= enoughFiles) {
    return { name, state: 'ok', what: openFiles === undefined ? 'unlimited' : `up to ${openFiles}` };
  }
  return {
    name,
    state: 'note',
    what: `up to ${openFiles}`,
    cost: 'every connection takes some: a manager with some hundred clients refuses more (EMFILE)',
    fix: `"ulimit -n ${enoughFiles}" or more before servers start; LimitNOFILE in a systemd unit`,
  };
}
