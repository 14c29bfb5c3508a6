import type { Entry } from '../journal/entry.ts';
import type { TransactionWithEntries } from '../journal/store.ts';
import { type EntryFilter, matchesEntry } from '../journal/window.ts';
import type { TargetConnection } from '../target/connection.ts';
import type { QueryResult, StatementMessage, TargetOutcome } from '../target/statement.ts';
import type { Doubt } from './commit-doubts.ts';
import { beginOf, begins, endsTransaction, keepsState, messageOf, NOT_SENT } from './commit-entries.ts';
import { sendIsTimely, waitUntilDue } from './due.ts';
import { findEarlierState } from './earlier-state.ts';
import type { LagCause, SkipReason } from './event.ts';
import { abandon, hasCommitted, isLost, LostAnswers, type Open, release, tell, undoingOf } from './open-transaction.ts';
import { type PlannedSession, planFilter, sessionKey } from './plan.ts';
import { isMarkable } from './progress-marker.ts';
import { refusalOf } from './refusal.ts';
import type { Lag, PlannedEntry } from './reporter.ts';
import type { NotedStatement } from './session-memory.ts';
import { LASTING, rollsBackToSavepoint, type TargetSession } from './sessions.ts';
import { mayProceed, passSettledTransaction, resumed, type WalkContext } from './walk.ts';

/** Transactions a page. */
const PAGE = 500;

/**
 * COMMIT ordering: whole transactions, one at a time, in commit order (docs/replay.md C1–C8).
 *
 * Sessions that keep no state share one connection (the trunk), on which statements of consecutive
 * transactions are pipelined, each followed by its own Sync. The server itself makes C4 true: after a
 * failure it answers 25P02 until COMMIT, which then rolls back; the next transaction starts clean.
 */
export class CommitWalk {
  private readonly context: WalkContext;
  private readonly sessions: ReadonlyMap<string, PlannedSession>;
  private readonly databaseFor: (recorded: string | null) => string | null;
  private readonly filter: EntryFilter;
  private readonly trunks = new Map<string, TargetSession>();
  /** Sessions with a connection of their own, by session key; and those whose earlier state is noted. */
  private readonly own = new Map<string, TargetSession>();
  private readonly prepared = new Set<TargetSession>();
  private lane: TargetSession | null = null;
  private ordinal = 0;
  private readonly lost: LostAnswers;
  private wakeUp: (() => void) | null = null;
  private wakeAt = 0;
  /** Why the walk is behind its schedule, while it is. */
  private behind: LagCause = 'DISPATCHER';

  constructor(
    context: WalkContext,
    sessions: ReadonlyMap<string, PlannedSession>,
    databaseFor: (recorded: string | null) => string | null,
  ) {
    this.context = context;
    this.sessions = sessions;
    this.databaseFor = databaseFor;
    this.filter = planFilter(context.request);
    this.lost = new LostAnswers(context);
  }

  async run(): Promise<void> {
    const { request, journal } = this.context;
    let after = 0n;
    let page = journal.committed(request.window, this.filter, after, PAGE);
    for (;;) {
      const transactions = await page;
      const last = transactions.at(-1)?.transaction.commitSeq ?? null;
      if (last === null) break;
      after = last;
      page = journal.committed(request.window, this.filter, after, PAGE);
      // The walk may end before it asks for this page; the rejection is reported when it does ask.
      page.catch(() => {});
      for (const transaction of transactions) {
        if (this.ended) return;
        await this.transaction(transaction);
      }
    }
    await this.drain(0);
    if (this.lost.settling !== null) await this.lost.settling;
    if (this.ended) return;
    await this.context.ids?.finish();
    this.context.tally.setPlanned(this.ordinal);
  }

  private get ended(): boolean {
    return this.context.control.endReason !== null;
  }

