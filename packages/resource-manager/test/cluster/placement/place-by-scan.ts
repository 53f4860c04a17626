import type {
  PlacementDecision,
  RefusalReason,
  Share,
} from '../../../src/cluster/placement/placement-decision.ts';
import type { PlacementNode } from '../../../src/cluster/placement/placement-node.ts';
import type { PlacementPolicy } from '../../../src/cluster/placement/placement-policy.ts';
import {
  memoryOfParts,
  partsOn,
  type PlacementRequest,
} from '../../../src/cluster/placement/placement-request.ts';
import type { Random } from '../../../src/cluster/placement/random.ts';
import { refusalText } from '../../../src/cluster/placement/refusal-text.ts';
import type { Resources } from '../../../src/cluster/placement/resources.ts';

/** A node that takes leases, with what leases may take of it and what is free of that. */
export interface ScannedNode {
  readonly node: PlacementNode;
  /** Nodes that came earlier have lower numbers. */
  readonly number: number;
  readonly capacity: Resources;
  readonly free: Resources;
}

interface Settings {
  readonly policy: PlacementPolicy;
  readonly maxShares?: number;
}

interface Candidate {
  readonly node: PlacementNode;
  readonly number: number;
  readonly room: Resources;
}

interface Placed {
  readonly shares: readonly Share[];
  readonly parts: number;
}

/** The model of {@link PlacementIndex}: looks at each node, and says in as few words as possible what a decision means. */
export function placeByScan(
  request: PlacementRequest,
  nodes: readonly ScannedNode[],
  settings: Settings,
  random: Random,
): PlacementDecision {
  const named = nodes.filter(({ node }) => request.node === undefined || node.name === request.node);
  const matching = named.filter(({ node }) => hasLabels(node, request));
  const now = search(
    request,
    matching.map((scanned) => ({ ...scanned, room: scanned.free })),
    settings,
    random,
  );
  if (now.parts >= request.atLeast) {
    return { ok: true, shares: now.shares };
  }
  const empty = matching.map((scanned) => ({ ...scanned, room: scanned.capacity }));
  const reason = ((): RefusalReason => {
    if (nodes.length === 0) return 'no-nodes';
    if (named.length === 0) return 'unknown-node';
    if (matching.length === 0) return 'no-match';
    const { parts } = search(request, empty, { ...settings, policy: { kind: 'pack' } }, random);
    return parts >= request.atLeast ? 'occupied' : 'too-large';
  })();
  const oneMemory = memoryOfParts(request, 1);
  const mostCores = matching
    .filter(({ free }) => free.memoryMiB >= oneMemory && free.gpus >= request.gpusPerPart)
    .reduce((most, { free }) => Math.max(most, free.cores), 0);
  const found = { reason, fittingParts: now.parts, mostCores };
  return { ok: false, ...found, text: refusalText(request, found) };
}

function search(
  request: PlacementRequest,
  all: readonly Candidate[],
  settings: Settings,
  random: Random,
): Placed {
  const { policy } = settings;
  if (request.within !== undefined) {
    const domains = domainsOf(all, request.within).filter(({ value }) => value !== undefined);
    return fullestFirst(
      domains.map(({ nodes }) => nodes),
      request,
      settings,
      random,
    );
  }
  if (policy.kind !== 'locality' || request.parts === 1) {
    return fill(request, all, request.parts, settings, random);
  }
  const domains = domainsOf(all, policy.label).map(({ nodes }) => nodes);
  const whole = fullestFirst(domains, request, settings, random);
  return whole.parts === request.parts ? whole : overDomains(domains, request, settings, random);
}

/** The first domain that takes all parts, the one with the fewest free cores first; otherwise the one that takes most. */
function fullestFirst(
  domains: readonly (readonly Candidate[])[],
  request: PlacementRequest,
  settings: Settings,
  random: Random,
): Placed {
  let best: Placed = { shares: [], parts: 0 };
  for (const nodes of [...domains].sort((a, b) => coresOf(a) - coresOf(b) || numberOf(a) - numberOf(b))) {
    const placed = fill(request, nodes, request.parts, settings, random);
    if (placed.parts > best.parts) {
      best = placed;
    }
    if (best.parts === request.parts) {
      break;
    }
  }
  return best;
}

