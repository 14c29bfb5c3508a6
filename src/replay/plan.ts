import { RepriseError } from '../errors.ts';
import { compareEntryKeys, type Entry, type EntryKey, type Micros } from '../journal/entry.ts';
import type { JournalStore, TransactionWithEntries } from '../journal/store.ts';
import type { Transaction } from '../journal/transaction.ts';
import { type EntryFilter, matchesEntry, matchesStatement, type Window } from '../journal/window.ts';
import { ChainedOutside } from './chains.ts';
import type { ReplayRequest } from './request.ts';
import { keyOf, sessionKey } from './session-key.ts';
import { mayMissFailures, SilentRollbacks } from './silent-rollbacks.ts';
import { countInside, entriesOf, OutsideEntries, readBegins } from './straddlers.ts';

/**
 * Entries a page: with fewer, a walk that sends 80,000 a second on eight connections waits for the journal; with more, the garbage
 * collection has to move what waits.
 */
const PAGE = 1_000;
/** Transactions a page, in COMMIT ordering. */
const TRANSACTIONS = 500;
/** At recorded pace: while a page is taken apart nothing is sent, and each millisecond of that is lag. */
const PACED_PAGE = 200;

/** A session of the plan, with what is left of its record. */
export interface PlannedSession {
  readonly key: string;
  readonly sessionId: string;
  readonly user: string | null;
  readonly database: string | null;
  /** Time of its last entry in the window. */
  readonly last: Micros;
  /** Planned entries not yet reported on. At 0 the session's record has ended. */
  remaining: number;
}

/** The sessions of a plan, by key. */
export interface PlannedSessions {
  readonly sessions: Map<string, PlannedSession>;
  /** Whether a planned entry is of type DDL. */
  readonly holdDdl: boolean;
}

/** Where a transaction begins in the journal's total order. */
export type TransactionStart = Pick<EntryKey, 'timestamp' | 'position'>;

/** How much of the journal a walk reads at once: entries, or transactions in COMMIT ordering. */
export function pageSizeOf({ pace, ordering }: Pick<ReplayRequest, 'pace' | 'ordering'>): number {
  if (pace.mode === 'RECORDED') return PACED_PAGE;
  return ordering === 'COMMIT' ? TRANSACTIONS : PAGE;
}

/** The filter that the journal applies for a replay: transaction control and session state always pass (docs/replay.md P5). */
export function planFilter(request: ReplayRequest): EntryFilter {
  const mapped = request.databases?.map((pair) => pair.recorded);
  return {
    ...request.filter,
    ...(mapped !== undefined && request.filter.databases === undefined ? { databases: mapped } : {}),
    keepControl: true,
  };
}

/**
 * The entries of a transaction that a run in COMMIT ordering reports on; `filter`: that of its plan, `ordinal`: of the entry before.
 */
export function plannedOf(
  { window, edges }: Pick<ReplayRequest, 'window' | 'edges'>,
  filter: EntryFilter,
  { transaction, entries }: TransactionWithEntries,
  ordinal: number,
): readonly { readonly ordinal: number; readonly entry: Entry; readonly copy: number }[] {
  if (edges === 'EXCLUDE' && transaction.startedAt < window.from) return [];
  const planned: { ordinal: number; entry: Entry; copy: number }[] = [];
  for (const entry of entries) {
    if (edges === 'CUT' && (entry.timestamp < window.from || entry.timestamp > window.to)) continue;
    // The journal has chosen its transaction whole, by what that began with; users and application may change in it.
    if (!matchesStatement(filter, entry)) continue;
    planned.push({ ordinal: ordinal + planned.length + 1, entry, copy: 0 });
  }
  return planned;
}

/**
 * Target database for each recorded one.
 * @throws RepriseError DATABASES_AMBIGUOUS when the window spans several databases and the request neither
 * names one nor maps them.
 */
