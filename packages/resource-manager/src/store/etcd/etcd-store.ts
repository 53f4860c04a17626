import { RfaasError } from '@rfaas/core';
import { z } from 'zod';
import type { Row, RowChange, StateStore } from '../state-store.ts';
import type { EtcdClient } from './etcd-client.ts';
import type { EtcdKeys } from './etcd-layout.ts';
import type { EtcdOperation } from './etcd-protocol.ts';
import { decodeValue, encodeValue } from './etcd-values.ts';

/** Keys that a transaction may change: etcd's default is 128 (`--max-txn-ops`), and two of them are ours. */
const maxRows = 126;

/** Bytes of a transaction: etcd's default is 1.5 MiB (`--max-request-bytes`). */
const maxBytes = 1024 * 1024;

/** What a row takes in a transaction besides its key and value, at most. */
const rowOverheadBytes = 32;

/** Rows that are read at once. */
const pageRows = 1000;

/** What a store works with. */
export interface EtcdStoreOptions {
  readonly client: EtcdClient;
  readonly keys: EtcdKeys;
  /** The revision that made the leader's key: whatever is written is written only while that is its revision. */
  readonly revision: string;
  /** The revision of the commit key. */
  readonly commitRevision: string;
  /** Throws unless this process may believe that it leads. */
  readonly requireLead: () => void;
  /** The leader's key is not ours any more. */
  readonly onDeposed: (why: string) => void;
}

type PlacedChange = readonly [key: string, value: string | null];

const journalPart = z.array(z.tuple([z.string(), z.string().nullable()]));

/**
 * The state under a prefix of etcd, for as long as this process leads: each transaction requires that the leader's key is
 * still the one that its term has made, so after it nothing is written, whatever this process believes.
 *
 * Changes that do not fit into one transaction go to a journal first, and count from when that is whole.
 */
export class EtcdStore implements StateStore {
  readonly name: string;
  readonly #options: EtcdStoreOptions;
  #commitRevision: string;
  /** A journal may be there that was not taken out. */
  #mayHaveJournal = false;

  constructor(options: EtcdStoreOptions) {
    this.name = `etcd ${options.client.endpoints.join(', ')}, ${options.keys.prefix}`;
    this.#options = options;
    this.#commitRevision = options.commitRevision;
  }

  /** The revision of the last commit; `0`: there was none. */
  get commitRevision(): string {
    return this.#commitRevision;
  }

  async *scan(from: string, to: string): AsyncIterable<Row> {
    const { client, keys } = this.#options;
    const end = keys.row(to);
    let next = keys.row(from);
    for (;;) {
      const { kvs, more } = await client.range(next, end, { limit: pageRows });
      for (const { key, value } of kvs) {
        const text = key.toString();
        yield { key: text.slice(keys.row('').length), value: decodeValue(text, value) };
      }
      const last = kvs.at(-1);
      if (!more || last === undefined) return;
      // The smallest key behind the last one.
      next = `${last.key.toString()}\0`;
    }
  }

  async commit(changes: readonly RowChange[]): Promise<void> {
    const placed = changes.map(({ key, value }): PlacedChange => [key, value ?? null]);
    const parts = this.#parts(placed);
    if (parts.length <= 1) {
      await this.#write(parts[0] ?? []);
    } else {
      await this.#writeJournal(placed);
      await this.#carryOut(parts);
    }
  }

  async confirm(): Promise<void> {
    this.#options.requireLead();
    return Promise.resolve();
  }

  /** Carries out what a leader has written into the journal and not carried out. To be called before anything is read. */
  async recover(): Promise<void> {
    const { client, keys } = this.#options;
    this.#mayHaveJournal = true;
    const whole = (await client.range(keys.journal())).kvs[0];
    if (whole === undefined) return;
    const changes: PlacedChange[] = [];
    for (let part = 0; part < Number(whole.value.toString()); part += 1) {
      const key = keys.journal(part);
      const value = (await client.range(key)).kvs[0]?.value;
      changes.push(...decodeJournal(key, value));
    }
    await this.#carryOut(this.#parts(changes));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #writeJournal(changes: readonly PlacedChange[]): Promise<void> {
    const { keys } = this.#options;
    const texts = journalTexts(changes);
    const parts = texts.map((text, part) => ({
      request_put: { key: keys.journal(part), value: encodeValue(text) },
    }));
    // Of a journal whose end was never seen, the mark is gone before its parts are written over.
    for (const part of parts.slice(0, -1)) await this.#write([part]);
    this.#mayHaveJournal = true;
    const mark = { request_put: { key: keys.journal(), value: Buffer.from(String(parts.length)) } };
    await this.#write([...parts.slice(-1), mark], true);
  }

