/** A set within an {@link OrderedForest}; 0 is the empty set. Each insertion and removal gives the set as it is then. */
export type Root = number;
/** An element of a set, or 0 for none. Valid until that element is removed. */
export type Element = number;

const KEYS = 4;
const FIRST = 0;
const SECOND = 1;
const ID = 2;
const MOST_SECOND = 3;

const LINKS = 3;
const LEFT = 0;
const RIGHT = 1;
const SIZE = 2;

/**
 * Many sorted sets in one block of memory. Elements are ordered by their first number, then by their second, then by an
 * identifier, a whole number. Every operation takes time logarithmic in the size of its set, also finding the next element whose second
 * number is large enough.
 *
 * The sets are treaps: search trees by key that are heaps by a hash of the element, which keeps them balanced whatever
 * the order of insertion is. Each element knows the largest second number below it.
 */
export class OrderedForest {
  #keys = new Float64Array(KEYS * 64);
  #links = new Int32Array(LINKS * 64);
  /** The first element that was removed; the others hang on its left. */
  #unused: Element = 0;
  #used = 1;

  /** Adds an element. The three numbers together must not be in the set. */
  insert(root: Root, first: number, second: number, id: number): Root {
    const element = this.#allocate();
    this.#keys[element * KEYS + FIRST] = first;
    this.#keys[element * KEYS + SECOND] = second;
    this.#keys[element * KEYS + ID] = id;
    this.#link(element, 0, 0);
    return this.#insert(root, element);
  }

  /** Removes an element. @throws RangeError if it is not in the set */
  remove(root: Root, first: number, second: number, id: number): Root {
    if (root === 0) {
      throw new RangeError(`(${first}, ${second}, ${id}) is not in the set`);
    }
    const order = this.#compare(root, first, second, id);
    const left = this.#child(root, LEFT);
    const right = this.#child(root, RIGHT);
    if (order === 0) {
      this.#links[root * LINKS + LEFT] = this.#unused;
      this.#unused = root;
      return this.#merge(left, right);
    }
    if (order > 0) {
      this.#link(root, this.remove(left, first, second, id), right);
    } else {
      this.#link(root, left, this.remove(right, first, second, id));
    }
    return root;
  }

