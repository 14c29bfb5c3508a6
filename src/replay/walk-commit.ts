import type { Entry } from '../journal/entry.ts';
import type { TransactionWithEntries } from '../journal/store.ts';
import type { EntryFilter } from '../journal/window.ts';
import type { TargetConnection } from '../target/connection.ts';
import type { TargetOutcome } from '../target/statement.ts';
import { ChainsInCommitOrder, isChained } from './chains.ts';
import type { Doubt } from './commit-doubts.ts';
import {
  beginOf,
  begins,
  commits,
  endsTransaction,
  messageOf,
  NOT_SENT,
  revivesTransaction,
} from './commit-entries.ts';
import { CommitPipeline } from './commit-pipeline.ts';
import { CommitPrepares, mayUsePrepared, usesOf } from './commit-prepares.ts';
import { CommitSessions } from './commit-sessions.ts';
import { waitUntilDue } from './due.ts';
import type { SkipReason } from './event.ts';
import { LostAnswers } from './lost-answers.ts';
import { abandon, isLost, noteOwn, type Open, tell, tellFailed, toTell, undoingOf } from './open-transaction.ts';
import { OwnStatements } from './own-statements.ts';
import { type PlannedSession, pageSizeOf, planFilter, plannedOf } from './plan.ts';
import { ownBegin, refusalOf } from './refusal.ts';
import type { Lag, PlannedEntry } from './reporter.ts';
import { refillMark } from './request.ts';
import type { TargetSession } from './target-session.ts';
import { mayProceed, passSettledTransaction, untilMayProceed, type WalkContext } from './walk.ts';

/**
 * COMMIT ordering: whole transactions, one at a time, in commit order (docs/replay.md C1–C8).
 *
 * Sessions that keep no state share one connection (the trunk), on which statements of consecutive
 * transactions are pipelined, each followed by its own Sync. The server itself makes C4 true: after a
 * failure it answers 25P02 until COMMIT, which then rolls back; the next transaction starts clean.
 */
export class CommitWalk {
  private readonly context: WalkContext;
  private readonly sessions: CommitSessions;
  private readonly databaseFor: (recorded: string | null) => string | null;
  private readonly filter: EntryFilter;
  private readonly pipeline: CommitPipeline;
  private readonly lost: LostAnswers;
  private readonly own: OwnStatements;
  private readonly prepares: CommitPrepares;
  private readonly chains: ChainsInCommitOrder;
  private ordinal = 0;

  constructor(
    context: WalkContext,
    sessions: ReadonlyMap<string, PlannedSession>,
    databaseFor: (recorded: string | null) => string | null,
  ) {
    this.context = context;
    this.sessions = new CommitSessions(context, sessions, databaseFor);
    this.databaseFor = databaseFor;
    this.filter = planFilter(context.request);
    this.lost = new LostAnswers(context);
    this.pipeline = new CommitPipeline(context.pacer);
    this.own = new OwnStatements(context, this.sessions, this.pipeline, this.lost);
    this.prepares = new CommitPrepares(context, this.sessions, this.pipeline, this.own);
    this.chains = new ChainsInCommitOrder(context.journal);
  }

  async run(): Promise<void> {
    const { request, journal, control } = this.context;
    const pageSize = pageSizeOf(request);
    const read = (after: bigint) => {
      const page = journal.committed(request.window, this.filter, after, pageSize);
      // The walk may end before it asks for this page; the rejection is reported when it does ask.
      page.catch(() => {});
      return page;
    };
    let after = 0n;
    let ahead: Promise<readonly TransactionWithEntries[]> | null = null;
    for (;;) {
      const transactions: readonly TransactionWithEntries[] = await control.unlessEnded(ahead ?? read(after));
      const last = transactions.at(-1);
      if (last === undefined) break;
      after = last.transaction.commitSeq;
      // Beside a transaction that is a page of its own, another such one would be too much to hold.
      ahead = last.entries.length > MOST_READ_BESIDE ? null : read(after);
      this.chains.meet(transactions);
      for (const transaction of transactions) {
        if (this.ended) return;
        const waiting = this.transaction(transaction);
        if (waiting !== null) await waiting;
      }
    }
    await this.pipeline.drain(0);
    if (this.lost.settling !== null) await this.lost.settling;
    if (this.ended) return;
    await this.context.ids?.finish();
  }

