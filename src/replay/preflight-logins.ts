import { messageOf } from '../errors.ts';
import { countParameters, isSingleStatement, splitStatements } from '../journal/sql-tokens.ts';
import type { JournalStore, SessionSpan } from '../journal/store.ts';
import { TargetConnection } from '../target/connection.ts';
import type { ResolvedTarget } from '../target/spec.ts';
import { findEarlierState } from './earlier-state.ts';
import { pathChanges } from './ids/search-path.ts';
import { MAY, mayDo } from './marked-statements.ts';
import {
  grouped,
  isMissing,
  type ParseFinding,
  type ParseResult,
  questionsOf,
  type Refusal,
  refusalsOf,
  send,
  stillRefused,
  type Way,
} from './preflight-parse.ts';
import { type StatementKind, searchPathOf, type WindowSample } from './preflight-sample.ts';
import type { ReplayRequest } from './request.ts';
import { sessionKey } from './session-key.ts';

/** Logins that are tried, each in each of its databases. */
export const MAX_LOGINS = 32;
/** Sessions whose settings from before the window are looked for: one of a user mostly sets what all of them do. */
const MAX_SESSIONS = 500;

/**
 * Planned with NULL for parameters, and rights looked up, as ahead of its execution. Planning may take long: few at once, and
 * each within the session's `statement_timeout`.
 */
const EXPLAIN: Way = {
  prefix: 'EXPLAIN (COSTS OFF) ',
  atOnce: 10,
  put: (connection, text) => send(connection, text, countParameters(text)),
};
const EXPLAIN_TIMEOUT_MS = 1_000;
const SYNTAX_ERROR = '42601';

/** What a login may not do, or does not find. */
export interface LoginFinding extends ParseFinding {
  readonly login: string;
  readonly database: string;
}

/** What became of the logins that recorded users are mapped to. */
export interface LoginInspection {
  /** Why logins that recorded users are mapped to are not let in. */
  readonly errors: readonly string[];
  readonly findings: readonly LoginFinding[];
  /** False when not every login has got an answer about every different statement of its sessions. */
  readonly complete: boolean;
  /** Logins beyond the first 32, each in each of its databases: nobody logged in as these. */
  readonly leftOut: number;
}

/** A login in one database, with the recorded sessions that would go there under it. */
interface Place {
  /** Null: the target's own. */
  readonly mapped: ReplayRequest['users'][number] | null;
  readonly user: string;
  readonly database: string;
  readonly sessions: SessionSpan[];
}

/** What the logins are looked at with. */
export interface InspectLoginsParts {
  readonly journal: JournalStore;
  readonly target: ResolvedTarget;
  readonly request: ReplayRequest;
  readonly sessions: readonly SessionSpan[];
  readonly sample: WindowSample;
  readonly databaseFor: (recorded: string | null) => string | null;
  /** What the target is known to lack whoever asks. */
  readonly parsed: readonly (ParseResult & { readonly database: string })[];
  /** For the statements of all logins. */
  readonly ms: number;
}

/**
 * Logs in as each login of the sessions of a window, where they would go, and lets the target say which of their statements
 * that login may not execute. What it says of a statement is what a run would meet, whatever gives the right: grants on
 * tables, columns, schemas and functions, roles, views.
 *
 * Not reported: users of whose sessions one is seen to take another role, in the window or before it, and anything where the
 * window itself gives rights. A false alarm would be worse than none.
 */
export async function inspectLogins(parts: InspectLoginsParts): Promise<LoginInspection> {
  const errors = new Set<string>();
  const findings: LoginFinding[] = [];
  const deadline = performance.now() + parts.ms;
  let complete = true;
  const all = placesOf(parts);
  const places = all.slice(0, MAX_LOGINS);
  for (const place of places) {
    const { mapped, user, database } = place;
    let connection: TargetConnection | null = null;
    try {
      connection = await TargetConnection.connect(parts.target, {
        connectTimeoutMs: parts.request.connectTimeoutMs,
        applicationName: 'reprise preflight',
        statementTimeoutMs: EXPLAIN_TIMEOUT_MS,
        readOnly: true,
        database,
        settings: { lock_timeout: String(EXPLAIN_TIMEOUT_MS) },
        ...(mapped === null ? {} : { user: mapped.user, password: mapped.password }),
      });
      const denied = await deniedTo(connection, place, parts, deadline);
      complete &&= denied.complete;
      for (const finding of denied.findings) findings.push({ ...finding, login: user, database });
    } catch (error) {
      // The target's own login was let in before, to look at the target.
      if (connection !== null || mapped === null) complete = false;
      else errors.add(messageOf(error));
    } finally {
      await connection?.close();
    }
  }
  return { errors: [...errors], findings, complete, leftOut: all.length - places.length };
}

