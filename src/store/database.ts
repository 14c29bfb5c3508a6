import { type CompiledQuery, Kysely, PostgresDialect, sql } from 'kysely';
import { type Client, Pool, type PoolClient } from 'pg';
import { RepriseError } from '../errors.ts';
import {
  type ConnectionOptions,
  clientConfig,
  parseDatabaseUrl,
  rawIntegers,
  settleTls,
  storeLabel,
} from './connection.ts';
import { guarded } from './failures.ts';
import { migrate } from './migrations/migrate.ts';
import { createStoreSession, type StoreSession } from './session.ts';
import type { Tables } from './tables.ts';

/** What of a database is not in its URL. */
export interface DatabaseOptions {
  /** Connections for reads at most; writes have a few of their own, and one listens. Default 10. */
  readonly poolSize?: number;
  /** Default 10 s. */
  readonly connectTimeoutMs?: number;
  /** Reads that take longer fail with LIMIT_EXCEEDED. Default 30 s. */
  readonly readTimeoutMs?: number;
  /** Hears of connections that broke while idle; they are replaced by themselves. */
  readonly onIdleError?: (error: Error) => void;
}

/** The database that holds the journal and the replays, in its schema `reprise`. */
export interface Database {
  readonly options: ConnectionOptions;
  /** `host:port/database`, without credentials. */
  readonly label: string;
  /** `server_version_num`, such as 180004. */
  readonly serverVersion: number;
  /** Typed queries, each bounded by the read timeout. The planner is told to go by keys; see `scan`. */
  readonly query: Kysely<Tables>;
  /**
   * Runs a query of `query` and gives its rows as arrays, in the order of the selected columns; int8 as text. For reads
   * of many rows with many columns: as objects each of them costs more than everything else that is done with it.
   * Connections keep the statement: its text must not hold values.
   */
  rows<Row extends readonly unknown[]>(compiled: CompiledQuery): Promise<readonly Row[]>;
  /** Queries that read whole windows: on one snapshot, with a planner that is free to scan, hash and sort. */
  scan<T>(work: (snapshot: Kysely<Tables>) => Promise<T>): Promise<T>;
  readonly session: StoreSession;
  /**
   * Runs `work` in one read-write transaction without a statement timeout: commits when it resolves, rolls
   * back when it rejects. `settings` are further `set local` assignments.
   */
  write<T>(work: (client: PoolClient) => Promise<T>, settings?: Readonly<Record<string, string>>): Promise<T>;
  /** As `query`, for what writes with one statement, on the connections for writes. */
  readonly writing: Kysely<Tables>;
  /** A statement outside a transaction, without a statement timeout (VACUUM). */
  maintain(statement: string): Promise<void>;
  /** True when the server can be reached now. */
  ping(): Promise<boolean>;
  /** Ends all connections: waits for writes under way, and a second for reads. Calling it again does nothing. */
  close(): Promise<void>;
}

const OLDEST_SERVER = 130000;

/** Connections that no read takes: whoever asks for much must not keep a run from storing its outcomes. */
const WRITERS = 4;

/** How long closing waits for reads: who asked for them has gone by then, and each may take as long as reads may. */
const LAST_READS_MS = 1_000;

/** Statements that each connection keeps. There is one for each kind of filter, and walks use a few of them. */
const MOST_NAMES = 100;

const FREE_PLANNER = [
  ['enable_seqscan', 'on'],
  ['enable_bitmapscan', 'on'],
  ['enable_sort', 'on'],
  ['enable_hashjoin', 'on'],
  ['enable_mergejoin', 'on'],
  ['work_mem', '64MB'],
] as const;

/**
 * Connects, checks the server's version and brings the schema up to date (one process at a time).
 * @throws RepriseError CONFIG_INVALID, STORE_UNAVAILABLE, STORE_TOO_OLD
 */
export async function openDatabase(
  target: string | ConnectionOptions,
  options: DatabaseOptions = {},
): Promise<Database> {
  const asked = typeof target === 'string' ? parseDatabaseUrl(target) : target;
  const label = storeLabel(asked);
  const purpose = {
    applicationName: 'reprise',
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    statementTimeoutMs: options.readTimeoutMs ?? 30_000,
  };
  const doing = `connect to the journal's database ${label}`;
  const settled = await guarded(doing, () => settleTls(asked, purpose));
  const open = (max: number): Pool => {
    const pool = new Pool({
      ...clientConfig(settled, purpose),
      max,
      idleTimeoutMillis: 30_000,
      allowExitOnIdle: false,
    });
    pool.on('error', (error) => options.onIdleError?.(error));
    // Kysely listens to no errors of the connections that it uses: one that breaks under a query, which hears of it
    // too, would be an uncaught error.
    pool.on('connect', (client) => client.on('error', () => {}));
    return pool;
  };
  const [pool, writers] = [open(options.poolSize ?? 10), open(WRITERS)];
  const session = createStoreSession(
    clientConfig(settled, { ...purpose, applicationName: 'reprise listen', statementTimeoutMs: 0 }),
  );
  try {
    const serverVersion = await guarded(doing, () => checkVersion(pool, label));
    // On connections of its own: a migration of a large journal takes longer than any read may.
    await guarded(`prepare the schema of the journal's database ${label}`, () =>
      migrate(clientConfig(settled, { ...purpose, applicationName: 'reprise migrate', statementTimeoutMs: 0 })),
    );
    return assemble(settled, label, serverVersion, pool, writers, session);
  } catch (error) {
    await session.close();
    await Promise.all([pool.end(), writers.end()]);
    throw error;
  }
}

