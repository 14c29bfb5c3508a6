import type { Entry } from '../journal/entry.ts';
import { sessionEffect } from '../journal/statement-type.ts';
import type { TransactionWithEntries } from '../journal/store.ts';
import { transactionEffect } from '../journal/transaction-effect.ts';
import { matchesEntry } from '../journal/window.ts';
import type { TargetConnection } from '../target/connection.ts';
import type { QueryResult, StatementMessage, TargetOutcome } from '../target/statement.ts';
import { sendIsTimely, waitUntilDue } from './due.ts';
import type { LagCause } from './event.ts';
import { type PlannedSession, planFilter, sessionKey } from './plan.ts';
import type { Lag, PlannedEntry } from './reporter.ts';
import { messageFor, rollsBackToSavepoint, type TargetSession } from './sessions.ts';
import { mayProceed, type WalkContext } from './walk.ts';

/** Transactions a page. */
const PAGE = 500;

/** The transaction being sent. */
interface Open {
  readonly id: string;
  /** A statement failed that succeeded in the record: what follows is a cascade. */
  failed: boolean;
  /** Its connection died: what follows is skipped. */
  lost: boolean;
}

/**
 * COMMIT ordering: whole transactions, one at a time, in commit order (docs/replay.md C1–C6).
 *
 * Sessions that keep no state share one connection (the trunk), on which statements of consecutive
 * transactions are pipelined, each followed by its own Sync. The server itself makes C4 true: after a
 * failure it answers 25P02 until COMMIT, which then rolls back; the next transaction starts clean.
 */
export class CommitWalk {
  private readonly context: WalkContext;
  private readonly sessions: ReadonlyMap<string, PlannedSession>;
  private readonly databaseFor: (recorded: string | null) => string | null;
  private readonly trunks = new Map<string, TargetSession>();
  private lane: TargetSession | null = null;
  private ordinal = 0;
  private wakeUp: (() => void) | null = null;
  private wakeAt = 0;
  /** When the last answer came, and whether it was slow: why the next statement may be late. */
  private lastCause: LagCause = 'NONE';

  constructor(context: WalkContext, sessions: ReadonlyMap<string, PlannedSession>, databaseFor: (recorded: string | null) => string | null) {
    this.context = context;
    this.sessions = sessions;
    this.databaseFor = databaseFor;
  }

  async run(): Promise<void> {
    const { request, journal } = this.context;
    const filter = planFilter(request);
    let after = 0n;
    let page = journal.committed(request.window, filter, after, PAGE);
    for (;;) {
      const transactions = await page;
      const last = transactions.at(-1)?.transaction.commitSeq ?? null;
      if (last === null) break;
      after = last;
      page = journal.committed(request.window, filter, after, PAGE);
      page.catch(() => {});
      for (const transaction of transactions) {
        if (this.ended) return;
        await this.transaction(transaction);
      }
    }
    await this.drain(0);
    if (!this.ended) await this.context.ids?.finish();
    this.context.tally.setPlanned(this.ordinal);
  }

  private get ended(): boolean {
    return this.context.control.endReason !== null;
  }

  private async transaction(whole: TransactionWithEntries): Promise<void> {
    const { transaction, entries } = whole;
    const planned = this.planned(entries, transaction.startedAt);
    const first = planned[0];
    if (first === undefined) return;
    const { settled } = this.context;
    if (settled !== null && first.ordinal <= settled.sentThrough) {
      this.passSettled(planned, settled);
      return;
    }
    const session = this.choose(planned);
    if (session !== this.lane) {
      await this.drain(0);
      this.lane = session;
    }
    const reading = this.context.ids?.begin(whole) ?? null;
    if (reading !== null) await reading;
    const open: Open = { id: transaction.id, failed: false, lost: false };
    session.transactionId = transaction.id;
    session.usedAt ||= 1;
    if (!transaction.autocommit && first.entry.sequence > 1) await this.control(session, 'BEGIN');
    for (const place of planned) {
      if (this.ended) return;
      await this.statement(session, open, place);
    }
    if (!transaction.autocommit && !endsTransaction(planned.at(-1)?.entry)) await this.control(session, 'COMMIT');
  }

  /** The transaction's entries that the request asks for, with their ordinals. */
  private planned(entries: readonly Entry[], startedAt: number): PlannedEntry[] {
    const { window, edges, filter } = this.context.request;
    if (edges === 'EXCLUDE' && startedAt < window.from) return [];
    const planned: PlannedEntry[] = [];
    for (const entry of entries) {
      if (edges === 'CUT' && (entry.timestamp < window.from || entry.timestamp > window.to)) continue;
      if (!matchesEntry({ ...filter, keepTransactionControl: true }, entry)) continue;
      this.ordinal += 1;
      planned.push({ ordinal: this.ordinal, entry, copy: 0 });
    }
    return planned;
  }

