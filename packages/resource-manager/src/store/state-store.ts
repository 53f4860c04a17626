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

/** Where the state of a cluster outlives the process. Everything rejects with RfaasError `RFAAS_ERR_STORE`. */
export interface StateStore {
  /** What {@link StateStore.scan} would give changes no more without {@link StateStore.commit}: this process is the only writer. */
  readonly name: string;
  /** The rows with `from <= key < to`, in the order of their keys. */
  scan(from: string, to: string): AsyncIterable<Row>;
  /**
   * Makes changes durable before it resolves. They become visible in their order: after a crash in the middle the first
   * ones may be there and the others not. After a rejection none of them may be counted on.
   */
  commit(changes: readonly RowChange[]): Promise<void>;
  close(): Promise<void>;
}

/** The rows whose keys begin with `prefix`, which ends with a slash, as bounds of {@link StateStore.scan}. */
export function rowsUnder(prefix: `${string}/`): readonly [from: string, to: string] {
  // The character behind the slash.
  return [prefix, `${prefix.slice(0, -1)}0`];
}
