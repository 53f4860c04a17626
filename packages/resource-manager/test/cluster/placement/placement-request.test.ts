import { describe, expect, test } from '@jest/globals';
import { memoryOfParts, placementRequest } from '../../../src/cluster/placement/placement-request.ts';

const cores = { cores: 8, memoryMiB: 1000, gpus: 0 };
const nodes = { nodes: 4, coresPerNode: 16, memoryMiBPerNode: 100, gpusPerNode: 2 };

describe('placementRequest', () => {
  test('cuts cores into single cores, and with GPUs into the smallest equal parts', () => {
    expect(placementRequest(cores)).toMatchObject({ parts: 8, atLeast: 8, coresPerPart: 1, gpusPerPart: 0 });
    expect(placementRequest({ ...cores, gpus: 2 })).toMatchObject({
      parts: 2,
      coresPerPart: 4,
      gpusPerPart: 1,
    });
    expect(placementRequest({ ...cores, gpus: 3 })).toMatchObject({
      parts: 1,
      coresPerPart: 8,
      gpusPerPart: 3,
    });
  });

  test('makes a part of each node', () => {
    expect(placementRequest(nodes)).toMatchObject({
      parts: 4,
      atLeast: 4,
      distinctNodes: true,
      coresPerPart: 16,
      gpusPerPart: 2,
      memoryMiB: 400,
    });
  });

  test('counts what is worth having in parts, rounded up', () => {
    expect(placementRequest({ ...cores, gpus: 2, atLeast: 5 }).atLeast).toBe(2);
    expect(placementRequest({ ...cores, gpus: 2, atLeast: 4 }).atLeast).toBe(1);
    expect(placementRequest({ ...nodes, atLeast: 3 }).atLeast).toBe(3);
  });

  test('divides memory by parts and rounds up once', () => {
    const request = placementRequest({ cores: 3, memoryMiB: 1000, gpus: 0 });
    expect([1, 2, 3].map((count) => memoryOfParts(request, count))).toEqual([334, 667, 1000]);
  });

  test.each([
    [{ ...cores, cores: 0 }],
    [{ ...cores, cores: 1.5 }],
    [{ ...cores, cores: NaN }],
    [{ ...cores, memoryMiB: -1 }],
    [{ ...cores, gpus: -1 }],
    [{ ...cores, atLeast: 0 }],
    [{ ...cores, atLeast: 9 }],
    [{ ...nodes, nodes: 0 }],
    [{ ...nodes, coresPerNode: 0 }],
    [{ ...nodes, atLeast: 5 }],
  ])('refuses %j', (shape) => {
    expect(() => placementRequest(shape)).toThrow(RangeError);
  });
});
