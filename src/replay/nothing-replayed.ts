import { type Entry, STATEMENT_TYPES } from '../journal/entry.ts';
import type { JournalStore } from '../journal/store.ts';
import { changesSession, type EntryFilter, matchesStatement } from '../journal/window.ts';
import type { SkipReason } from './event.ts';
import { planFilter } from './plan.ts';
import type { ReplayRequest } from './request.ts';
import type { ReplaySummary } from './summary.ts';

/** What a process has seen of a run, as its report counts it. */
export interface SeenOutcomes {
  /** Skipped statements by reason. */
  readonly skips: ReadonlyMap<SkipReason, number>;
  /** Statements that were sent and only begin, end or part transactions. */
  readonly control: number;
  /** Those that change their session, and that the filter let through for that alone. */
  readonly sessionState: number;
}

/** Which of the two counts a statement that was sent belongs to. */
export function passesAnyFilter(entry: Entry, filter: EntryFilter): 'control' | 'sessionState' | null {
  if (entry.statementType === 'TRANSACTION') return 'control';
  return changesSession(entry) && !matchesStatement(filter, entry) ? 'sessionState' : null;
}

/**
 * Why a run that has walked its plan to the end sent no statement, or nothing but what passes every filter (transaction control
 * and session state): a sentence. Null where it sent others. `seen`: by this process and by those that ran the run before.
 * @throws RepriseError STORE_UNAVAILABLE
 */
export async function whyNothingReplayed(
  journal: JournalStore,
  request: ReplayRequest,
  { succeeded, failed, cascades, unknown, skipped }: ReplaySummary,
  seen: readonly SeenOutcomes[],
): Promise<string | null> {
  const control = seen.reduce((sum, part) => sum + part.control, 0);
  const sessionState = seen.reduce((sum, part) => sum + part.sessionState, 0);
  const sent = succeeded + failed + cascades + unknown;
  if (sent > control + sessionState) return null;
  const only = sessionState === 0 ? 'transaction control' : 'transaction control and session state';
  const [nothing, other] = sent === 0 ? ['nothing was replayed', ''] : [`nothing but ${only} was replayed`, 'other '];
  if (skipped > 0) return `${nothing}: ${allSkipped(skipped, seen, other)}`;
  const entriesOf = async (filter: EntryFilter) =>
    (await journal.databaseCounts(request.window, filter)).reduce((sum, { entries }) => sum + entries, 0);
  const others = (filter: EntryFilter) => (sent === 0 ? filter : withoutControl(filter));
  const entries = await entriesOf(others({}));
  if (entries === 0) return `${nothing}: the window holds no ${other}statement`;
  const passing = await entriesOf(others(planFilter(request)));
  if (passing === 0) return `${nothing}: ${noneOf(entries, other)} in the window passes ${sievesOf(request)}`;
  const committed = request.ordering === 'COMMIT' ? 'committed in it' : 'lies in it whole';
  return `${nothing}: ${noneOf(passing, other)} in the window is of a transaction that ${committed} (edges ${request.edges})`;
}

function withoutControl({ statementTypes = STATEMENT_TYPES, ...filter }: EntryFilter): EntryFilter {
  return {
    ...filter,
    statementTypes: statementTypes.filter((type) => type !== 'TRANSACTION'),
    keepControl: false,
  };
}

function allSkipped(skipped: number, seen: readonly SeenOutcomes[], other: string): string {
  const all =
    skipped === 1 ? `its only ${other}statement was skipped` : `all ${skipped} ${other}statements were skipped`;
  const skips = new Map<SkipReason, number>();
  for (const [reason, count] of seen.flatMap((part) => [...part.skips]))
    skips.set(reason, (skips.get(reason) ?? 0) + count);
  const reasons = [...skips].sort(([, a], [, b]) => b - a);
  return `${all} (${reasons.map(([reason, count]) => `${reason} ${count}`).join(', ')})`;
}

function noneOf(entries: number, other: string): string {
  return entries === 1 ? `the only ${other}statement` : `none of the ${entries} ${other}statements`;
}

function sievesOf({ filter, databases }: ReplayRequest): string {
  const sieves = [
    ...(Object.keys(filter).length > 0 ? ['the filter'] : []),
    ...(databases !== null && filter.databases === undefined ? ['the mapping of databases'] : []),
  ];
  return sieves.join(' and ');
}