/** As many parts as possible in each domain, the one with the most free cores first. */
function overDomains(
  domains: readonly (readonly Candidate[])[],
  request: PlacementRequest,
  settings: Settings,
  random: Random,
): Placed {
  let placed: Placed = { shares: [], parts: 0 };
  for (const nodes of [...domains].sort((a, b) => coresOf(b) - coresOf(a) || numberOf(b) - numberOf(a))) {
    const room = { ...settings, maxShares: (settings.maxShares ?? 256) - placed.shares.length };
    const more = fill(request, nodes, request.parts - placed.parts, room, random);
    placed = { shares: [...placed.shares, ...more.shares], parts: placed.parts + more.parts };
  }
  return placed;
}

/** Up to `parts` parts on some of the nodes, open ones before the reserve. */
function fill(
  request: PlacementRequest,
  nodes: readonly Candidate[],
  parts: number,
  { policy, maxShares = 256 }: Settings,
  random: Random,
): Placed {
  const shares: Share[] = [];
  let rest = parts;
  for (const admission of ['open', 'reserve'] as const) {
    let left = nodes.filter(
      ({ node, room }) => (node.admission ?? 'open') === admission && partsOn(request, room) > 0,
    );
    while (rest > 0 && shares.length < maxShares && left.length > 0) {
      const next = choose(policy, request, left, rest, random);
      const count = request.distinctNodes ? 1 : Math.min(rest, partsOn(request, next.room));
      shares.push({
        node: next.node.name,
        cores: count * request.coresPerPart,
        memoryMiB: memoryOfParts(request, count),
        gpus: count * request.gpusPerPart,
      });
      rest -= count;
      left = left.filter((candidate) => candidate !== next);
    }
  }
  return { shares, parts: parts - rest };
}

function choose(
  policy: PlacementPolicy,
  request: PlacementRequest,
  left: readonly Candidate[],
  rest: number,
  random: Random,
): Candidate {
  if (policy.kind === 'random') {
    return left[Math.floor(random() * left.length)] as Candidate;
  }
  const needed = request.distinctNodes ? 1 : rest;
  const enough = policy.kind === 'spread' ? [] : left.filter(({ room }) => partsOn(request, room) >= needed);
  return enough.length > 0
    ? enough.reduce((best, candidate) => (tighter(candidate, best) < 0 ? candidate : best))
    : left.reduce((best, candidate) => (emptier(candidate, best) < 0 ? candidate : best));
}

function tighter(a: Candidate, b: Candidate): number {
  return a.room.gpus - b.room.gpus || ascending(a, b);
}

function emptier(a: Candidate, b: Candidate): number {
  return b.room.cores - a.room.cores || a.room.gpus - b.room.gpus || ascending(b, a);
}

function ascending(a: Candidate, b: Candidate): number {
  return a.room.cores - b.room.cores || a.room.memoryMiB - b.room.memoryMiB || a.number - b.number;
}

function hasLabels({ labels = {} }: PlacementNode, request: PlacementRequest): boolean {
  return Object.entries(request.labels).every(([key, value]) => labels[key] === value);
}

function domainsOf(
  nodes: readonly Candidate[],
  label: string,
): readonly { readonly value: string | undefined; readonly nodes: readonly Candidate[] }[] {
  const domains = new Map<string | undefined, Candidate[]>();
  for (const candidate of nodes) {
    const value = candidate.node.labels?.[label];
    domains.set(value, [...(domains.get(value) ?? []), candidate]);
  }
  return [...domains].map(([value, members]) => ({ value, nodes: members }));
}

function coresOf(nodes: readonly Candidate[]): number {
  return nodes.reduce((sum, { room }) => sum + room.cores, 0);
}

function numberOf(nodes: readonly Candidate[]): number {
  return nodes.reduce((least, { number }) => Math.min(least, number), Infinity);
}
