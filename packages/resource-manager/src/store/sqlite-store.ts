import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode, errorMessage, RfaasError } from '@rfaas/core';
import Database from 'libsql';
import type { Row, RowChange, StateStore } from './state-store.ts';

/** The layout of the rows; counts up when a release changes it. */
const formatVersion = 1;

/** Rows that are read at once while scanning. */
const pageRows = 512;

/** The state in one SQLite file of this host. Every commit is on the disk before it resolves. */
export class SqliteStore implements StateStore {
  readonly name: string;
  readonly #database: Database.Database;
  readonly #lock: Database.Database;
  readonly #put: Database.Statement;
  readonly #delete: Database.Statement;
  readonly #scan: Database.Statement;

  private constructor(name: string, database: Database.Database, lock: Database.Database) {
    this.name = name;
    this.#database = database;
    this.#lock = lock;
    this.#put = database.prepare(
      'INSERT INTO rows (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    );
    this.#delete = database.prepare('DELETE FROM rows WHERE key = ?');
    this.#scan = database.prepare(
      'SELECT key, value FROM rows WHERE key >= ? AND key < ? ORDER BY key LIMIT ?',
    );
  }

  /**
   * Opens the file, makes it if it is not there, and checks all of it.
   *
   * @throws RfaasError `RFAAS_ERR_STORE` for a file that is damaged, of another release, or held by another process: it is
   * left as it is
   */
  static open(file: string): SqliteStore {
    let database: Database.Database | undefined;
    let lock: Database.Database | undefined;
    try {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      // Only one process may decide over this file, for as long as it runs. A file of its own, since a closed database keeps
      // its locks until its prepared statements have been collected.
      lock = new Database(`${file}-lock`);
      lock.exec('BEGIN EXCLUSIVE');
      database = new Database(file);
      prepareDatabase(database, file);
      return new SqliteStore(file, database, lock);
    } catch (error) {
      database?.close();
      if (lock !== undefined) {
        unlock(lock);
      }
      throw openError(file, error);
    }
  }

  async *scan(from: string, to: string): AsyncIterable<Row> {
    let next = from;
    for (;;) {
      const page = this.#attempt('read', () => this.#scan.all(next, to, pageRows) as Row[]);
      yield* page;
      const last = page.at(-1);
      if (page.length < pageRows || last === undefined) {
        return;
      }
      // The smallest key behind the last one.
      next = `${last.key}\0`;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  // Asynchronous only to its callers: SQLite writes and waits for the disk in this thread.
  async commit(changes: readonly RowChange[]): Promise<void> {
    this.#attempt('written', () => this.#write(changes));
  }

  confirm(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#database.close();
    unlock(this.#lock);
    return Promise.resolve();
  }

  #write(changes: readonly RowChange[]): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      for (const { key, value } of changes) {
        if (value === undefined) {
          this.#delete.run(key);
        } else {
          this.#put.run(key, value);
        }
      }
      this.#database.exec('COMMIT');
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  #rollBack(): void {
    try {
      this.#database.exec('ROLLBACK');
    } catch {
      // A full disk has rolled it back already; the error that led here says more.
    }
  }

  #attempt<T>(what: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      const isFull = /full/i.test(errorMessage(error)) || errorCode(error) === 'SQLITE_FULL';
      const advice = isFull
        ? 'the disk is full: make room'
        : 'look at the disk and the permissions of the file';
      throw new RfaasError(
        'RFAAS_ERR_STORE',
        `the state in ${this.name} cannot be ${what}: ${errorMessage(error)}; ${advice}`,
        { cause: error, details: { file: this.name } },
      );
    }
  }
}

function unlock(lock: Database.Database): void {
  if (lock.inTransaction) {
    lock.exec('ROLLBACK');
  }
  lock.close();
}

function prepareDatabase(database: Database.Database, file: string): void {
  database.exec('PRAGMA journal_mode = WAL');
  database.exec('PRAGMA synchronous = FULL');
  const checks = database.prepare('PRAGMA integrity_check').all() as { readonly integrity_check: string }[];
  const damage = checks.map(({ integrity_check: text }) => text).filter((text) => text !== 'ok');
  if (damage.length > 0) {
    throw new RfaasError('RFAAS_ERR_STORE', `the check of ${file} found: ${damage.slice(0, 3).join('; ')}`);
  }
  database.exec('BEGIN IMMEDIATE');
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as {
    readonly user_version: number;
  };
  if (version !== 0 && version !== formatVersion) {
    throw new RfaasError(
      'RFAAS_ERR_STORE',
      `${file} has format ${version}, this release knows ${formatVersion}; start the release that made it`,
    );
  }
  database.exec('CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID');
  database.exec(`PRAGMA user_version = ${formatVersion}`);
  database.exec('COMMIT');
}

function openError(file: string, error: unknown): RfaasError {
  const message = errorMessage(error);
  if (/locked|busy/i.test(message)) {
    return new RfaasError(
      'RFAAS_ERR_STORE',
      `the state in ${file} is in use by another process: stop that resource manager, or name another file`,
      { cause: error },
    );
  }
  const advice =
    'Nothing was changed. Restore a backup of the file and its "-wal" neighbour, or move both away to begin with an empty ' +
    'state: nodes register again by themselves, and leases that run are ended as their nodes come back';
  return new RfaasError('RFAAS_ERR_STORE', `the state in ${file} cannot be used: ${message}. ${advice}`, {
    cause: error,
    details: { file },
  });
}