function placesOf({ target, request, sessions, databaseFor }: InspectLoginsParts): readonly Place[] {
  const places = new Map<string, Place>();
  for (const session of sessions) {
    const mapped = request.users.find(({ recorded }) => recorded === session.user) ?? null;
    const database = databaseFor(session.database) ?? target.database;
    const key = JSON.stringify([mapped?.recorded ?? null, database]);
    const place = places.get(key);
    if (place !== undefined) place.sessions.push(session);
    else places.set(key, { mapped, user: mapped?.user ?? target.user, database, sessions: [session] });
  }
  return [...places.values()];
}

async function deniedTo(
  connection: TargetConnection,
  place: Place,
  { journal, request, sample, databaseFor, target, parsed }: InspectLoginsParts,
  deadline: number,
): Promise<{ readonly findings: readonly ParseFinding[]; readonly complete: boolean }> {
  if (sample.givesRights || (await isSuperuser(connection))) return { findings: [], complete: true };
  const users = new Set(place.sessions.map(({ user }) => user).filter((user) => !sample.roleUsers.has(user)));
  const callsOf = ({ byUser }: StatementKind) =>
    [...byUser].reduce((sum, [user, calls]) => (users.has(user) ? sum + calls : sum), 0);
  const isOfPlace = (kind: StatementKind) =>
    (databaseFor(kind.database) ?? target.database) === place.database && callsOf(kind) > 0;
  const lacking = new Set(
    parsed.flatMap(({ database, findings }) => (database === place.database ? findings.map(saying) : [])),
  );
  const isDenied = (refusal: Refusal) => {
    const { sqlstate, message } = refusal.outcome;
    if (sqlstate === '42501') return !namesMade(message ?? '', sample);
    // Whoever cannot look into a schema is told that there is no such table.
    return sqlstate !== SYNTAX_ERROR && isMissing(refusal, EXPLAIN, sample) && !lacking.has(saying(refusal.outcome));
  };
  const questions = sample.kinds.filter(isOfPlace).flatMap(questionsOf);
  const asked = await refusalsOf(connection, questions, sample.searchPaths, deadline, EXPLAIN, isDenied);
  if (asked.refusals.length === 0) return { findings: [], complete: asked.complete };
  const theirs = place.sessions.filter(({ user }) => users.has(user)).slice(0, MAX_SESSIONS);
  const earlier = await earlierOf(journal, request, theirs);
  for (const user of earlier.unclear) users.delete(user);
  const again = await stillRefused(connection, asked.refusals, earlier.searchPaths, deadline, EXPLAIN);
  const denied = again.refusals.filter(({ kind }) => callsOf(kind) > 0);
  return { findings: grouped(denied, callsOf), complete: asked.complete && again.complete };
}

async function isSuperuser(connection: TargetConnection): Promise<boolean> {
  const { rows } = await connection.query('SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user');
  return rows[0]?.[0] === 't';
}

function saying({ sqlstate, message }: { readonly sqlstate: string | null; readonly message: string | null }): string {
  return `${sqlstate} ${message}`;
}

/** Words of the server's sentence that are no names. */
const SENTENCE = new Set(
  'permission denied for table view sequence schema function relation foreign materialized'.split(' '),
);

/** Whether the server speaks of something that the window makes, which then belongs to whoever makes it. */
function namesMade(message: string, { made }: WindowSample): boolean {
  return (
    made.size > 0 && (message.match(/[\p{L}\p{N}_$]+/gu) ?? []).some((word) => !SENTENCE.has(word) && made.has(word))
  );
}

/** What sessions have set before the window: search paths, and the users of those that may have taken another role. */
async function earlierOf(
  journal: JournalStore,
  { window }: ReplayRequest,
  sessions: readonly SessionSpan[],
): Promise<{ readonly searchPaths: readonly string[]; readonly unclear: ReadonlySet<string | null> }> {
  const byKey = new Map(sessions.map((session) => [sessionKey(session), session]));
  const searchPaths = new Set<string>();
  const unclear = new Set<string | null>();
  const wanted = [...byKey].map(([key, { sessionId }]) => ({ key, sessionId }));
  const { made } = await findEarlierState(journal, window.from, wanted);
  for (const [key, entries] of made) {
    const user = byKey.get(key)?.user ?? null;
    for (const { statement } of entries) {
      const path = isSingleStatement(statement) ? searchPathOf(statement) : null;
      if (path !== null) searchPaths.add(path);
      else if (
        splitStatements(statement).some((part) => pathChanges(part).length > 0) ||
        (mayDo(statement) & MAY.CHANGE_ROLE) !== 0
      )
        unclear.add(user);
    }
  }
  return { searchPaths: [...searchPaths], unclear };
}
