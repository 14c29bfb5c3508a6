import { RepriseError } from '../errors.ts';
import type { CommittedProfile, Coverage, JournalStore, SessionSpan, WindowProfile } from '../journal/store.ts';
import type { DatabaseFacts } from '../target/identity.ts';
import { type ResolvedTarget, targetLabel } from '../target/spec.ts';
import type { SkipReason } from './event.ts';
import { readLeftOut } from './left-out.ts';
import { lossInWindow } from './lost-in-window.ts';
import { mapDatabases, openPlan, type Plan, planFilter, readSessions } from './plan.ts';
import { inspectLogins, type LoginInspection, MAX_LOGINS } from './preflight-logins.ts';
import type { ParseFinding } from './preflight-parse.ts';
import { sampleWindow, type WindowSample } from './preflight-sample.ts';
import { inspectTarget, isJournalMessage, type TargetInspection } from './preflight-target.ts';
import { refusalOf } from './refusal.ts';
import type { ReplayRequest } from './request.ts';

/** How much of a preflight's time goes where, and what it lists. */
const LIMITS = { kinds: 5_000, sampleMs: 4_000, parseMs: 6_000, loginsMs: 4_000, findings: 50 } as const;

/** Something that a run would meet. */
export interface PreflightProblem {
  /**
   * ERROR: the replay, or statements of it, would fail or be refused. WARNING: it would run, with less than was
   * recorded or asked for.
   */
  readonly severity: 'ERROR' | 'WARNING';
  readonly code: string;
  readonly message: string;
}

/** What a replay would do, found out without doing it. */
export interface Preflight {
  readonly targetLabel: string;
  readonly reachable: boolean;
  readonly serverVersion: string | null;
  /** Other client sessions in the target's database; null when out of reach. */
  readonly otherSessions: number | null;
  /** Statements that would be reported on. */
  readonly statements: number;
  /** Transactions that would be replayed, times `scale`: in COMMIT ordering the committed ones. */
  readonly transactions: number;
  /** Transactions of the entries that pass the filter, by what became of them in the record. */
  readonly transactionsByStatus: Coverage['transactions'];
  readonly sessions: number;
  /** Most sessions between their first and last statement at the same moment, times `scale`. */
  readonly sessionsAtOnce: number;
  /** Entries that pass the filter and read, or write, times `scale`; in COMMIT ordering those that a run sends. */
  readonly reads: number;
  readonly writes: number;
  /** The same by what they do; types without entries are left out. */
  readonly byType: WindowProfile['byType'];
  /** Entries that would be skipped, by why. */
  readonly skipped: readonly { readonly reason: SkipReason; readonly count: number }[];
  /** Different statements found, and how many the target was asked about. */
  readonly statementKinds: number;
  readonly kindsChecked: number;
  /**
   * Estimated run time in milliseconds: the recorded span at the asked speed (with capped gaps the schedule takes at
   * most this), or the recorded durations as fast as possible; null where none is recorded.
   */
  readonly estimatedMs: number | null;
  readonly coverage: Coverage;
  readonly problems: readonly PreflightProblem[];
}

const NO_LOGINS: LoginInspection = { errors: [], findings: [], complete: true, leftOut: 0 };
const READS = ['SELECT'] as const;
const WRITES = ['INSERT', 'UPDATE', 'DELETE', 'DDL'] as const;

