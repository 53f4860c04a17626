import { expect, test } from '@jest/globals';
import { OrderedForest, type Element, type Root } from '../../../src/cluster/ordering/ordered-forest.ts';
import { seededRandom } from '../../../src/cluster/placement/random.ts';

type Triple = readonly [first: number, second: number, id: number];

/** Two sets in one forest beside two sorted arrays: every question has the same answer. */
test.each([1, 2, 3, 4, 5, 6])('history %d agrees with sorted arrays', (seed) => {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const forest = new OrderedForest();
  const roots: [Root, Root] = [0, 0];
  const models: [Triple[], Triple[]] = [[], []];
  for (let step = 0; step < 1500; step += 1) {
    const which = below(2) as 0 | 1;
    const model = models[which];
    const growing = Math.floor(step / 250) % 2 === 0;
    if (model.length === 0 || random() < (growing ? 0.7 : 0.3)) {
      const triple: Triple = [below(12), below(40), step];
      roots[which] = forest.insert(roots[which], ...triple);
      model.push(triple);
      model.sort(compare);
    } else {
      const [triple] = model.splice(below(model.length), 1);
      roots[which] = forest.remove(roots[which], ...(triple as Triple));
    }
    ask(which);
  }

  function ask(which: 0 | 1): void {
    const root = roots[which];
    const model = models[which];
    const [first, second] = [below(14), below(44)];
    const triple = (element: Element): Triple | undefined =>
      element === 0 ? undefined : [forest.first(element), forest.second(element), forest.id(element)];
    expect(forest.size(root)).toBe(model.length);
    expect(forest.largestSecond(root)).toBe(Math.max(...model.map((each) => each[1])));
    expect(triple(forest.lowest(root, first, second))).toEqual(
      model.find((each) => each[0] >= first && each[1] >= second),
    );
    expect(triple(forest.highest(root, second))).toEqual(model.findLast((each) => each[1] >= second));
    const from: Triple = [first, second, below(1500)];
    const least = below(44);
    expect(triple(forest.after(root, ...from, least))).toEqual(
      model.find((each) => compare(each, from) > 0 && each[1] >= least),
    );
    expect(triple(forest.before(root, ...from, least))).toEqual(
      model.findLast((each) => compare(each, from) < 0 && each[1] >= least),
    );
    expect(forest.rank(root, ...from)).toBe(model.filter((each) => compare(each, from) < 0).length);
    expect(forest.rank(root, first)).toBe(model.filter((each) => each[0] < first).length);
    const rank = below(model.length + 1);
    expect(triple(forest.at(root, rank))).toEqual(model[rank]);
  }
});

test('removing what is not there says so and changes nothing', () => {
  const forest = new OrderedForest();
  const root = [3, 1, 2].reduce((set, id) => forest.insert(set, id, 0, id), 0);
  expect(() => forest.remove(root, 1, 0, 2)).toThrow(RangeError);
  expect(() => forest.remove(0, 1, 0, 1)).toThrow('(1, 0, 1) is not in the set');
  expect(forest.size(root)).toBe(3);
});

test('a set that is cleared gives its memory to others', () => {
  const forest = new OrderedForest();
  const fill = (): Root =>
    Array.from({ length: 100 }, (_, id) => id).reduce((set, id) => forest.insert(set, id, 0, id), 0);
  const elements = (root: Root): Element[] => Array.from({ length: 100 }, (_, rank) => forest.at(root, rank));
  const first = fill();
  const used = new Set(elements(first));
  forest.clear(first);
  expect(elements(fill()).every((element) => used.has(element))).toBe(true);
});

function compare(a: Triple, b: Triple): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