  async #carryOut(parts: readonly (readonly EtcdOperation[])[]): Promise<void> {
    for (const [index, part] of parts.entries()) {
      await this.#write(part, index < parts.length - 1);
    }
  }

  /**
   * One transaction. When its answer is lost, nobody knows whether it was done, or will be: the commit key tells, because
   * a transaction is done only if it is the next one after the last one that was.
   */
  async #write(operations: readonly EtcdOperation[], keepsJournal = false): Promise<void> {
    const { client, keys, revision, requireLead, onDeposed } = this.#options;
    const ours: EtcdOperation[] = [{ request_put: { key: keys.commit, value: Buffer.alloc(0) } }];
    const takesJournal = this.#mayHaveJournal && !keepsJournal;
    if (takesJournal) ours.push({ request_delete_range: { key: keys.journal() } });
    for (;;) {
      requireLead();
      const result = await client.transaction(
        [
          { key: keys.leader, is: 'created', revision },
          { key: keys.commit, is: 'changed', revision: this.#commitRevision },
        ],
        [...ours, ...operations],
        [{ request_range: { key: keys.leader } }, { request_range: { key: keys.commit } }],
      );
      if (result.succeeded) {
        this.#commitRevision = result.header.revision;
        if (takesJournal) this.#mayHaveJournal = false;
        return;
      }
      const [leader, commit] = result.responses.map(({ response_range: range }) => range?.kvs[0]);
      if (leader?.create_revision !== revision) {
        onDeposed(leader === undefined ? 'its lease in etcd is over' : 'another one leads');
      }
      // An earlier one, given up by us, was done after all. What it wrote is written again.
      this.#commitRevision = commit?.mod_revision ?? '0';
    }
  }

  /** Operations in groups that etcd takes, in order. */
  #parts(changes: readonly PlacedChange[]): readonly (readonly EtcdOperation[])[] {
    const parts: EtcdOperation[][] = [];
    let size = 0;
    for (const [name, text] of changes) {
      const key = this.#options.keys.row(name);
      const value = text === null ? undefined : encodeValue(text);
      const bytes = Buffer.byteLength(key) + (value?.byteLength ?? 0) + rowOverheadBytes;
      const last = parts.at(-1);
      const operation: EtcdOperation =
        value === undefined ? { request_delete_range: { key } } : { request_put: { key, value } };
      if (last === undefined || last.length === maxRows || size + bytes > maxBytes) {
        parts.push([operation]);
        size = bytes;
      } else {
        last.push(operation);
        size += bytes;
      }
    }
    return parts;
  }
}

/** Changes as texts none of which is longer than a transaction may be. */
function journalTexts(changes: readonly PlacedChange[]): readonly string[] {
  const texts: string[] = [];
  let items: string[] = [];
  let size = 0;
  for (const change of changes) {
    const item = JSON.stringify(change);
    if (items.length > 0 && size + item.length > maxBytes) {
      texts.push(`[${items.join(',')}]`);
      items = [];
      size = 0;
    }
    items.push(item);
    size += item.length;
  }
  texts.push(`[${items.join(',')}]`);
  return texts;
}

function decodeJournal(key: string, value: Buffer | undefined): readonly PlacedChange[] {
  const parsed = journalPart.safeParse(value === undefined ? undefined : parseJson(decodeValue(key, value)));
  if (!parsed.success) {
    throw new RfaasError(
      'RFAAS_ERR_STORE',
      `"${key}" in etcd is damaged or missing, and belongs to the last changes of the state; restore a snapshot of etcd`,
      { cause: parsed.error, details: { key } },
    );
  }
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