  private async transaction(whole: TransactionWithEntries): Promise<void> {
    const { transaction, entries } = whole;
    const planned = this.planned(entries, transaction.startedAt);
    const first = planned[0];
    if (this.lost.settling !== null) await this.lost.settling;
    if (first === undefined) return;
    // What need not wait does not: an await for each of a million transactions is a second.
    if (this.context.settled !== null && (await this.passSettled(planned))) return;
    const recorded = this.recordedSession(first.entry);
    if (!this.prepared.has(recorded)) await this.prepare(recorded, first.entry);
    const session = this.choose(recorded, planned);
    session.onLost ??= () => this.lost.settle();
    if (session !== this.lane) {
      await this.drain(0);
      this.lane = session;
      await this.endOver(first.entry);
    }
    const reading = this.context.ids?.begin(whole) ?? null;
    if (reading !== null) await reading;
    if (this.ended) return;
    const { marker } = this.context;
    const { id, autocommit } = transaction;
    const last = planned.at(-1) as PlannedEntry;
    const wrapped = marker !== null && autocommit && isMarkable(first.entry);
    const open: Open = {
      id,
      autocommit,
      control: this.context.control,
      wrapped,
      last,
      trouble: null,
      undone: null,
      abandoned: false,
      failed: false,
      lost: false,
      held: marker === null ? null : [],
      newest: null,
      mark:
        wrapped || (marker !== null && !autocommit)
          ? { ordinal: last.ordinal, database: this.databaseFor(first.entry.origin.database) }
          : null,
    };
    try {
      await this.replay(session, open, entries, planned);
    } catch (error) {
      abandon(open);
      throw error;
    }
  }

  /** Sends what is planned of a transaction, and around it what makes a transaction of it. */
  private async replay(
    session: TargetSession,
    open: Open,
    entries: readonly Entry[],
    planned: readonly PlannedEntry[],
  ): Promise<void> {
    const { autocommit, wrapped, last } = open;
    const { marker } = this.context;
    const first = planned[0] as PlannedEntry;
    if (wrapped) await this.control(session, 'BEGIN', open);
    if (!autocommit && !begins(first.entry)) {
      const begin = beginOf(entries);
      await this.control(session, begin, open);
      if (first.entry.sequence > 1) this.context.reporter.cut(first.entry, first.entry.origin.sessionId, begin);
    }
    const endsItself = !wrapped && (autocommit || endsTransaction(last.entry));
    const mark = marker === null || open.mark === null ? null : marker.update(last.ordinal, open.mark.database);
    const tellsOfCommit = endsItself ? null : planned.findLast(({ entry }) => this.refusal(entry) === null);
    for (const place of planned) {
      if (place === tellsOfCommit) open.held ??= [];
      const sent =
        !this.ended && (await this.statement(session, open, place, place === last && endsItself ? mark : null));
      if (!sent) return abandon(open);
    }
    if (!endsItself) await this.commit(session, open, mark);
  }

  /** Puts the mark and a COMMIT behind a transaction that the planned entries do not end. */
  private async commit(session: TargetSession, open: Open, mark: string | null): Promise<void> {
    if (mark !== null) await this.control(session, mark, open);
    const asks = this.context.doubts.asks && session.commitsWrites({ ...COMMIT, transactionId: open.id });
    const doubt = asks ? await this.askXid(session, open) : null;
    const sent =
      !isLost(session, open) &&
      (await this.control(session, 'COMMIT', open, (outcome, processId) => {
        if (this.own.has(session.planned.key) && !outcome.lost) session.memory.note(COMMIT, outcome);
        this.committed(open, outcome, processId, doubt);
      }));
    if (sent) return;
    if (this.ended) abandon(open);
    else await this.lost.neverCommitted(open);
  }