export function mapDatabases(
  request: ReplayRequest,
  recorded: readonly (string | null)[],
): (database: string | null) => string | null {
  const names = [...new Set(recorded.filter((name) => name !== null))].sort();
  if (request.databases === null) {
    if (names.length > 1) {
      throw new RepriseError(
        'DATABASES_AMBIGUOUS',
        `the window holds statements of ${names.length} databases (${names.join(', ')}): filter on one of them, or map each to a target database`,
        { path: ['input', 'databases'] },
      );
    }
    return () => null;
  }
  const map = new Map(request.databases.map((pair) => [pair.recorded, pair.target]));
  const missing = names.filter((name) => !map.has(name));
  if (missing.length > 0) {
    throw new RepriseError(
      'DATABASES_AMBIGUOUS',
      `no target database is given for ${missing.join(', ')}: map it, or filter it out`,
      {
        path: ['input', 'databases'],
      },
    );
  }
  return (database) => (database === null ? null : (map.get(database) ?? null));
}

/**
 * The plan of a TIMESTAMP or SESSION run: entries of the window in total order, read page by page with one
 * page ahead, and the sessions they belong to.
 */
export class Plan {
  readonly sessions: ReadonlyMap<string, PlannedSession>;
  readonly planned: number;
  private readonly journal: JournalStore;
  private readonly window: Window;
  private readonly filter: EntryFilter;
  private readonly leaveOut: ReadonlySet<string>;
  private readonly before: readonly Entry[];
  private readonly after: readonly Entry[];
  private readonly bound: bigint;
  private readonly begins: ReadonlyMap<string, string>;
  private readonly pageSize: number;
  private readonly chained: ChainedOutside;
  /** Null where all failures of the window are in the plan. */
  private readonly rollbacks: SilentRollbacks | null;
  /** Entries met that came while the plan was made: they are not planned, and may have been counted. */
  late = 0;
  private stage: 'BEFORE' | 'WINDOW' | 'END' = 'BEFORE';
  private ahead: Promise<ReadPage> | null = null;

  constructor(parts: {
    journal: JournalStore;
    window: Window;
    filter: EntryFilter;
    sessions: ReadonlyMap<string, PlannedSession>;
    leaveOut: ReadonlySet<string>;
    before: readonly Entry[];
    after: readonly Entry[];
    bound: bigint;
    begins: ReadonlyMap<string, string>;
    pageSize: number;
    missesFailures: boolean;
  }) {
    this.journal = parts.journal;
    this.window = parts.window;
    this.filter = parts.filter;
    this.sessions = parts.sessions;
    this.leaveOut = parts.leaveOut;
    this.before = parts.before;
    this.after = parts.after;
    this.bound = parts.bound;
    this.begins = parts.begins;
    this.pageSize = parts.pageSize;
    this.chained = new ChainedOutside(parts.journal, parts.filter);
    this.rollbacks = parts.missesFailures ? new SilentRollbacks(parts.journal) : null;
    let planned = 0;
    for (const session of parts.sessions.values()) planned += session.remaining;
    this.planned = planned;
  }

  /** Transactions at the edges of the window of which nothing is replayed. */
  get leftOut(): number {
    return this.leaveOut.size;
  }

  /** The next entries in total order; null when the plan has ended. Never an empty list. */
  async nextPage(): Promise<readonly Entry[] | null> {
    if (this.stage === 'BEFORE') {
      this.stage = 'WINDOW';
      await this.meet(this.before);
      this.readAhead(null);
      if (this.before.length > 0) return this.before;
    }
    while (this.stage === 'WINDOW' && this.ahead !== null) {
      const { planned, next } = await this.ahead;
      this.ahead = null;
      if (next !== null) this.readAhead(next);
      if (planned.length > 0) return planned;
    }
    if (this.stage === 'WINDOW') {
      this.stage = 'END';
      await this.meet(this.after);
      if (this.after.length > 0) return this.after;
    }
    return null;
  }

  /** The statement that opens a transaction of which the plan has no beginning; null where that is a BEGIN as any. */
  beginOf(transactionId: string): string | null {
    return this.begins.get(transactionId) ?? this.chained.beginOf(transactionId);
  }

  /** True for a transaction that has its first statement in the plan, and not what begins it. */
  isChained(transactionId: string): boolean {
    return this.chained.beginOf(transactionId) !== null;
  }

  /** True for a COMMIT that rolled back in the record, behind a failure that may not be in the plan. */
  rollsBack(entry: Entry): boolean {
    return this.rollbacks?.has(entry) === true;
  }

  private async meet(entries: readonly Entry[]): Promise<void> {
    await this.chained.meet(entries);
    await this.rollbacks?.meet(entries);
  }