  private get ended(): boolean {
    return this.context.control.endReason !== null;
  }

  // What need not wait does not: promises for each of ten million transactions are a third of what the walk costs.
  private transaction(whole: TransactionWithEntries): Promise<void> | null {
    const planned = plannedOf(this.context.request, this.filter, whole, this.ordinal);
    this.ordinal += planned.length;
    const [first] = planned;
    if (first === undefined) return null;
    const preparing = this.sessions.prepare(first.entry);
    const chained = isChained(whole);
    const ready = preparing === null && this.lost.settling === null && this.context.settled === null && !chained;
    const session = ready ? this.sessions.choose(planned) : null;
    if (session === null || session !== this.pipeline.lane)
      return this.transactionOnceReady(whole, planned, preparing, chained);
    const reading = this.context.ids?.begin(whole) ?? null;
    if (reading === null) return this.begin(session, whole, planned, null);
    return reading.then(() => this.begin(session, whole, planned, null) ?? undefined);
  }

  /** As `transaction`, where something has to be waited for: the start of a session, or another connection's rest. */
  private async transactionOnceReady(
    whole: TransactionWithEntries,
    planned: readonly PlannedEntry[],
    preparing: Promise<void> | null,
    chained: boolean,
  ): Promise<void> {
    const { entry } = planned[0] as PlannedEntry;
    const { control } = this.context;
    if (preparing !== null) await preparing;
    const begin = chained ? await control.unlessEnded(this.chains.beginOf(entry.transactionId)) : null;
    if (this.lost.settling !== null) await this.lost.settling;
    if (this.passSettled(planned)) return;
    const session = this.sessions.choose(planned);
    session.onLost ??= () => this.lost.settle();
    if (session !== this.pipeline.lane) {
      await this.pipeline.drain(0);
      this.pipeline.lane = session;
      await this.sessions.endOver(entry, session);
    }
    const reading = this.context.ids?.begin(whole) ?? null;
    if (reading !== null) await reading;
    const sending = this.begin(session, whole, planned, begin);
    if (sending !== null) await sending;
  }

  private begin(
    session: TargetSession,
    { transaction, entries }: TransactionWithEntries,
    planned: readonly PlannedEntry[],
    chainBegin: string | null,
  ): Promise<void> | null {
    if (this.ended) return null;
    const { marker, control } = this.context;
    const { id, autocommit } = transaction;
    const first = planned[0] as PlannedEntry;
    const last = planned.at(-1) as PlannedEntry;
    const mays =
      marker === null && this.context.ids === null ? null : this.context.roles.follow(session, entries, chainBegin);
    const mark = marker?.mark(planned, this.databaseFor(first.entry.origin.database), mays) ?? null;
    const open: Open = {
      id,
      autocommit,
      begin: chainBegin,
      control,
      wrapped: mark !== null && autocommit,
      own: this.sessions.isOwn(session),
      last,
      trouble: null,
      unprepared: null,
      undone: null,
      abandoned: false,
      failed: false,
      lost: false,
      held: marker === null ? null : [],
      newest: null,
      mark,
      mays,
    };
    const ahead = this.context.ids?.ahead(entries, mays) ?? null;
    if (!autocommit || marker !== null || planned.length > 1 || ahead !== null)
      return this.replay(session, open, entries, planned, ahead);
    const sent = this.statement(session, open, first, null);
    if (typeof sent !== 'boolean') return this.abandonUnless(sent, open);
    if (!sent) abandon(open);
    return null;
  }

