import { messageOf, RepriseError } from '../errors.ts';
import type { Coverage, JournalStore, SessionSpan } from '../journal/store.ts';
import { TargetConnection } from '../target/connection.ts';
import { type DatabaseFacts, isSameDatabase, readDatabaseFacts } from '../target/identity.ts';
import { type ResolvedTarget, targetLabel } from '../target/spec.ts';
import { mapDatabases, planFilter } from './plan.ts';
import type { ReplayRequest } from './request.ts';

export interface PreflightProblem {
  /** ERROR: the replay would fail or be refused. WARNING: it would run, with less than was recorded. */
  readonly severity: 'ERROR' | 'WARNING';
  readonly code: string;
  readonly message: string;
}

/** What a replay would do, found out without doing it. */
export interface Preflight {
  readonly targetLabel: string;
  readonly reachable: boolean;
  readonly serverVersion: string | null;
  readonly statements: number;
  readonly transactions: number;
  readonly sessions: number;
  /** Most sessions between their first and last statement at the same moment. */
  readonly sessionsAtOnce: number;
  readonly reads: number;
  readonly writes: number;
  /** Estimated run time: the recorded span at the asked speed, or the recorded durations as fast as possible. */
  readonly estimatedMs: number | null;
  readonly coverage: Coverage;
  readonly problems: readonly PreflightProblem[];
}

const READS = new Set(['SELECT']);
const WRITES = new Set(['INSERT', 'UPDATE', 'DELETE', 'DDL']);

/** Finds out what a replay would meet. Problems are data; only a bug rejects. */
export async function preflight(
  journal: JournalStore,
  request: ReplayRequest,
  target: ResolvedTarget,
  journalFacts: DatabaseFacts | null,
): Promise<Preflight> {
  const problems: PreflightProblem[] = [];
  const problem = (severity: 'ERROR' | 'WARNING', code: string, message: string) => problems.push({ severity, code, message });
  const filter = planFilter(request);
  const coverage = await journal.coverage(request.window, 1);
  const spans = await journal.sessionSpans(request.window, filter);
  const statements =
    request.ordering === 'COMMIT'
      ? (await journal.committedCount(request.window, filter)).entries
      : spans.reduce((sum, span) => sum + span.entries, 0);
  try {
    mapDatabases(request, spans.map((span) => span.database));
  } catch (error) {
    if (!(error instanceof RepriseError)) throw error;
    problem('ERROR', error.code, error.message);
  }
  const sessionsAtOnce = mostAtOnce(spans) * request.scale;
  if (request.ordering !== 'COMMIT' && sessionsAtOnce > request.maxConnections - 1) {
    problem(
      'WARNING',
      'CONNECTION_LIMIT',
      `${sessionsAtOnce} sessions are open at once and maxConnections is ${request.maxConnections}: sessions without state will take turns`,
    );
  }
  for (const loss of coverage.losses) {
    problem('WARNING', loss.reason, `${loss.count} × ${loss.reason} in the window${loss.detail === null ? '' : `: ${loss.detail}`}`);
  }
  if (statements === 0) problem('WARNING', 'EMPTY_WINDOW', 'the window holds no statement that would be replayed');
  const server = await reach(target, request, journalFacts, problem);
  let reads = 0;
  let writes = 0;
  for (const [type, count] of Object.entries(coverage.byType)) {
    if (READS.has(type)) reads += count;
    else if (WRITES.has(type)) writes += count;
  }
  if (request.readOnly && writes > 0) {
    problem('WARNING', 'READ_ONLY', `${writes} statements of the window write, and the target's sessions will be read-only: these fail with 25006`);
  }
  return {
    targetLabel: targetLabel(target),
    reachable: server !== null,
    serverVersion: server?.version ?? null,
    statements,
    transactions: coverage.transactions.committed + coverage.transactions.rolledBack + coverage.transactions.open,
    sessions: spans.length,
    sessionsAtOnce,
    reads,
    writes,
    estimatedMs:
      request.pace.mode === 'RECORDED' && coverage.first !== null && coverage.last !== null
        ? (coverage.last - coverage.first) / 1000 / request.pace.speed
        : null,
    coverage,
    problems,
  };
}

async function reach(
  target: ResolvedTarget,
  request: ReplayRequest,
  journalFacts: DatabaseFacts | null,
  problem: (severity: 'ERROR' | 'WARNING', code: string, message: string) => void,
): Promise<{ readonly version: string } | null> {
  let connection: TargetConnection;
  try {
    connection = await TargetConnection.connect(target, {
      connectTimeoutMs: request.connectTimeoutMs,
      applicationName: 'reprise preflight',
      statementTimeoutMs: 10_000,
      readOnly: true,
    });
  } catch (error) {
    problem('ERROR', 'TARGET_UNREACHABLE', messageOf(error));
    return null;
  }
  try {
    if (journalFacts !== null && isSameDatabase(journalFacts, await readDatabaseFacts(connection))) {
      problem('ERROR', 'TARGET_REFUSED', `${targetLabel(target)} is the database that keeps the journal`);
    }
    return { version: connection.serverVersion };
  } finally {
    await connection.close();
  }
}

function mostAtOnce(spans: readonly SessionSpan[]): number {
  const edges = spans.flatMap((span) => [
    { at: span.first.timestamp, step: 1 },
    { at: span.last.timestamp, step: -1 },
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