async function checkVersion(pool: Pool, label: string): Promise<number> {
  const { rows } = await pool.query<{ num: string; version: string }>(
    `select current_setting('server_version_num') as num, current_setting('server_version') as version`,
  );
  const row = rows[0] as { num: string; version: string };
  if (Number(row.num) < OLDEST_SERVER) {
    throw new RepriseError(
      'STORE_TOO_OLD',
      `the journal's database ${label} runs PostgreSQL ${row.version}; 13 or later is needed: upgrade it or name another in DATABASE_URL`,
    );
  }
  return Number(row.num);
}

function assemble(
  options: ConnectionOptions,
  label: string,
  serverVersion: number,
  pool: Pool,
  writers: Pool,
  session: StoreSession,
): Database {
  const over = (which: Pool) =>
    new Kysely<Tables>({ dialect: new PostgresDialect({ pool: which }) }).withSchema('reprise');
  const [query, writing] = [over(pool), over(writers)];
  let closing: Promise<void> | null = null;
  const names = new Map<string, string>();
  const reading = new Set<PoolClient>();
  pool.on('acquire', (client) => reading.add(client));
  pool.on('release', (_error, client) => reading.delete(client));

  /** A name under which a connection keeps the statement, so that the pages of one walk are not each parsed anew. */
  function nameOf(text: string): { readonly name?: string } {
    let name = names.get(text);
    if (name === undefined) {
      if (names.size === MOST_NAMES) return {};
      name = `rows_${names.size}`;
      names.set(text, name);
    }
    return { name };
  }

  return {
    options,
    label,
    serverVersion,
    query,
    writing,
    async rows<Row extends readonly unknown[]>({ sql: text, parameters }: CompiledQuery) {
      const values = [...parameters];
      const result = await pool.query<unknown[]>({
        ...nameOf(text),
        text,
        values,
        rowMode: 'array',
        types: rawIntegers,
      });
      return result.rows as unknown as readonly Row[];
    },
    session,
    scan: (work) =>
      query
        .transaction()
        .setIsolationLevel('repeatable read')
        .setAccessMode('read only')
        .execute(async (snapshot) => {
          const settings = sql.raw(
            FREE_PLANNER.map(([name, value]) => `set_config('${name}', '${value}', true)`).join(', '),
          );
          await sql`select ${settings}`.execute(snapshot);
          return work(snapshot);
        }),
    async write(work, settings = {}) {
      const client = await writers.connect();
      let broken: Error | undefined;
      // Without a listener, a connection that breaks between two queries would be an uncaught error.
      const onError = (error: Error) => {
        broken = error;
      };
      client.on('error', onError);
      try {
        const locals = Object.entries({ statement_timeout: '0', ...settings });
        await client.query(`begin; ${locals.map(([name, value]) => `set local ${name} = '${value}'`).join('; ')}`);
        const result = await work(client);
        await client.query('commit');
        return result;
      } catch (error) {
        await client.query('rollback').catch((failure: Error) => {
          broken = failure;
        });
        throw error;
      } finally {
        client.off('error', onError);
        client.release(broken);
      }
    },
    async maintain(statement) {
      const client = await writers.connect();
      try {
        await client.query('set statement_timeout = 0');
        await client.query(statement);
      } finally {
        // Destroyed rather than reset: maintenance is rare.
        client.release(true);
      }
    },
    async ping() {
      try {
        await pool.query('select 1');
        return true;
      } catch {
        return false;
      }
    },
    close() {
      closing ??= (async () => {
        await session.close();
        const cuttingOff = setTimeout(() => {
          // With a query under way, `end` of a client cuts its connection.
          for (const client of reading) (client as PoolClient & Client).end().catch(() => {});
        }, LAST_READS_MS);
        await Promise.all([pool.end(), writers.end()]).finally(() => clearTimeout(cuttingOff));
      })();
      return closing;
    },
  };
}
