import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ProcessorAffinity } from '../../src/launchers/processor-affinity.ts';
import { parseProcessorList } from '../../src/topology/processor-list.ts';
import { placeOf, readTopology } from '../../src/topology/processor-topology.ts';
import { bare, hybrid, twoSockets, type RecordedFiles } from './recorded-topologies.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'rfaas-topology-'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function play(files: RecordedFiles): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

describe('what the kernel tells of processors', () => {
  test('is their core and their NUMA node', () => {
    play(twoSockets);
    const topology = readTopology([0, 7, 8, 16, 31], root);
    expect([...topology]).toEqual([
      [0, { core: 0, node: 0 }],
      [7, { core: 7, node: 0 }],
      [8, { core: 8, node: 1 }],
      [16, { core: 0, node: 0 }],
      [31, { core: 15, node: 1 }],
    ]);
  });

  test('may differ from core to core', () => {
    play(hybrid);
    const topology = readTopology([0, 1, 7, 8, 9], root);
    expect([...topology.values()].map(({ core }) => core)).toEqual([0, 0, 6, 8, 9]);
  });

  test('is written as ranges, too, and by its older name', () => {
    play({ 'cpu/cpu4/topology/thread_siblings_list': '0,4-5\n', 'node/node3/cpulist': '0-2,4-7\n' });
    expect(placeOf(readTopology([4], root), 4)).toEqual({ core: 0, node: 3 });
  });

  test('may be nothing: then each is a core of its own', () => {
    play(bare);
    const topology = readTopology([0, 1], root);
    expect([placeOf(topology, 0), placeOf(topology, 1), placeOf(topology, 99)]).toEqual([
      { core: 0, node: 0 },
      { core: 1, node: 0 },
      { core: 99, node: 0 },
    ]);
  });

  test('is there on this host', () => {
    const cpus = new ProcessorAffinity().processors();
    const topology = readTopology(cpus);
    expect([...topology.keys()]).toEqual(cpus);
    expect([...topology].every(([cpu, { core, node }]) => core <= cpu && node >= 0)).toBe(true);
  });
});

test('a list that is none is an error', () => {
  expect(parseProcessorList(' 0-2,9\n')).toEqual([0, 1, 2, 9]);
  expect(parseProcessorList('')).toEqual([]);
  expect(() => parseProcessorList('0-2,x')).toThrow('"0-2,x" is no list of processors');
});
