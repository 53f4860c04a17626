import { existsSync, readFileSync } from 'node:fs';
import { RdmaError } from '../../errors.ts';

/** Where Cray's package for DRC has its header. */
const usualHeaders = ['/opt/cray/rdma-credentials/default/include/rdmacred.h', '/usr/include/rdmacred.h'];

/** Numbers of rdmacred.h. They are not published, and a library does not tell them: its header does. */
export interface DrcConstants {
  /** Where they are from, for errors. */
  readonly header: string;
  /** The value of a name; throws RdmaError where the header has none. */
  valueOf(name: string): number;
  /** The name of an error number, e.g. `DRC_EPERM`, or the number where the header names none. */
  errorName(number: number): string;
}

/** Reads the numbers from the header, or from the usual place. Throws RdmaError where there is none. */
export function readDrcConstants(headerFile?: string): DrcConstants {
  const header = headerFile ?? usualHeaders.find((path) => existsSync(path));
  if (header === undefined || !existsSync(header)) {
    throw new RdmaError(
      'RDMA_ERR_LIBRARY_NOT_FOUND',
      `cannot find rdmacred.h, whose numbers DRC calls need; looked at ${headerFile ?? usualHeaders.join(' and ')}. It belongs to ` +
        "Cray's package rdma-credentials; RFAAS_DRC_HEADER names another place",
      { operation: 'rdmacred.h', errno: 'ENOENT' },
    );
  }
  const values = parseConstants(readFileSync(header, 'utf8'));
  const errors = [...values].filter(([name]) => /^DRC_(?!FLAGS_|SUCCESS)/.test(name));
  return {
    header,
    valueOf: (name) => {
      const value = values.get(name);
      if (value === undefined) {
        throw new RdmaError('RDMA_ERR_ABI_MISMATCH', `${header} does not define ${name}`, {
          operation: name,
        });
      }
      return value;
    },
    errorName: (number) =>
      errors.find(([, value]) => Math.abs(value) === Math.abs(number))?.[0] ?? `error ${Math.abs(number)}`,
  };
}

/** Names and numbers of a C header: `#define NAME NUMBER`, `#define NAME (1 << N)` and enumerations. */
export function parseConstants(source: string): Map<string, number> {
  const text = source.replace(/\/\*[\s\S]*?\*\//g, ' ').replace(/\/\/.*$/gm, '');
  const values = new Map<string, number>();
  for (const match of text.matchAll(/^[ \t]*#[ \t]*define[ \t]+(DRC_\w+)[ \t]+(.+)$/gm)) {
    add(values, match[1], evaluate(match[2] ?? '', values));
  }
  for (const match of text.matchAll(/\benum\b[^{;]*\{([^}]*)\}/g)) {
    let next: number | undefined = 0;
    for (const entry of (match[1] ?? '').split(',')) {
      const [name = '', expression] = entry.split('=').map((part) => part.trim());
      next = expression === undefined ? next : evaluate(expression, values);
      if (/^DRC_\w+$/.test(name)) {
        add(values, name, next);
      }
      next = next === undefined ? undefined : next + 1;
    }
  }
  return values;
}

function add(values: Map<string, number>, name: string | undefined, value: number | undefined): void {
  if (name !== undefined && value !== undefined) {
    values.set(name, value);
  }
}

/** A number, another name, a shift of two numbers, or any of them in parentheses; undefined for anything else. */
function evaluate(expression: string, values: ReadonlyMap<string, number>): number | undefined {
  const text = expression
    .trim()
    .replace(/^\((.*)\)$/, '$1')
    .trim();
  const shift = /^(.+?)<<(.+)$/.exec(text);
  if (shift !== null) {
    const [left, right] = [evaluate(shift[1] ?? '', values), evaluate(shift[2] ?? '', values)];
    return left === undefined || right === undefined ? undefined : (left << right) >>> 0;
  }
  const number = /^(-?)(0x[0-9a-f]+|[0-9]+)[ul]*$/i.exec(text);
  if (number !== null) {
    return (number[1] === '-' ? -1 : 1) * Number(number[2]);
  }
  return values.get(text);
}
