import { RepriseError } from '../errors.ts';
import type { CommittedProfile, Coverage, JournalStore, SessionSpan, WindowProfile } from '../journal/store.ts';
import type { DatabaseFacts } from '../target/identity.ts';
import { type ResolvedTarget, targetLabel } from '../target/spec.ts';
import { counted } from './counted.ts';
import type { SkipReason } from './event.ts';
import { readLeftOut } from './left-out.ts';
import { lossInWindow } from './lost-in-window.ts';
import { mapDatabases, openPlan, type Plan, planFilter, readSessions } from './plan.ts';
import { inspectLogins, type LoginInspection } from './preflight-logins.ts';
import {
  aboutCompleteness,
  aboutConnections,
  aboutLogins,
  aboutMappings,
  aboutStatements,
  aboutTarget,
  aboutTimeout,
  type PreflightProblem,
  Problems,
} from './preflight-problems.ts';
import { sampleWindow } from './preflight-sample.ts';
import { inspectTarget } from './preflight-target.ts';
import type { ReplayRequest } from './request.ts';

/** How much of a preflight's time goes where. */
const LIMITS = { kinds: 5_000, sampleMs: 4_000, parseMs: 6_000, loginsMs: 4_000 } as const;

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
  const within = committed === null ? profile : { ...committed, entries: committed.entries - committed.failed };
  const byType = scaled(within.byType, request.scale);
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
    if (reason !== 'FAILED_IN_RECORD')
      problems.warn(reason, `${counted(count, 'statement')} would be skipped: ${reason}`);
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
    estimatedMs: estimate(within, profile.longestSessionMs, request),
    coverage,
    problems: problems.list,
  };
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