  /** What became of the COMMIT that the walk itself sent. */
  private committed(open: Open, outcome: TargetOutcome, processId: number, doubt: Doubt | null): void {
    const { last, wrapped } = open;
    const committed = hasCommitted(outcome);
    // Where a statement failed, that has been told, and whatever becomes of COMMIT rolls back.
    if (outcome.lost && !open.failed) this.lost.addCommit(open, processId, doubt);
    else {
      if (!committed && !open.failed) open.undone = open.trouble ?? outcome;
      release(open, committed);
    }
    if (wrapped || this.ended) return;
    const { reporter } = this.context;
    if (open.undone !== null) reporter.uncommitted(last.entry, `failed: ${open.undone.message}`);
    else if (outcome.lost) reporter.uncommitted(last.entry, 'was not answered before the connection was lost');
  }

  /** The transaction's entries that the request asks for, with their ordinals. */
  private planned(entries: readonly Entry[], startedAt: number): PlannedEntry[] {
    const { window, edges } = this.context.request;
    if (edges === 'EXCLUDE' && startedAt < window.from) return [];
    const planned: PlannedEntry[] = [];
    for (const entry of entries) {
      if (edges === 'CUT' && (entry.timestamp < window.from || entry.timestamp > window.to)) continue;
      if (!matchesEntry(this.filter, entry)) continue;
      this.ordinal += 1;
      planned.push({ ordinal: this.ordinal, entry, copy: 0 });
    }
    return planned;
  }

  /** The trunk, or a connection of the session's own from its first state on. */
  private choose(session: TargetSession, planned: readonly PlannedEntry[]): TargetSession {
    const { pool } = this.context;
    const { entry } = planned[0] as PlannedEntry;
    const { origin } = entry;
    const { key } = session.planned;
    if (this.own.has(key) || session.memory.isStateful || planned.some((place) => keepsState(place.entry))) {
      this.own.set(key, session);
      return session;
    }
    const user = this.context.request.users.find((mapped) => mapped.recorded === origin.user)?.recorded ?? null;
    const database = this.databaseFor(origin.database);
    const trunkKey = `trunk\u0000${database ?? ''}\u0000${user ?? ''}`;
    let trunk = this.trunks.get(trunkKey);
    if (trunk === undefined) {
      trunk = pool.session({
        ...NOTHING_PLANNED,
        key: trunkKey,
        nodeId: '',
        sessionId: 'shared',
        user,
        database: origin.database,
      });
      this.trunks.set(trunkKey, trunk);
    }
    return trunk;
  }

  /** The session as it was recorded, whichever connection its statements share. */
  private recordedSession({ origin }: Entry): TargetSession {
    const key = sessionKey(origin);
    return this.context.pool.session(this.sessions.get(key) ?? { ...NOTHING_PLANNED, ...origin, key });
  }

  /** Notes what the entry's session had set up before the window; before its first entry. */
  private async prepare(session: TargetSession, { origin }: Entry): Promise<void> {
    const { earlier, journal, request } = this.context;
    const { key } = session.planned;
    this.prepared.add(session);
    const statements: NotedStatement[] = [...(earlier.get(key) ?? [])];
    // One whose statements all lie before the window, though its last commit ended inside.
    if (!this.sessions.has(key)) {
      await findEarlierState(journal, request.window.from, [{ key, sessionId: origin.sessionId }], (_, entry) =>
        statements.push(entry),
      );
    }
    for (const noted of statements) session.memory.note(noted, LASTING);
  }

  /** Sessions whose record ended before this entry give their connections back. */
  private async endOver(next: Entry): Promise<void> {
    for (const [key, session] of this.own) {
      if (session.connection === null || session === this.lane) continue;
      const last = this.sessions.get(key)?.last.timestamp ?? 0;
      if (last < next.timestamp) await this.context.pool.end(session);
    }
  }

