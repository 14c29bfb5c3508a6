import { messageOf, RepriseError } from '../errors.ts';
import type { Value } from '../journal/value.ts';
import type { TargetConnection } from '../target/connection.ts';
import { targetLabel } from '../target/spec.ts';
import type { QueryResult } from '../target/statement.ts';
import { isPassing } from './open-persistently.ts';
import { MAY_END, ofRun, type RunMarks } from './run-key.ts';

/** Backend process ids that each waiting backend waits for, those that these wait for included. */
export type Blockers = ReadonlyMap<number, readonly number[]>;

/** Does something as a mapped login of this name, on a connection of its own; null: the run has none. */
export type AsLogin = (
  user: string,
) => (<T>(work: (connection: Pick<TargetConnection, 'query'>) => Promise<T>) => Promise<T>) | null;

/** What a report says of a target whose process ids are a pooler's. */
export const BEHIND_POOLER =
  'the target was reached through a connection pooler, which gives out process ids of its own: statements that waited for ' +
  'locks of the replay were not taken out of the walk, and a COMMIT whose answer was lost may be UNKNOWN';

/**
 * The run's own look at the target, on a connection of its own: who blocks whom. The other connections are
 * busy with exactly the statements that are asked about.
 */
export class TargetMonitor {
  private connection: TargetConnection;
  private readonly connect: () => Promise<TargetConnection>;
  private reopening: Promise<void> | null = null;
  private closed = false;
  /** Asked once: whether `processId` of a connection is its backend's. */
  private direct: boolean | null = null;

  private readonly marks: RunMarks;
  private readonly asLogin: AsLogin;
  /** Told of the backend of a connection of the monitor's own that was lost, unless that backend has said so itself. */
  onLost: ((processId: number) => void) | null = null;

  /** `connect` opens another connection when the first was lost; `marks`: what the run's backends are known by. */
  constructor(
    connection: TargetConnection,
    connect: () => Promise<TargetConnection>,
    marks: RunMarks,
    asLogin: AsLogin = () => null,
  ) {
    this.connection = connection;
    this.connect = connect;
    this.marks = marks;
    this.asLogin = asLogin;
    this.watch(connection);
  }

  get serverVersion(): string {
    return this.connection.serverVersion;
  }

  /**
   * False where the process ids that connections are told are none of the server's, as behind a connection pooler:
   * then they say nothing about any backend, and may be those of others. Rejects as `blockers`.
   */
  async isDirect(): Promise<boolean> {
    if (this.direct === null) {
      await this.reopen();
      this.direct = (await backendOf(this.connection)) === this.connection.processId;
      if (this.direct) stayIdle(this.connection);
    }
    return this.direct;
  }

  /**
   * Settings, prepared statements and temporary tables of one session would be those of another where connections
   * take turns on one backend.
   * @throws RepriseError TARGET_REFUSED where they are seen to: behind a pooler that is not pooling sessions
   */
  async refuseSharedBackends(): Promise<void> {
    if (await this.isDirect()) return;
    const other = await this.connect();
    let shared: boolean;
    try {
      shared = (await backendOf(this.connection)) === (await backendOf(other));
    } finally {
      await other.close();
    }
    if (!shared) return;
    throw new RepriseError(
      'TARGET_REFUSED',
      `${targetLabel(other.target)} is a connection pooler that lends one backend to several connections: name the server itself, or let it pool sessions`,
    );
  }

  /**
   * Who blocks these backends now, directly or through others, whoever they are: by a lock, or as a transaction that a
   * `SERIALIZABLE READ ONLY DEFERRABLE` one has to see the end of. A backend that waits for neither is absent, as are all behind a pooler. Rejects when the target cannot be asked; the next call tries to
   * connect again.
   */
  async blockers(processIds: readonly number[]): Promise<Blockers> {
    if (processIds.length === 0) return new Map();
    await this.reopen();
    if (!(await this.isDirect())) return new Map();
    const asked: Value = { kind: 'text', value: `{${listed(processIds)}}`, oid: null };
    // Prepared: a walk through contended rows asks it thousands of times, and to plan it takes longer than to answer it.
    const { rows } = await this.connection.query(BLOCKERS, [asked], 'reprise_blockers');
    const direct = new Map<number, number[]>();
    for (const [pid, blocker] of rows) {
      const known = direct.get(Number(pid));
      if (known === undefined) direct.set(Number(pid), [Number(blocker)]);
      else known.push(Number(blocker));
    }
    return allBlockers(direct, processIds);
  }