/** Finds out what a replay would meet, in at most some fifteen seconds. Problems are data; only a bug rejects. */
export async function preflight(
  journal: JournalStore,
  request: ReplayRequest,
  target: ResolvedTarget,
  journalFacts: DatabaseFacts | null,
): Promise<Preflight> {
  const problems = new Problems();
  const filter = planFilter(request);
  const coverage = await journal.coverage(request.window, 1);
  const profile = await journal.profile(request.window, filter);
  const spans = await journal.sessionSpans(request.window, filter);
  const committed =
    request.ordering === 'COMMIT' ? await journal.committedProfile(request.window, filter, request.edges) : null;
  const atEdges = committed === null ? await planAtEdges(journal, request, problems) : null;
  const statements = (committed?.entries ?? atEdges?.planned ?? profile.entries) * request.scale;
  const transactions = committed?.transactions ?? total(profile.transactions) - (atEdges?.leftOut ?? 0);
  const sample = await sampleWindow(journal, request.window, filter, profile.entries, {
    kinds: LIMITS.kinds,
    ms: LIMITS.sampleMs,
  });
  const databaseFor = databasesOf(request, spans, problems);
  const inspection = await inspectTarget(target, request, journalFacts, sample, databaseFor, LIMITS.parseMs);
  // A target that is out of reach lets nobody in, and says so.
  const { parsed } = inspection;
  const logins =
    inspection.errors.length > 0 || inspection.facts?.isJournal === true
      ? NO_LOGINS
      : await inspectLogins({
          ...{ journal, target, request, sessions: spans, sample, databaseFor, parsed },
          ms: LIMITS.loginsMs,
        });
  const sessionsAtOnce = mostAtOnce(spans) * request.scale;
  const skipped = skippedOf(profile, committed, request);
  const counted = committed === null ? profile : { ...committed, entries: committed.entries - committed.failed };
  const byType = scaled(counted.byType, request.scale);
  const writes = sum(byType, WRITES);

  if (statements === 0) problems.warn('EMPTY_WINDOW', 'the window holds no statement that would be replayed');
  aboutTarget(inspection, target, writes, request, problems);
  for (const error of logins.errors) problems.error('TARGET_UNREACHABLE', error);
  aboutMappings(spans, request, problems);
  for (const message of await readLeftOut(journal, request)) problems.warn('DATABASE_LEFT_OUT', message);
  aboutConnections(inspection, sessionsAtOnce, request, problems);
  aboutStatements(inspection, sample, target, request, problems);
  aboutTimeout(profile, request, problems);
  aboutLogins(logins, target, problems);
  aboutCompleteness(inspection, logins, sample, problems);
  for (const { reason, count } of skipped) {
    if (reason !== 'FAILED_IN_RECORD') problems.warn(reason, `${count} statements would be skipped: ${reason}`);
  }
  for (const loss of coverage.losses) {
    // Told above, and more exactly, for the filter.
    if (!(loss.reason in profile.unreplayable)) problems.warn(loss.reason, lossInWindow(loss));
  }
  return {
    targetLabel: targetLabel(target),
    reachable: inspection.facts !== null,
    serverVersion: inspection.facts?.version ?? null,
    otherSessions: inspection.facts?.otherSessions ?? null,
    statements,
    transactions: transactions * request.scale,
    transactionsByStatus: profile.transactions,
    sessions: spans.length,
    sessionsAtOnce,
    reads: sum(byType, READS),
    writes,
    byType,
    skipped,
    statementKinds: sample.kinds.length,
    kindsChecked: parsed.reduce((all, { checked }) => all + checked, 0),
    estimatedMs: estimate(counted, profile.longestSessionMs, request),
    coverage,
    problems: problems.list,
  };
}

class Problems {
  readonly list: PreflightProblem[] = [];

  error(code: string, message: string): void {
    this.list.push({ severity: 'ERROR', code, message });
  }

  warn(code: string, message: string): void {
    this.list.push({ severity: 'WARNING', code, message });
  }
}

/** What becomes of transactions that straddle the window's edges; null where they are cut, and the window's entries are all. */
async function planAtEdges(journal: JournalStore, request: ReplayRequest, problems: Problems): Promise<Plan | null> {
  if (request.edges === 'CUT') return null;
  const { arrival } = await journal.tailEnd();
  const { sessions } = await readSessions(journal, request);
  const straddlers = await journal.straddlers(request.window, planFilter(request));
  try {
    return await openPlan(journal, request, sessions, arrival, straddlers);
  } catch (error) {
    if (!(error instanceof RepriseError) || error.code !== 'LIMIT_EXCEEDED') throw error;
    problems.error(error.code, error.message);
    return null;
  }
}

function databasesOf(request: ReplayRequest, spans: readonly SessionSpan[], problems: Problems) {
  try {
    return mapDatabases(
      request,
      spans.map((span) => span.database),
    );
  } catch (error) {
    if (!(error instanceof RepriseError)) throw error;
    problems.error(error.code, error.message);
    return () => null;
  }
}