  /** The trunk, or a connection of the session's own from its first state on. */
  private choose(planned: readonly PlannedEntry[]): TargetSession {
    const { pool, earlier } = this.context;
    const origin = (planned[0] as PlannedEntry).entry.origin;
    const key = sessionKey(origin);
    const known = this.sessions.get(key);
    if (known !== undefined) {
      const session = pool.session(known);
      const earlierState = earlier.get(key) ?? [];
      if (session.usedAt === 0) for (const statement of earlierState) session.memory.note(statement);
      if (session.usedAt > 0 || session.memory.isStateful || planned.some(({ entry }) => keepsState(entry))) return session;
    }
    const user = this.context.request.users.find((mapped) => mapped.recorded === origin.user)?.recorded ?? null;
    const database = this.databaseFor(origin.database);
    const trunkKey = `trunk\u0000${database ?? ''}\u0000${user ?? ''}`;
    let trunk = this.trunks.get(trunkKey);
    if (trunk === undefined) {
      const zero = { timestamp: 0, position: 0n, sequence: 0 };
      trunk = pool.session({ key: trunkKey, nodeId: '', sessionId: 'shared', user, database: origin.database, first: zero, last: zero, remaining: 0 });
      this.trunks.set(trunkKey, trunk);
    }
    return trunk;
  }

  private async statement(session: TargetSession, open: Open, place: PlannedEntry): Promise<void> {
    const { context } = this;
    const { entry } = place;
    const { reporter, pacer, request } = context;
    if (entry.outcome.status === 'FAILED') return reporter.skipped(place, 'FAILED_IN_RECORD');
    if (entry.unreplayable !== null) return reporter.skipped(place, entry.unreplayable);
    if (open.lost || session.lostTransaction === open.id) return reporter.skipped(place, 'TRANSACTION_LOST');
    const due = pacer.dueAt(entry.timestamp, performance.now());
    if (due !== null) await waitUntilDue(context);
    for (let wait = mayProceed(context, place.ordinal); wait !== null && !this.ended; wait = mayProceed(context, place.ordinal)) await wait;
    // Rolling back to a savepoint would revive a transaction that must be rolled back whole (C4): whether
    // something failed has to be known before it is sent, and then it is not.
    if (entry.statementType === 'TRANSACTION' && rollsBackToSavepoint(entry.statement)) {
      await this.drain(0);
      if (open.failed) return reporter.cascade(place);
    }
    if (this.ended) return;
    if (context.ids !== null) {
      const restore = context.ids.before(entry);
      const sql = restore instanceof Promise ? await restore : restore;
      if (sql !== null) await this.control(session, sql);
    }
    const connection = await context.pool.connect(session);
    const lag = due === null ? null : this.lagNow(connection);
    this.send(connection, messageFor(entry, request.digestRows), (outcome) => {
      reporter.answered(place, outcome, lag, false);
      context.ids?.after(entry, outcome);
      if (outcome.lost) open.lost = true;
      else if (!outcome.ok) open.failed = true;
      else if (keepsState(entry)) session.memory.note(entry.statement);
    });
    const question = context.ids?.question(entry) ?? null;
    if (question !== null) this.ask(connection, entry, question);
    if (connection.inFlight >= request.inFlight) await this.drain(request.inFlight >> 1);
  }

  /** A statement of the walk's own, which no event tells of. */
  private async control(session: TargetSession, text: string): Promise<void> {
    const connection = await this.context.pool.connect(session);
    this.send(connection, { protocol: 'SIMPLE', text, preparedName: null, parameters: [], digest: false }, () => {});
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
      this.lastCause = outcome.serviceMs > 1 ? 'TARGET' : 'DISPATCHER';
      if (this.wakeUp !== null && connection.inFlight <= this.wakeAt) this.wakeUp();
    });
  }

  /** Waits until at most so many statements are under way on the current connection. */
  private drain(left: number): Promise<void> {
    const connection = this.lane?.connection ?? null;
    if (connection === null || connection.inFlight <= left) return Promise.resolve();
    connection.flush();
    this.wakeAt = left;
    return new Promise((resolve) => {
      this.wakeUp = () => {
        this.wakeUp = null;
        resolve();
      };
    });
  }

  private lagNow(connection: TargetConnection): Lag {
    const late = performance.now() - (this.context.pacer.lastDue ?? 0);
    if (sendIsTimely(late)) return { ms: Math.max(0, late), cause: 'NONE' };
    return { ms: late, cause: connection.inFlight > 0 ? 'SESSION_BUSY' : this.lastCause };
  }

  /** In a resumed run: sent before, so not sent again; what has no outcome is unknown. */
  private passSettled(planned: readonly PlannedEntry[], settled: NonNullable<WalkContext['settled']>): void {
    for (const place of planned) {
      if (settled.has(place.ordinal)) continue;
      if (place.ordinal <= settled.sentThrough) {
        this.context.reporter.unknown(place, 'the service stopped while the statement may have been under way');
      } else {
        this.context.reporter.skipped(place, 'TRANSACTION_LOST');
      }
    }
    const { entry } = planned[0] as PlannedEntry;
    const known = this.sessions.get(sessionKey(entry.origin));
    if (known === undefined) return;
    const { memory } = this.context.pool.session(known);
    for (const place of planned) if (place.entry.outcome.status === 'SUCCEEDED' && keepsState(place.entry)) memory.note(place.entry.statement);
    memory.connectionLost();
  }
}

/** INSERT, UPDATE, DELETE and transaction control leave nothing in the session; only the rest is looked at. */
function keepsState(entry: Entry): boolean {
  const type = entry.statementType;
  if (type === 'INSERT' || type === 'UPDATE' || type === 'DELETE' || type === 'TRANSACTION') return false;
  return sessionEffect(entry.statement).length > 0;
}

function endsTransaction(entry: Entry | undefined): boolean {
  if (entry === undefined) return false;
  return transactionEffect(entry.statement).some(({ kind }) => kind === 'COMMIT' || kind === 'ROLLBACK' || kind === 'PREPARE_TRANSACTION');
}
