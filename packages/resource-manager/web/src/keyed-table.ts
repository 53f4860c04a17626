import { element } from './element.ts';

/** A column: its heading, and what a cell shows. */
export interface Column<T> {
  readonly heading: string;
  readonly class?: string;
  /** Text, or an element that is made anew whenever `text` changes. */
  readonly text: (item: T) => string;
  readonly content?: (item: T) => readonly (HTMLElement | string)[];
}

/** How a table is made. */
export interface KeyedTableOptions<T> {
  readonly table: HTMLTableElement;
  readonly caption: string;
  readonly columns: readonly Column<T>[];
  readonly key: (item: T) => string;
  /** What is said where there is no row. */
  readonly empty: string;
}

interface Row {
  readonly line: HTMLTableRowElement;
  readonly cells: readonly HTMLElement[];
  readonly shown: string[];
}

/** Rows beyond this are counted, not shown: a browser is slow with thousands. */
const mostRows = 300;

/** A table whose rows stay the same elements while their items stay, so that focus and selection outlive an update. */
export class KeyedTable<T> {
  readonly #options: KeyedTableOptions<T>;
  readonly #rows = new Map<string, Row>();
  readonly #body = element('tbody');
  readonly #note: HTMLTableCellElement;

  constructor(options: KeyedTableOptions<T>) {
    this.#options = options;
    const { table, caption, columns } = options;
    const headings = columns.map((column) =>
      element('th', { text: column.heading, class: column.class ?? '', attributes: { scope: 'col' } }),
    );
    this.#note = element('td', { class: 'empty', attributes: { colspan: String(columns.length) } });
    table.append(
      element('caption', { text: caption, class: 'hidden' }),
      element('thead', { children: [element('tr', { children: headings })] }),
      this.#body,
      element('tfoot', { children: [element('tr', { children: [this.#note] })] }),
    );
  }

  /** `total`: how many there are, where not all were asked for. */
  show(items: readonly T[], total = items.length): void {
    const { key, empty } = this.#options;
    const shown = items.slice(0, mostRows);
    const keys = new Set(shown.map(key));
    for (const [old, { line }] of this.#rows) {
      if (!keys.has(old)) {
        line.remove();
        this.#rows.delete(old);
      }
    }
    shown.forEach((item, index) => {
      const row = this.#row(key(item));
      this.#update(row, item);
      if (this.#body.children[index] !== row.line) {
        this.#body.insertBefore(row.line, this.#body.children[index] ?? null);
      }
    });
    const more = Math.max(total, items.length) - shown.length;
    this.#note.textContent = items.length === 0 ? empty : `and ${more} more: filter to see them`;
    this.#note.hidden = items.length > 0 && more === 0;
  }

  #row(key: string): Row {
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const cells = this.#options.columns.map(({ class: name = '' }, index) =>
      index === 0
        ? element('th', { class: name, attributes: { scope: 'row' } })
        : element('td', { class: name }),
    );
    const row = { line: element('tr', { children: cells }), cells, shown: [] };
    this.#rows.set(key, row);
    return row;
  }

  #update(row: Row, item: T): void {
    this.#options.columns.forEach(({ text, content }, index) => {
      const now = text(item);
      const cell = row.cells[index];
      if (cell !== undefined && row.shown[index] !== now) {
        row.shown[index] = now;
        cell.replaceChildren(...(content?.(item) ?? [now]));
      }
    });
  }
}