function aboutTarget(
  { facts, errors }: TargetInspection,
  target: ResolvedTarget,
  writes: number,
  request: ReplayRequest,
  problems: Problems,
): void {
  for (const error of errors) problems.error('TARGET_UNREACHABLE', error);
  if (facts?.isJournal) {
    problems.error('TARGET_REFUSED', isJournalMessage(target));
    return;
  }
  if (writes > 0 && facts?.inRecovery) {
    problems.error('TARGET_STANDBY', `the target is a standby: ${writes} statements that write would fail with 25006`);
  } else if (writes > 0 && request.readOnly) {
    problems.warn(
      'READ_ONLY',
      `${writes} statements of the window write, and the target's sessions will be read-only: these fail with 25006`,
    );
  }
  if (facts?.behindPooler) {
    problems.warn(
      'BEHIND_POOLER',
      'the target is reached through a connection pooler: one that pools transactions is refused, and behind one that pools ' +
        'sessions statements that wait for locks of the replay hold it up; name the server itself where you can',
    );
  }
  if (facts !== null && facts.otherSessions > 0) {
    problems.warn(
      'TARGET_IN_USE',
      `${facts.otherSessions} other sessions are connected to the target's database, ${facts.activeSessions} of them busy: ` +
        'their locks and load will show in the results, and what the replay writes will meet them',
    );
  }
}

/** Behind a user that is misspelt, sessions log in as the target's user; behind a database, they are left out. */
function aboutMappings(spans: readonly SessionSpan[], { users, databases }: ReplayRequest, problems: Problems): void {
  if (spans.length === 0) return;
  const unused = (what: 'user' | 'database', mapped: readonly { readonly recorded: string }[]) => {
    const recorded = new Set(spans.map((span) => span[what]));
    for (const { recorded: name } of mapped) {
      if (recorded.has(name)) continue;
      const message = `no session of the window is of ${what} ${JSON.stringify(name)}: its mapping has no effect`;
      problems.warn('UNUSED_MAPPING', message);
    }
  };
  unused('user', users);
  unused('database', databases ?? []);
}

function aboutConnections(
  { facts }: TargetInspection,
  sessionsAtOnce: number,
  { ordering, maxConnections }: ReplayRequest,
  problems: Problems,
): void {
  // One more watches for locks.
  const wanted = ordering === 'COMMIT' ? 2 : Math.min(sessionsAtOnce + 1, maxConnections);
  if (ordering !== 'COMMIT' && sessionsAtOnce > maxConnections - 1) {
    problems.warn(
      'CONNECTION_LIMIT',
      `${sessionsAtOnce} sessions are open at once and maxConnections is ${maxConnections}: sessions without state will take turns`,
    );
  }
  if (facts !== null && facts.freeConnections < wanted) {
    problems.warn(
      'CONNECTION_LIMIT',
      `the run wants up to ${wanted} connections and the target has ${Math.max(0, facts.freeConnections)} to spare: ` +
        "raise its max_connections, or lower the run's maxConnections",
    );
  }
}

function aboutStatements(
  { parsed }: TargetInspection,
  sample: WindowSample,
  target: ResolvedTarget,
  request: ReplayRequest,
  problems: Problems,
): void {
  for (const { database, findings } of parsed) {
    const where = database === target.database ? '' : ` in database ${database}`;
    for (const finding of findings.slice(0, LIMITS.findings)) problems.error(finding.code, findingText(finding, where));
    const more = findings.length - LIMITS.findings;
    if (more > 0)
      problems.error('MORE_FINDINGS', `${more} more things that statements name and the target does not have`);
  }
  const refused = sample.kinds.filter(
    ({ text }) => refusalOf({ statement: text, parameters: [], unreplayable: null }, request) !== null,
  );
  if (refused[0] !== undefined) {
    const what = refused.length === 1 ? '1 statement' : `${refused.length} different statements`;
    problems.warn(
      'READ_ONLY',
      `${what} would be skipped, since they make their session writable, such as ${oneLine(refused[0].text)}`,
    );
  }
}

function aboutTimeout({ longestMs }: WindowProfile, { statementTimeoutMs }: ReplayRequest, problems: Problems): void {
  if (longestMs <= statementTimeoutMs) return;
  problems.warn(
    'STATEMENT_TIMEOUT',
    `statements of the window took up to ${Math.ceil(longestMs)} ms, and statementTimeoutMs is ${statementTimeoutMs}: ` +
      'those that take longer on the target fail with 57014, unless their session sets its own statement_timeout',
  );
}