  /** As `waitForPages`, of one. */
  async waitsForPage(processId: number): Promise<boolean> {
    return (await this.waitForPages([processId])).has(processId);
  }

  /**
   * Those of the backends that wait until nobody else looks at a page (VACUUM), which is no lock and has no blockers.
   * Rejects as `blockers`.
   */
  async waitForPages(processIds: readonly number[]): Promise<ReadonlySet<number>> {
    if (processIds.length === 0) return new Set();
    await this.reopen();
    if (!(await this.isDirect())) return new Set();
    const { rows } = await this.connection.query(
      `SELECT asked FROM pg_catalog.unnest(ARRAY[${listed(processIds)}]::int[]) AS asked, pg_catalog.pg_stat_get_activity(asked)
       WHERE wait_event IN ('BufferPin', 'BufferCleanup')`,
    );
    return new Set(rows.map(([pid]) => Number(pid)));
  }

  /** Ends these backends, for when a cancel request did not: those that the target's user may end. */
  async terminate(processIds: readonly number[]): Promise<void> {
    if (processIds.length === 0 || this.connection.ended || !(await this.isDirect())) return;
    await this.connection.query(
      `SELECT CASE WHEN ${MAY_END} THEN pg_catalog.pg_terminate_backend(pid) END
       FROM pg_catalog.pg_stat_activity LEFT JOIN pg_catalog.pg_roles ON pg_roles.oid = usesysid
       WHERE pid IN (${listed(processIds)})`,
    );
  }

  /** For any other question. Rejects as `blockers`. */
  async query(...question: Parameters<TargetConnection['query']>): Promise<QueryResult> {
    await this.reopen();
    return this.connection.query(...question);
  }

  /**
   * OID of the function that tells a transaction's xid; null where there is none (before PostgreSQL 13) or it
   * cannot be called the short way.
   */
  async xidFunction(): Promise<number | null> {
    await this.reopen();
    const connection = this.connection;
    try {
      const { rows } = await connection.query(
        `SELECT 'pg_catalog.pg_current_xact_id_if_assigned()'::pg_catalog.regprocedure::pg_catalog.oid`,
      );
      const oid = Number(rows[0]?.[0]);
      await new Promise<void>((resolve) => connection.call(oid, () => resolve()));
      // A pooler that does not know the message breaks off.
      return connection.ended ? null : oid;
    } catch {
      return null;
    }
  }

  /** What became of a transaction; null: it is in progress, or too old to be known. Rejects as `blockers`. */
  async fateOf(xid: string): Promise<'COMMITTED' | 'ROLLED_BACK' | null> {
    await this.reopen();
    const { rows } = await this.connection.query(`SELECT pg_catalog.pg_xact_status('${xid}'::pg_catalog.xid8)`);
    const status = rows[0]?.[0];
    return status === 'committed' ? 'COMMITTED' : status === 'aborted' ? 'ROLLED_BACK' : null;
  }

  /**
   * Ends a backend of this run whose connection was lost at `lostAt` (`performance.now()`), as the target's user where that may,
   * else as the mapped login that it belongs to. GONE when it certainly is: who came later and has its process id is another.
   * STRANGER where who has it bears no mark of the run, as behind a failover: that is left alone, and nothing is known. Rejects as
   * `blockers`, and with `MayNotEnd` where no login of the run may end it.
   */
  async endBackend(processId: number, lostAt: number): Promise<'GONE' | 'TOLD' | 'STRANGER'> {
    await this.reopen();
    if (!(await this.isDirect())) return 'STRANGER';
    const text = endingOf(processId, Math.round(performance.now() - lostAt), this.marks);
    const [found] = (await this.connection.query(text)).rows;
    if (found === undefined) return 'GONE';
    const [isOurs, told, login] = found;
    if (isOurs !== 't' || told === 't') return isOurs === 't' ? 'TOLD' : 'STRANGER';
    const asItsLogin = this.asLogin(login ?? '');
    const asked = await asItsLogin?.((connection) => connection.query(text)).catch((error: unknown) => {
      throw isPassing(error) ? error : new MayNotEnd(login ?? '', messageOf(error));
    });
    if (asked?.rows.length === 0) return 'GONE';
    if (asked?.rows[0]?.[1] !== 't') throw new MayNotEnd(login ?? '', 'no login of the replay may');
    return 'TOLD';
  }