  private readAhead(after: EntryKey | null): void {
    this.ahead = this.read(after);
    // The walk may end before it asks for this page; the rejection is reported when it does ask.
    this.ahead.catch(() => {});
  }

  private async read(after: EntryKey | null): Promise<ReadPage> {
    const { entries, hasMore } = await this.journal.page(this.window, this.filter, after, this.pageSize);
    const early = entries.filter((entry) => entry.arrival < this.bound);
    this.late += entries.length - early.length;
    const planned = early.filter(
      (entry) => !this.leaveOut.has(entry.transactionId) && this.sessions.has(sessionKey(entry.origin)),
    );
    await this.meet(planned);
    return { planned, next: hasMore ? (entries.at(-1) ?? null) : null };
  }
}

/** A page of the window: what of it is planned, and behind which place the next one begins. */
interface ReadPage {
  readonly planned: readonly Entry[];
  readonly next: EntryKey | null;
}

/** The sessions with entries in the window, by `sessionKey`. */
export async function readSessions(journal: JournalStore, request: ReplayRequest): Promise<PlannedSessions> {
  const sessions = new Map<string, PlannedSession>();
  let holdDdl = false;
  for (const span of await journal.sessionSpans(request.window, planFilter(request))) {
    const { sessionId, user, database, last, entries } = span;
    const key = keyOf(span);
    sessions.set(key, { key, sessionId, user, database, last, remaining: entries });
    holdDdl ||= span.ddl > 0;
  }
  return { sessions, holdDdl };
}

/** Where transactions begin that straddle the window's beginning and are planned whole, by the keys of their sessions. */
export function includedStarts(
  { window, edges }: ReplayRequest,
  straddlers: readonly Transaction[],
): ReadonlyMap<string, TransactionStart> {
  const starts = new Map<string, TransactionStart>();
  if (edges !== 'INCLUDE') return starts;
  for (const { origin, startedAt, position } of straddlers) {
    if (startedAt < window.from) starts.set(sessionKey(origin), { timestamp: startedAt, position });
  }
  return starts;
}

/**
 * Opens the plan of a TIMESTAMP or SESSION run over its sessions, and settles what `edges` says. What comes into
 * the window from the arrival `bound` on, which is that of the next append when the sessions begin to be read, is not planned.
 * @param straddlers those of the window that pass the request's `planFilter`
 */
export async function openPlan(
  journal: JournalStore,
  request: ReplayRequest,
  sessions: Map<string, PlannedSession>,
  bound: bigint,
  straddlers: readonly Transaction[],
): Promise<Plan> {
  const filter = planFilter(request);
  const { window } = request;
  const leaveOut = new Set<string>();
  const outside = new OutsideEntries(window);
  let begins: ReadonlyMap<string, string> = new Map();
  if (request.edges === 'CUT') begins = await readBegins(journal, straddlers, window);
  else {
    for (const transaction of straddlers) {
      const session = sessions.get(sessionKey(transaction.origin));
      if (session === undefined) continue;
      if (request.edges === 'INCLUDE') {
        await include(journal, filter, bound, transaction, session, outside);
      } else {
        leaveOut.add(transaction.id);
        session.remaining -= await countInside(journal, window, filter, transaction);
      }
    }
    outside.before.sort(compareEntryKeys);
    outside.after.sort(compareEntryKeys);
    for (const [key, session] of sessions) if (session.remaining === 0) sessions.delete(key);
  }
  const pageSize = pageSizeOf(request);
  const { before, after } = outside;
  const missesFailures = await mayMissFailures(journal, window, filter);
  return new Plan({
    journal,
    window,
    filter,
    sessions,
    leaveOut,
    before,
    after,
    bound,
    begins,
    pageSize,
    missesFailures,
  });
}

/** Plans what a straddling transaction did outside of the window. */
async function include(
  journal: JournalStore,
  filter: EntryFilter,
  bound: bigint,
  transaction: Transaction,
  session: PlannedSession,
  outside: OutsideEntries,
): Promise<void> {
  for await (const entry of entriesOf(journal, transaction.id)) {
    if (entry.arrival >= bound || !matchesEntry(filter, entry) || !outside.take(entry)) continue;
    session.remaining += 1;
  }
}