  /** `mark`: sent ahead of a statement that ends its transaction. False when the end of the run came in between. */
  private async statement(
    session: TargetSession,
    open: Open,
    place: PlannedEntry,
    mark: string | null,
  ): Promise<boolean> {
    const { context } = this;
    const { entry } = place;
    const { reporter, pacer, request, ids, doubts } = context;
    if (this.lost.settling !== null) await this.lost.settling;
    const skip = (reason: SkipReason) => {
      tell(open, () => reporter.skipped(place, reason), open.autocommit || endsTransaction(entry));
      return true;
    };
    const refused = this.refusal(entry);
    if (refused !== null) return skip(refused);
    if (isLost(session, open)) return skip('TRANSACTION_LOST');
    const due = pacer.placeOf(entry.timestamp, performance.now());
    if (due !== null) await waitUntilDue(context, due);
    for (
      let wait = mayProceed(context, place.ordinal);
      wait !== null && !this.ended;
      wait = mayProceed(context, place.ordinal)
    )
      await wait;
    // Rolling back to a savepoint would revive a transaction that must be rolled back whole (C4): whether
    // something failed has to be known before it is sent, and then it is not.
    if (entry.statementType === 'TRANSACTION' && rollsBackToSavepoint(entry.statement)) {
      await this.drain(0);
      if (open.failed && !this.ended) {
        tell(open, () => reporter.cascade(place), false);
        return true;
      }
    }
    if (this.ended) return false;
    if (ids !== null) {
      const restore = ids.before(entry);
      const sql = restore instanceof Promise ? await restore : restore;
      if (sql !== null) await this.control(session, sql, open);
    }
    if (mark !== null) await this.control(session, mark, open);
    const doubt = doubts.asks && session.commitsWrites(entry) ? await this.askXid(session, open) : null;
    let connection = await context.pool.connect(session);
    while (context.control.isPaused) connection = await resumed(context).then(() => context.pool.connect(session));
    if (this.lost.settling !== null) await this.lost.settling;
    if (this.ended) return false;
    // Its connection may have gone during any of these waits, and its transaction with it.
    if (isLost(session, open)) {
      ids?.after(entry, NOT_SENT);
      return skip('TRANSACTION_LOST');
    }
    session.transactionId = open.id;
    const lag = due === null ? null : this.lagOf(connection, due);
    const remembers = this.own.has(session.planned.key);
    this.send(connection, messageOf(entry, request.digestRows), (outcome) => {
      const report = () => {
        const undone = undoingOf(open, place, outcome);
        if (undone !== null) reporter.undone(place, undone);
        else if (open.wrapped && open.abandoned && outcome.ok) reporter.skipped(place, 'RUN_ENDED');
        else reporter.answered(place, outcome, lag, false);
      };
      if (open.held !== null && outcome.ok) open.newest = { place, report };
      // `onLost` comes behind the last, unless the run has cut it off, or it was gone when this was sent.
      if (outcome.lost && !this.ended && session.connection === connection)
        this.lost.add({ place, doubt, unknown: report, open, processId: connection.processId });
      else tell(open, report, outcome.transactionStatus === 'I' || outcome.lost, hasCommitted(outcome));
      ids?.after(entry, outcome);
      if (outcome.lost) open.lost = true;
      else {
        if (!outcome.ok) open.failed = true;
        if (remembers) session.memory.note(entry, outcome);
      }
    });
    const question = ids?.question(entry) ?? null;
    if (question !== null) this.ask(connection, entry, question);
    if (connection.inFlight >= request.inFlight) await this.drain(request.inFlight >> 1);
    return true;
  }

  private refusal(entry: Entry): SkipReason | null {
    return entry.outcome.status === 'FAILED' ? 'FAILED_IN_RECORD' : refusalOf(entry, this.context.request);
  }

