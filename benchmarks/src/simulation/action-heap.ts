/** Something that is planned for a moment. */
export interface TimedAction {
  readonly at: number;
  /** Actions of the same moment run in the order in which they were planned. */
  readonly number: number;
  readonly act: () => void;
}

/** Planned actions, the earliest first: a binary heap. */
export class ActionHeap {
  readonly #actions: TimedAction[] = [];

  /** The earliest action. */
  peek(): TimedAction | undefined {
    return this.#actions[0];
  }

  push(action: TimedAction): void {
    const actions = this.#actions;
    let at = actions.push(action) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = actions[parent] as TimedAction;
      if (isEarlier(above, action)) break;
      actions[at] = above;
      at = parent;
    }
    actions[at] = action;
  }

  /** Takes the earliest action out. */
  pop(): TimedAction | undefined {
    const actions = this.#actions;
    const [first] = actions;
    const last = actions.pop();
    if (last === undefined || actions.length === 0) return first;
    let at = 0;
    for (let child = 1; child < actions.length; child = 2 * at + 1) {
      const right = actions[child + 1];
      if (right !== undefined && isEarlier(right, actions[child] as TimedAction)) child += 1;
      const below = actions[child] as TimedAction;
      if (isEarlier(last, below)) break;
      actions[at] = below;
      at = child;
    }
    actions[at] = last;
    return first;
  }
}

function isEarlier(a: TimedAction, b: TimedAction): boolean {
  return a.at < b.at || (a.at === b.at && a.number < b.number);
}