  private async abandonUnless(sent: Promise<boolean>, open: Open): Promise<void> {
    try {
      if (!(await sent)) abandon(open);
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
    ahead: string | null,
  ): Promise<void> {
    const { autocommit, wrapped, last } = open;
    const { marker } = this.context;
    const first = planned[0] as PlannedEntry;
    try {
      if (ahead !== null) await this.own.restore(session, ahead, open, first.entry);
      if (wrapped) await this.own.send(session, 'BEGIN', open);
      if (!autocommit && !begins(first.entry)) {
        const begin = ownBegin(open.begin ?? beginOf(entries), this.context.request);
        await this.own.send(session, begin, open);
        if (first.entry.sequence > 1) this.context.reporter.cut(first.entry, first.entry.origin.sessionId, begin);
      }
      const endsItself = !wrapped && (autocommit || endsTransaction(last.entry));
      const mark = marker === null || open.mark === null ? null : marker.update(open.mark);
      // A string that commits it and begins another one: behind that, the mark would be in the other one.
      const marksAhead = endsItself || (commits(last.entry) && this.refusal(last.entry) === null);
      const tellsOfCommit = endsItself ? null : planned.findLast(({ entry }) => this.refusal(entry) === null);
      for (const place of planned) {
        if (place === tellsOfCommit) open.held ??= [];
        let sent = !this.ended && this.statement(session, open, place, place === last && marksAhead ? mark : null);
        if (typeof sent !== 'boolean') sent = await sent;
        if (!sent) return abandon(open);
      }
      if (!endsItself) await this.own.commit(session, open, marksAhead ? null : mark);
    } catch (error) {
      abandon(open);
      throw error;
    }
  }

  /**
   * Sends a statement, or reports why not. `mark`: sent ahead of a statement that ends its transaction. False when the
   * end of the run came in between. A promise where something has to be waited for.
   */
  private statement(
    session: TargetSession,
    open: Open,
    place: PlannedEntry,
    mark: string | null,
  ): boolean | Promise<boolean> {
    const { settling } = this.lost;
    if (settling !== null) return settling.then(() => this.statement(session, open, place, mark));
    if (this.skips(session, open, place)) return true;
    const { context } = this;
    const { entry } = place;
    const due = context.pacer.placeOf(entry.timestamp, performance.now());
    const connection = context.pool.connectionOf(session);
    const atOnce =
      connection !== null &&
      due === null &&
      mark === null &&
      context.ids === null &&
      mayProceed(context, place.ordinal) === null &&
      !revivesTransaction(entry) &&
      !(open.own && mayUsePrepared(entry)) &&
      !(context.doubts.asks && session.commitsWrites(entry)) &&
      !this.ended;
    if (atOnce) return this.put(session, connection, open, place, null, null);
    return this.statementOnceReady(session, open, place, mark, due);
  }

  /** True for a statement that is not sent, whatever comes before it; it is reported then. */
  private skips(session: TargetSession, open: Open, place: PlannedEntry): boolean {
    const reason = this.refusal(place.entry) ?? (isLost(session, open) ? 'TRANSACTION_LOST' : null);
    if (reason !== null) this.skip(open, place, reason);
    return reason !== null;
  }

  private refusal(entry: Entry): SkipReason | null {
    if (entry.outcome.status === 'FAILED') return 'FAILED_IN_RECORD';
    if (this.context.prepared.rollsBackOthers(entry.statement)) return 'ROLLED_BACK_IN_RECORD';
    return refusalOf(entry, this.context.request);
  }

  private skip(open: Open, place: PlannedEntry, reason: SkipReason): void {
    const ends = open.autocommit || endsTransaction(place.entry);
    tell(open, () => this.context.reporter.skipped(place, reason), ends);
  }

  private async statementOnceReady(
    session: TargetSession,
    open: Open,
    place: PlannedEntry,
    mark: string | null,
    due: number | null,
  ): Promise<boolean> {
    const { context } = this;
    const { entry } = place;
    const { ids, doubts } = context;
    const uses = open.own ? usesOf(entry) : null;
    if (uses !== null) await this.prepares.read(session, entry, uses);
    if (due !== null) await waitUntilDue(context, due);
    await untilMayProceed(context, place.ordinal);
    // Rolling back to a savepoint would revive a transaction that must be rolled back whole (C4): whether
    // something failed has to be known before it is sent, and then it is not.
    if (revivesTransaction(entry)) {
      await this.pipeline.drain(0);
      if ((open.failed || open.trouble !== null) && !this.ended) {
        tellFailed(open, place, context.reporter);
        return true;
      }
    }
    if (uses !== null) await this.prepares.restore(session, open, entry, uses);
    if (this.ended) return false;
    if (ids !== null) {
      const look = ids.look(entry, open.mays);
      if (look !== null) ids.looked(entry, await this.own.ask(session, look, open));
      const restore = ids.before(entry, open.mays);
      const sql = restore instanceof Promise ? await restore : restore;
      if (sql !== null) await this.own.restore(session, sql, open, entry);
    }
    if (mark !== null) await this.own.send(session, mark, open);
    const doubt = doubts.asks && session.commitsWrites(entry) ? await this.own.askXid(session, open) : null;
    const connection = await this.sessions.connect(session);
    if (this.lost.settling !== null) await this.lost.settling;
    if (this.ended) return false;
    // Its connection may have gone during any of these waits, and its transaction with it.
    if (isLost(session, open)) {
      ids?.after(entry, NOT_SENT);
      this.skip(open, place, 'TRANSACTION_LOST');
      return true;
    }
    if (uses !== null) this.prepares.sending(session, entry, uses);
    return this.put(session, connection, open, place, due, doubt);
  }

  /** Sends a statement for which nothing has to be waited for any more. */
  private put(
    session: TargetSession,
    connection: TargetConnection,
    open: Open,
    place: PlannedEntry,
    due: number | null,
    doubt: Doubt | null,
  ): boolean | Promise<boolean> {
    const { ids, request, prepared, pool } = this.context;
    const { entry } = place;
    pool.makeRest(session, connection);
    session.transactionId = open.id;
    const lag = due === null ? null : this.pipeline.lagOf(due);
    prepared.noteSent(entry);
    this.pipeline.send(connection, messageOf(entry, request.digestRows), (outcome) => {
      const told = toTell(open, outcome);
      const report = () => this.report(open, place, told, lag);
      // `onLost` comes behind the last, unless the run has cut it off, or it was gone when this was sent.
      if (outcome.lost && !this.ended && session.connection === connection) {
        const { fatal: tellsItself } = outcome;
        this.lost.add({ place, doubt, tellsItself, unknown: report, open, processId: connection.processId });
      } else if (open.held === null) report();
      else {
        if (outcome.ok) open.newest = { place, report };
        const known = outcome.transactionStatus === 'I' && !outcome.lost;
        tell(open, report, known || outcome.lost, known);
      }
      ids?.after(entry, outcome);
      prepared.note(entry, outcome);
      if (outcome.lost) open.lost = true;
      if (outcome.fatal || (!outcome.lost && !outcome.ok)) open.failed = true;
      if (!outcome.lost && open.own) this.prepares.note(session, entry, outcome);
    });
    const question = ids?.question(entry, open.mays) ?? null;
    if (question !== null)
      this.pipeline.ask(connection, question, (outcome, rows) => {
        noteOwn(open, outcome);
        ids?.answer(entry, outcome.ok ? rows : null);
      });
    if (connection.inFlight < request.inFlight) return true;
    return this.pipeline.makeRoom(refillMark(request.inFlight)).then(() => true);
  }

  private report(open: Open, place: PlannedEntry, outcome: TargetOutcome, lag: Lag | null): void {
    const { reporter } = this.context;
    const undone = undoingOf(open, place, outcome);
    if (undone !== null) reporter.undone(place, undone);
    else if (open.wrapped && open.abandoned && outcome.ok) reporter.skipped(place, 'RUN_ENDED');
    else reporter.answered(place, outcome, lag, false);
  }

  /** In a resumed run: true for a transaction that was begun before, so that it must not be begun again. */
  private passSettled(planned: readonly PlannedEntry[]): boolean {
    const { entry } = planned[0] as PlannedEntry;
    if (!passSettledTransaction(this.context, planned, this.databaseFor(entry.origin.database))) return false;
    const session = this.sessions.recorded(entry);
    const entries = planned.map((place) => place.entry);
    this.context.roles.follow(session, entries);
    for (const passed of entries) session.memory.noteRecorded(passed);
    return true;
  }
}

/** With a transaction of more entries, nothing is read ahead. */
const MOST_READ_BESIDE = 5_000;
