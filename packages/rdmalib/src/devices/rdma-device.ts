/** An RDMA device of this host: an InfiniBand, RoCE, iWARP or Soft-RoCE adapter as the kernel knows it. */
export interface RdmaDevice {
  /** What `device=NAME` in a URL and `--device NAME` mean, e.g. `mlx5_0`. */
  readonly name: string;
  /** Most devices have one. */
  readonly ports: readonly RdmaPort[];
  /** What it can do; `undefined` where it cannot be asked, and then `problem` says why. */
  readonly limits: RdmaDeviceLimits | undefined;
  /** Why it cannot be asked, and what to do. */
  readonly problem: string | undefined;
}

/** One port of a device. */
export interface RdmaPort {
  /** Counted from 1. */
  readonly number: number;
  /** `active` is the only one that carries traffic; others are `down`, `init`, `armed`, as the kernel says it. */
  readonly state: string;
  /** `Ethernet` (RoCE, iWARP), `InfiniBand`, as the kernel says it. */
  readonly linkLayer: string;
  /** Gbit/s; `undefined` where the kernel does not know. */
  readonly gigabitsPerSecond: number | undefined;
  /** The network devices that it belongs to, e.g. `eth0`; none where InfiniBand has no IP over it. */
  readonly networkDevices: readonly string[];
  /** The IP addresses of those, in the order in which the verbs transport prefers them: IPv4, IPv6, link-local. */
  readonly addresses: readonly string[];
}

/** What a device can do. */
export interface RdmaDeviceLimits {
  /** Bytes that a request can carry itself, found by making queue pairs: no attribute says so. */
  readonly maxInlineBytes: number;
  /** One a connection. */
  readonly maxQueuePairs: number;
  /** Of all programs together. */
  readonly maxCompletionQueues: number;
  /** Of all programs together. */
  readonly maxMemoryRegions: number;
  /** Requests on a send or receive queue. */
  readonly maxQueueDepth: number;
  /** Completions on a completion queue. */
  readonly maxCompletions: number;
  /** Stretches of memory in one request. */
  readonly maxScatterGatherEntries: number;
  /** `device`: atomic among requests to this device; `global`: also with the processors' own atomics. */
  readonly atomics: 'none' | 'device' | 'global';
  /** Its version; empty where there is none, as in Soft-RoCE. */
  readonly firmware: string;
}
