/** A row of the state: a key such as `lease/0123…` and a JSON text. */
export interface Row {
  readonly key: string;
  readonly value: string;
}

/** A row that is set, or removed where `value` is `undefined`. */
export interface RowChange {
  readonly key: string;
  readonly value: string | undefined;
}

/**
 * Where the state of a cluster outlives the process, which is the only one that writes. Everything rejects with RfaasError
 * `RFAAS_ERR_STORE`, or `RFAAS_ERR_NOT_LEADER` once another process writes.
 */
export interface StateStore {
  /** Where it is, for messages. */
  readonly name: string;
  /** The rows with `from <= key < to`, in the order of their keys. */
  scan(from: string, to: string): AsyncIterable<Row>;
  /**
   * Makes changes durable before it resolves: after a crash in the middle all of them are there, or none. After a rejection
   * neither may be counted on; what is committed next is what counts. Not called again before it has settled.
   */
  commit(changes: readonly RowChange[]): Promise<void>;
  /** Rejects unless this process is still the only one that writes. */
  confirm(): Promise<void>;
  close(): Promise<void>;
}

/** The rows whose keys begin with `prefix`, which ends with a slash, as bounds of {@link StateStore.scan}. */
export function rowsUnder(prefix: `${string}/`): readonly [from: string, to: string] {
  // The character behind the slash.
  return [prefix, `${prefix.slice(0, -1)}0`];
}