  /**
   * A statement of the walk's own, which no event tells of. `open`: the transaction that it belongs to. False when it
   * was not sent, because the run or the connection ended before.
   */
  private async control(
    session: TargetSession,
    text: string,
    open: Open,
    then: (outcome: TargetOutcome, processId: number) => void = () => {},
  ): Promise<boolean> {
    const { context } = this;
    let connection = await context.pool.connect(session);
    while (context.control.isPaused) connection = await resumed(context).then(() => context.pool.connect(session));
    if (this.lost.settling !== null) await this.lost.settling;
    if (this.ended || isLost(session, open)) return false;
    session.transactionId = open.id;
    this.send(
      connection,
      { protocol: 'SIMPLE', text, preparedName: null, parameters: [], digest: false },
      (outcome) => {
        if (outcome.lost) open.lost = true;
        else if (!outcome.ok && !open.failed) open.trouble ??= outcome;
        then(outcome, connection.processId);
      },
    );
    return true;
  }

  /**
   * Asks ahead of a COMMIT what it ends. With one statement under way at a time COMMIT waits for the answer, and its
   * own time stays its own.
   */
  private async askXid(session: TargetSession, open: Open): Promise<Doubt | null> {
    const { pool, doubts, request } = this.context;
    const connection = await pool.connect(session);
    if (this.ended || isLost(session, open)) return null;
    return new Promise((resolve) => {
      const doubt = doubts.ask(connection, () => {
        resolve(doubt);
        if (this.wakeUp !== null && connection.inFlight <= this.wakeAt) this.wakeUp();
      });
      if (request.inFlight > 1) resolve(doubt);
    });
  }

  /** A question behind an entry that only the target can answer: how many values it drew. */
  private ask(connection: TargetConnection, entry: Entry, question: string): void {
    const answered = (result: QueryResult | null): void => {
      this.context.ids?.answer(entry, result);
      if (this.wakeUp !== null && connection.inFlight <= this.wakeAt) this.wakeUp();
    };
    connection.query(question).then(answered, () => answered(null));
  }

  private send(connection: TargetConnection, message: StatementMessage, done: (outcome: TargetOutcome) => void): void {
    connection.send(message, (outcome) => {
      done(outcome);
      if (!sendIsTimely(outcome.serviceMs)) this.behind = 'TARGET';
      if (this.wakeUp !== null && connection.inFlight <= this.wakeAt) this.wakeUp();
    });
  }

  /** Waits until at most so many statements are under way on the current connection. */
  private drain(left: number): Promise<void> {
    const connection = this.lane?.connection ?? null;
    if (connection === null || connection.inFlight <= left) return Promise.resolve();
    connection.flush();
    // Woken by an answer, or by the outcome that every statement gets when the connection goes.
    this.wakeAt = left;
    return new Promise((resolve) => {
      this.wakeUp = () => {
        this.wakeUp = null;
        resolve();
      };
    });
  }

  /** Late because of statements under way, or because of a slow one before, until the walk has caught up. */
  private lagOf(connection: TargetConnection, due: number): Lag {
    const late = performance.now() - this.context.pacer.dueAt(due);
    if (sendIsTimely(late)) {
      this.behind = 'DISPATCHER';
      return { ms: Math.max(0, late), cause: 'NONE' };
    }
    return { ms: late, cause: connection.inFlight > 0 ? 'SESSION_BUSY' : this.behind };
  }

  /** In a resumed run: true for a transaction that was begun before, so that it must not be begun again. */
  private async passSettled(planned: readonly PlannedEntry[]): Promise<boolean> {
    const { entry } = planned[0] as PlannedEntry;
    if (!passSettledTransaction(this.context, planned, this.databaseFor(entry.origin.database))) return false;
    const recorded = this.recordedSession(entry);
    if (!this.prepared.has(recorded)) await this.prepare(recorded, entry);
    for (const place of planned) recorded.memory.noteRecorded(place.entry);
    return true;
  }
}

/** The COMMIT that a walk sends of itself, as the memory of a session notes it. */
const COMMIT: NotedStatement = { statement: 'COMMIT', statementType: 'TRANSACTION', parameters: [] };

const ZERO = { timestamp: 0, position: 0n, sequence: 0 };
const NOTHING_PLANNED = { first: ZERO, last: ZERO, remaining: 0 };
