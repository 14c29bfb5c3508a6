import { messageOf } from '../errors.ts';
import { TargetConnection } from '../target/connection.ts';
import { type DatabaseFacts, isSameDatabase, readDatabaseFacts } from '../target/identity.ts';
import { type ResolvedTarget, targetLabel } from '../target/spec.ts';
import type { ConnectOptions } from '../target/statement.ts';
import {
  type Again,
  isMissing,
  type ParseResult,
  PREPARE,
  parseOnTarget,
  type Refusal,
  refusalsOf,
} from './preflight-parse.ts';
import type { StatementKind, WindowSample } from './preflight-sample.ts';
import type { ReplayRequest } from './request.ts';

/** Databases of the target that are looked into; requests that map more are rare. */
const MAX_DATABASES = 8;

/** What the target says of itself. */
export interface TargetFacts {
  readonly version: string;
  /** A standby: it refuses writes. */
  readonly inRecovery: boolean;
  /** Other client sessions in the replay's database, and those of them that run something. */
  readonly otherSessions: number;
  readonly activeSessions: number;
  /** Connections that the server would still take. */
  readonly freeConnections: number;
  /** It is the very database that keeps the journal. */
  readonly isJournal: boolean;
  /** The process ids that connections are told are not its own: a connection pooler stands in front of it. */
  readonly behindPooler: boolean;
}

/** What a look at the target found. */
export interface TargetInspection {
  /** Null: out of reach. */
  readonly facts: TargetFacts | null;
  /** Why it, or a mapped database of it, is out of reach. */
  readonly errors: readonly string[];
  /** What statements name and the target does not have, for each database. */
  readonly parsed: readonly (ParseResult & { readonly database: string })[];
  /** Databases beyond the first eight: nobody looked into these. */
  readonly leftOut: number;
}

/** The kind of another login's backend is hidden from one that is no member of pg_read_all_stats; its user is not. */
const FACTS_SQL = `
  SELECT pg_is_in_recovery()::text,
         count(*) FILTER (WHERE datname = current_database() AND pid <> pg_backend_pid())::text,
         count(*) FILTER (WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle')::text,
         (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - count(*) + 1)::text,
         pg_backend_pid()::text
  FROM pg_stat_activity WHERE coalesce(backend_type = 'client backend', usename IS NOT NULL)`;

/** Of connections that look at a database and change nothing. */
function lookingOptions(request: ReplayRequest, database: string): ConnectOptions {
  return {
    connectTimeoutMs: request.connectTimeoutMs,
    applicationName: 'reprise preflight',
    statementTimeoutMs: 5_000,
    readOnly: true,
    database,
    settings: { lock_timeout: '1000' },
  };
}

/** Connects to the target and asks it what a replay would meet. `databaseFor`: see `mapDatabases`. */
export async function inspectTarget(
  target: ResolvedTarget,
  request: ReplayRequest,
  journalFacts: DatabaseFacts | null,
  sample: WindowSample,
  databaseFor: (recorded: string | null) => string | null,
  ms: number,
): Promise<TargetInspection> {
  const byDatabase = new Map<string, StatementKind[]>([[target.database, []]]);
  for (const kind of sample.kinds) {
    const database = databaseFor(kind.database) ?? target.database;
    const kinds = byDatabase.get(database);
    if (kinds !== undefined) kinds.push(kind);
    else byDatabase.set(database, [kind]);
  }
  const leftOut = Math.max(0, byDatabase.size - MAX_DATABASES);
  const until = performance.now() + ms;
  const errors: string[] = [];
  const parsed: (ParseResult & { readonly database: string })[] = [];
  let facts: TargetFacts | null = null;
  for (const [database, kinds] of [...byDatabase].slice(0, MAX_DATABASES)) {
    // The target's own database is asked about the server when no statement goes anywhere.
    if (kinds.length === 0 && byDatabase.size > 1) continue;
    let connection: TargetConnection | null = null;
    try {
      connection = await TargetConnection.connect(target, lookingOptions(request, database));
      const here = await readTargetFacts(connection, journalFacts);
      facts = facts === null || here.isJournal ? here : facts;
      if (here.isJournal) continue;
      const again = askTheirLogins(target, request, sample, database);
      parsed.push({ database, ...(await parseOnTarget(connection, kinds, sample, until - performance.now(), again)) });
    } catch (error) {
      errors.push(messageOf(error));
    } finally {
      await connection?.close();
    }
  }
  return { facts, errors, parsed, leftOut };
}

/**
 * Of statements that only mapped users run, what all of their logins find is not missing: a table in the schema of a login's
 * own name, say, where the target's own user does not look.
 */
function askTheirLogins(target: ResolvedTarget, request: ReplayRequest, sample: WindowSample, database: string): Again {
  const recorded = new Set<string | null>(request.users.map((mapped) => mapped.recorded));
  const isTheirs = ({ byUser, calls }: StatementKind) => {
    let seen = 0;
    for (const [user, count] of byUser) if (recorded.has(user)) seen += count;
    return seen === calls;
  };
  return async (refusals, deadline) => {
    const asked = new Set<Refusal>();
    const missing = new Set<Refusal['kind']>();
    for (const mapped of request.users) {
      const theirs = refusals.filter(({ kind }) => kind.byUser.has(mapped.recorded) && isTheirs(kind));
      if (theirs.length === 0) continue;
      if (performance.now() >= deadline) return { refusals, complete: false };
      let connection: TargetConnection | null = null;
      try {
        connection = await TargetConnection.connect(target, {
          ...lookingOptions(request, database),
          user: mapped.user,
          password: mapped.password,
        });
        const answer = await refusalsOf(connection, theirs, sample.searchPaths, deadline, PREPARE, (refusal) =>
          isMissing(refusal, PREPARE, sample),
        );
        if (!answer.complete) return { refusals, complete: false };
        for (const refusal of theirs) asked.add(refusal);
        for (const { kind } of answer.refusals) missing.add(kind);
      } catch {
        // `inspectLogins` tells who is not let in.
      } finally {
        await connection?.close();
      }
    }
    return { refusals: refusals.filter((one) => !asked.has(one) || missing.has(one.kind)), complete: true };
  };
}

/** Asks a connected target what it is; `journalFacts` null: it cannot be the journal's. */
export async function readTargetFacts(
  connection: TargetConnection,
  journalFacts: DatabaseFacts | null,
): Promise<TargetFacts> {
  const isJournal = journalFacts !== null && isSameDatabase(journalFacts, await readDatabaseFacts(connection));
  const { rows } = await connection.query(FACTS_SQL);
  const [inRecovery, others, active, free, processId] = rows[0] ?? [];
  return {
    version: connection.serverVersion,
    inRecovery: inRecovery === 'true',
    otherSessions: Number(others),
    activeSessions: Number(active),
    freeConnections: Number(free),
    isJournal,
    behindPooler: Number(processId) !== connection.processId,
  };
}

/** Sentence for a replay whose target is the journal's database. */
export function isJournalMessage(target: ResolvedTarget): string {
  return `${targetLabel(target)} is the database that keeps the journal`;
}