function aboutLogins({ findings }: LoginInspection, target: ResolvedTarget, problems: Problems): void {
  for (const finding of findings.slice(0, LIMITS.findings)) {
    const where = finding.database === target.database ? '' : ` in database ${finding.database}`;
    problems.error(finding.code, findingText(finding, ` for login ${JSON.stringify(finding.login)}${where}`));
  }
  const more = findings.length - LIMITS.findings;
  if (more > 0) problems.error('MORE_FINDINGS', `${more} more things that logins may not do or do not find`);
}

function findingText({ sqlstate, message, kinds, calls, sample }: ParseFinding, where: string): string {
  const what = kinds === 1 ? `1 statement, ${calls} times` : `${kinds} different statements, ${calls} times`;
  return `${message} (${sqlstate})${where}: ${what}, such as ${oneLine(sample)}`;
}

function aboutCompleteness(
  { parsed, facts, leftOut }: TargetInspection,
  logins: LoginInspection,
  sample: WindowSample,
  problems: Problems,
): void {
  if (!sample.complete) {
    problems.warn(
      'CHECK_INCOMPLETE',
      `the window is large: ${sample.entries} entries with ${sample.kinds.length} different statements were looked at, in parts all over it`,
    );
  } else if (facts !== null && (!logins.complete || parsed.some(({ complete }) => !complete))) {
    problems.warn(
      'CHECK_INCOMPLETE',
      'the target has not answered about every different statement: it was too slow, something there is locked, or a connection was lost',
    );
  }
  if (leftOut > 0)
    problems.warn('CHECK_INCOMPLETE', `${leftOut} of the databases that statements go to were not asked about them`);
  if (logins.leftOut > 0) {
    problems.warn(
      'CHECK_INCOMPLETE',
      `${logins.leftOut} of the logins of the window (each in each of its databases) were not tried: only the first ${MAX_LOGINS} are`,
    );
  }
}

function skippedOf(
  profile: WindowProfile,
  committed: CommittedProfile | null,
  { scale }: ReplayRequest,
): Preflight['skipped'] {
  const { unreplayable } = committed ?? profile;
  const skipped: { reason: SkipReason; count: number }[] = Object.entries(unreplayable).map(([reason, count]) => ({
    reason: reason as SkipReason,
    count: count * scale,
  }));
  if (committed !== null && committed.failed > 0) skipped.push({ reason: 'FAILED_IN_RECORD', count: committed.failed });
  return skipped;
}

/**
 * TIMESTAMP and COMMIT run one statement after another; SESSION as many at once as there are connections, and never
 * faster than its longest session. What the record does not tell counts as the average of what it does.
 */
function estimate(
  { entries, timed, recordedMs, first, last }: Omit<CommittedProfile, 'transactions'>,
  longestSessionMs: number,
  { pace, ordering, maxConnections, scale }: ReplayRequest,
): number | null {
  if (first === null || last === null) return null;
  if (pace.mode === 'RECORDED') {
    const spanMs = (last - first) / 1000;
    // Which gaps are that long is not known, only how many there are.
    const mostMs = pace.maxIdleMs === null ? spanMs : Math.min(spanMs, (entries - 1) * pace.maxIdleMs);
    return mostMs / pace.speed;
  }
  if (timed === 0) return null;
  const untimed = entries / timed;
  if (ordering !== 'SESSION') return recordedMs * untimed;
  return Math.max(longestSessionMs, (recordedMs * scale) / (maxConnections - 1)) * untimed;
}

function scaled(byType: WindowProfile['byType'], scale: number): WindowProfile['byType'] {
  return Object.fromEntries(Object.entries(byType).map(([type, count]) => [type, count * scale]));
}

function sum<Key extends string>(counts: Readonly<Partial<Record<Key, number>>>, keys: readonly Key[]): number {
  return keys.reduce((all, key) => all + (counts[key] ?? 0), 0);
}

function total({ committed, rolledBack, open }: Coverage['transactions']): number {
  return committed + rolledBack + open;
}

function oneLine(statement: string): string {
  return statement.length > 200 ? `${statement.slice(0, 199)}…` : statement;
}

function mostAtOnce(spans: readonly SessionSpan[]): number {
  const edges = spans.flatMap((span) => [
    { at: span.first, step: 1 },
    { at: span.last, step: -1 },
  ]);
  // At one moment, who comes is counted before who goes.
  edges.sort((a, b) => a.at - b.at || b.step - a.step);
  let open = 0;
  let most = 0;
  for (const edge of edges) {
    open += edge.step;
    most = Math.max(most, open);
  }
  return most;
}