  /** What is asked and not answered within `timeoutMs` is rejected. */
  async close(timeoutMs?: number): Promise<void> {
    this.closed = true;
    await this.connection.close(timeoutMs);
  }

  private reopen(): Promise<void> {
    if (!this.connection.ended || this.closed) return Promise.resolve();
    this.reopening ??= this.connect()
      .then((connection) => {
        if (this.closed) return connection.destroy();
        this.connection = connection;
        this.watch(connection);
        if (this.direct === true) stayIdle(connection);
      })
      .finally(() => {
        this.reopening = null;
      });
    return this.reopening;
  }

  private watch(connection: TargetConnection): void {
    connection.onLost(() => {
      if (!connection.saidFarewell) this.onLost?.(connection.processId);
    });
  }
}

/** No login of the run may end a backend of it. */
export class MayNotEnd extends Error {
  constructor(login: string, why: string) {
    super(`role ${JSON.stringify(login)} (${why})`);
  }
}

/** Gives a row where the backend is there: whether it is the run's, whether it was told to end, and whose it is. */
function endingOf(processId: number, ageMs: number, marks: RunMarks): string {
  return `SELECT ours, CASE WHEN ours AND may THEN pg_catalog.pg_terminate_backend(pid) IS NOT NULL ELSE false END, login
    FROM (
      SELECT pid, usename AS login, ${ofRun(marks)} AS ours, ${MAY_END} AS may
      FROM pg_catalog.pg_stat_activity LEFT JOIN pg_catalog.pg_roles ON pg_roles.oid = usesysid
      WHERE pid = ${Math.trunc(processId)}
        AND coalesce(backend_start < pg_catalog.clock_timestamp() - interval '${ageMs} milliseconds', true)
    ) AS backend`;
}

async function backendOf(connection: TargetConnection): Promise<number> {
  const { rows } = await connection.query('SELECT pg_catalog.pg_backend_pid()');
  return Number(rows[0]?.[0]);
}

/**
 * There is long nothing to ask, and a run that is being ended opens no other connection. The setting is there since
 * PostgreSQL 14. Not waited for: what is asked next goes in line behind it.
 */
function stayIdle(connection: TargetConnection): void {
  connection
    .query(
      `SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name = 'idle_session_timeout'`,
    )
    .catch(() => {});
}

/** Of each of these backends that waits: whom it waits for, and whom these wait for, the nearest first. */
export function allBlockers(
  direct: ReadonlyMap<number, readonly number[]>,
  processIds: readonly number[],
): Map<number, readonly number[]> {
  const all = new Map<number, readonly number[]>();
  // Those with few first: in a queue for one row these are a part of what those behind wait for.
  const waiting = processIds.filter((pid) => direct.has(pid));
  waiting.sort((a, b) => (direct.get(a)?.length ?? 0) - (direct.get(b)?.length ?? 0));
  for (const pid of waiting) {
    const found = new Set<number>();
    const next = [...(direct.get(pid) ?? [])];
    for (const blocker of next) {
      if (found.has(blocker)) continue;
      found.add(blocker);
      const known = all.get(blocker);
      if (known === undefined) next.push(...(direct.get(blocker) ?? []));
      else for (const one of known) found.add(one);
    }
    all.set(pid, [...found]);
  }
  return all;
}

function blockersOf(pid: string): string {
  return `pg_catalog.unnest(pg_catalog.pg_blocking_pids(${pid}) OPERATOR(pg_catalog.||) pg_catalog.pg_safe_snapshot_blocking_pids(${pid}))`;
}

/** Each backend is asked about twice at most: of many that wait for one row, each waits for all that came before it, too. */
const BLOCKERS = `WITH RECURSIVE reached(pid) AS (
    SELECT pid FROM pg_catalog.unnest($1::int[]) AS pid
    UNION
    SELECT blocker FROM reached, ${blockersOf('reached.pid')} AS blocker
  ) SELECT pid, blocker FROM reached, ${blockersOf('reached.pid')} AS blocker`;

function listed(processIds: readonly number[]): string {
  return processIds.map((pid) => String(Math.trunc(pid))).join(',');
}