  /** Forgets a whole set. */
  clear(root: Root): void {
    if (root !== 0) {
      this.clear(this.#child(root, LEFT));
      this.clear(this.#child(root, RIGHT));
      this.#links[root * LINKS + LEFT] = this.#unused;
      this.#unused = root;
    }
  }

  /** The identifiers of a set in its order. The set must not change meanwhile. */
  *ids(root: Root): Iterable<number> {
    if (root !== 0) {
      yield* this.ids(this.#child(root, LEFT));
      yield this.id(root);
      yield* this.ids(this.#child(root, RIGHT));
    }
  }

  size(root: Root): number {
    return root === 0 ? 0 : (this.#links[root * LINKS + SIZE] as number);
  }

  /** The largest second number in a set; `-Infinity` if it is empty. */
  largestSecond(root: Root): number {
    return root === 0 ? -Infinity : (this.#keys[root * KEYS + MOST_SECOND] as number);
  }

  first(element: Element): number {
    return this.#keys[element * KEYS + FIRST] as number;
  }

  second(element: Element): number {
    return this.#keys[element * KEYS + SECOND] as number;
  }

  id(element: Element): number {
    return this.#keys[element * KEYS + ID] as number;
  }

  /** The first element whose first number is at least `first` and whose second number is at least `second`. */
  lowest(root: Root, first = -Infinity, second = -Infinity): Element {
    return this.#lowest(root, first, -Infinity, -Infinity, second);
  }

  /** The last element whose second number is at least `second`. */
  highest(root: Root, second = -Infinity): Element {
    return this.#highest(root, Infinity, Infinity, 0, second);
  }

  /** The first element after these three numbers whose second number is at least `atLeast`. */
  after(root: Root, first: number, second: number, id: number, atLeast = -Infinity): Element {
    return this.#lowest(root, first, second, id + 1, atLeast);
  }

  /** The last element before these three numbers whose second number is at least `atLeast`. */
  before(root: Root, first: number, second: number, id: number, atLeast = -Infinity): Element {
    return this.#highest(root, first, second, id, atLeast);
  }

  /** How many elements are before these three numbers. */
  rank(root: Root, first: number, second = -Infinity, id = -Infinity): number {
    let rank = 0;
    let at = root;
    while (at !== 0) {
      const left = this.#child(at, LEFT);
      if (this.#compare(at, first, second, id) < 0) {
        rank += this.size(left) + 1;
        at = this.#child(at, RIGHT);
      } else {
        at = left;
      }
    }
    return rank;
  }

  /** The element with `rank` elements before it. */
  at(root: Root, rank: number): Element {
    let at = root;
    let left = rank;
    while (at !== 0) {
      const before = this.size(this.#child(at, LEFT));
      if (left === before) {
        return at;
      }
      if (left < before) {
        at = this.#child(at, LEFT);
      } else {
        left -= before + 1;
        at = this.#child(at, RIGHT);
      }
    }
    return 0;
  }

  #lowest(root: Root, first: number, second: number, id: number, atLeast: number): Element {
    if (root === 0 || this.largestSecond(root) < atLeast) {
      return 0;
    }
    if (this.#compare(root, first, second, id) >= 0) {
      const found = this.#lowest(this.#child(root, LEFT), first, second, id, atLeast);
      if (found !== 0) {
        return found;
      }
      if (this.second(root) >= atLeast) {
        return root;
      }
    }
    return this.#lowest(this.#child(root, RIGHT), first, second, id, atLeast);
  }

  #highest(root: Root, first: number, second: number, id: number, atLeast: number): Element {
    if (root === 0 || this.largestSecond(root) < atLeast) {
      return 0;
    }
    if (this.#compare(root, first, second, id) < 0) {
      const found = this.#highest(this.#child(root, RIGHT), first, second, id, atLeast);
      if (found !== 0) {
        return found;
      }
      if (this.second(root) >= atLeast) {
        return root;
      }
    }
    return this.#highest(this.#child(root, LEFT), first, second, id, atLeast);
  }

  #insert(root: Root, element: Element): Root {
    if (root === 0) {
      return element;
    }
    if (priority(element) > priority(root)) {
      this.#split(root, element);
      return element;
    }
    const isBefore = this.#compare(root, this.first(element), this.second(element), this.id(element)) > 0;
    const left = this.#child(root, LEFT);
    const right = this.#child(root, RIGHT);
    if (isBefore) {
      this.#link(root, this.#insert(left, element), right);
    } else {
      this.#link(root, left, this.#insert(right, element));
    }
    return root;
  }

  /** Hangs what is before `element` on its left and what is after it on its right. */
  #split(root: Root, element: Element): void {
    if (root === 0) {
      this.#link(element, 0, 0);
      return;
    }
    if (this.#compare(root, this.first(element), this.second(element), this.id(element)) < 0) {
      this.#split(this.#child(root, RIGHT), element);
      this.#link(root, this.#child(root, LEFT), this.#child(element, LEFT));
      this.#link(element, root, this.#child(element, RIGHT));
    } else {
      this.#split(this.#child(root, LEFT), element);
      this.#link(root, this.#child(element, RIGHT), this.#child(root, RIGHT));
      this.#link(element, this.#child(element, LEFT), root);
    }
  }

  #merge(left: Root, right: Root): Root {
    if (left === 0 || right === 0) {
      return left + right;
    }
    if (priority(left) > priority(right)) {
      this.#link(left, this.#child(left, LEFT), this.#merge(this.#child(left, RIGHT), right));
      return left;
    }
    this.#link(right, this.#merge(left, this.#child(right, LEFT)), this.#child(right, RIGHT));
    return right;
  }

  #link(element: Element, left: Root, right: Root): void {
    const links = this.#links;
    const base = element * LINKS;
    links[base + LEFT] = left;
    links[base + RIGHT] = right;
    links[base + SIZE] = this.size(left) + this.size(right) + 1;
    const most = Math.max(this.second(element), this.largestSecond(left), this.largestSecond(right));
    this.#keys[element * KEYS + MOST_SECOND] = most;
  }

  #child(element: Element, side: typeof LEFT | typeof RIGHT): Root {
    return this.#links[element * LINKS + side] as number;
  }

  /** Below 0 if the element is before these numbers, 0 if it has them, above 0 if it is after them. */
  #compare(element: Element, first: number, second: number, id: number): number {
    const ownFirst = this.first(element);
    if (ownFirst !== first) {
      return ownFirst < first ? -1 : 1;
    }
    const ownSecond = this.second(element);
    if (ownSecond !== second) {
      return ownSecond < second ? -1 : 1;
    }
    return this.id(element) - id;
  }

  #allocate(): Element {
    if (this.#unused !== 0) {
      const element = this.#unused;
      this.#unused = this.#child(element, LEFT);
      return element;
    }
    if ((this.#used + 1) * LINKS > this.#links.length) {
      const keys = new Float64Array(this.#keys.length * 2);
      keys.set(this.#keys);
      this.#keys = keys;
      const links = new Int32Array(this.#links.length * 2);
      links.set(this.#links);
      this.#links = links;
    }
    this.#used += 1;
    return this.#used - 1;
  }
}

/** A hash of the element's number: as good as random, and the same in every run. */
function priority(element: Element): number {
  let mixed = Math.imul(element ^ (element >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return mixed ^ (mixed >>> 16);
}
