import { compareEntryKeys, type Entry, type EntryKey } from '../journal/entry.ts';
import { type EntryFilter, matchesStatement } from '../journal/window.ts';
import type { TargetConnection } from '../target/connection.ts';
import type { TargetOutcome } from '../target/statement.ts';
import type { CommitPipeline } from './commit-pipeline.ts';
import type { CommitSessions } from './commit-sessions.ts';
import { isBefore } from './earlier-state.ts';
import { isLost, type Open } from './open-transaction.ts';
import type { OwnStatements } from './own-statements.ts';
import { planFilter } from './plan.ts';
import { refusalOf } from './refusal.ts';
import { sessionKey } from './session-key.ts';
import { type PreparedUse, preparedUses, SessionPrepares } from './session-prepares.ts';
import type { TargetSession } from './target-session.ts';
import type { WalkContext } from './walk.ts';

/** Entries of a session that are read at once. */
const PAGE = 2_000;
const CHANGES = /prepare|deallocate|discard/i;
const USES = /prepare|deallocate|discard|execute/i;

/** True for a statement that may make, use or drop SQL-level prepared statements. */
export function mayUsePrepared({ statement }: Entry): boolean {
  return USES.test(statement);
}

/** What the statement does with them; null for nothing. */
export function usesOf(entry: Entry): readonly PreparedUse[] | null {
  if (!mayUsePrepared(entry)) return null;
  const uses = preparedUses(entry.statement);
  return uses.length === 0 ? null : uses;
}

/** One session, and how far its record has been read. */
interface Followed {
  readonly prepares: SessionPrepares;
  connection: TargetConnection | null;
  /** Read and not yet followed, in order. */
  ahead: readonly Entry[];
  /** The last entry that was read; null before the first. */
  readTo: EntryKey | null;
  hasMore: boolean;
}

/**
 * PREPARE and DEALLOCATE that a COMMIT walk does not send, because their transaction was rolled back or is cut off by the window's
 * edges: what a later statement of the session finds in the record is made on its connection ahead of it (docs/replay.md C3).
 */
export class CommitPrepares {
  private readonly context: WalkContext;
  private readonly sessions: CommitSessions;
  private readonly pipeline: CommitPipeline;
  private readonly own: OwnStatements;
  private readonly filter: EntryFilter;
  private readonly followed = new WeakMap<TargetSession, Followed>();

  constructor(context: WalkContext, sessions: CommitSessions, pipeline: CommitPipeline, own: OwnStatements) {
    this.context = context;
    this.sessions = sessions;
    this.pipeline = pipeline;
    this.own = own;
    this.filter = planFilter(context.request);
  }

  /** Reads what the session's record holds before a statement of its, as far as that matters. */
  async read(session: TargetSession, entry: Entry, uses: readonly PreparedUse[]): Promise<void> {
    const followed = this.of(session);
    const { prepares } = followed;
    if (!prepares.asksRecord(entry, uses)) return;
    for (;;) {
      const until = followed.ahead.findIndex((ahead) => compareEntryKeys(ahead, entry) >= 0);
      const before = until < 0 ? followed.ahead : followed.ahead.slice(0, until);
      for (const passed of before) prepares.follow(passed, this.isLeftOut(passed));
      followed.ahead = until < 0 ? [] : followed.ahead.slice(until);
      const { readTo, hasMore } = followed;
      if (!hasMore || (readTo !== null && compareEntryKeys(readTo, entry) >= 0)) break;
      await this.readPage(session, followed, entry);
    }
    prepares.reached(entry);
  }

  /** Makes what the statement needs, or drops what is in its way, on the session's connection. */
  async restore(session: TargetSession, open: Open, entry: Entry, uses: readonly PreparedUse[]): Promise<void> {
    const { prepares } = this.of(session);
    if (open.failed || open.trouble !== null) return;
    await this.follow(session);
    if (!prepares.isDoubtful && prepares.missing(entry, uses).length === 0) return;
    await this.pipeline.drain(0);
    await this.follow(session);
    if (prepares.isDoubtful) prepares.connectionHas(session.memory.prepared(), false);
    for (const restoring of prepares.missing(entry, uses)) {
      if (open.failed || open.trouble !== null || isLost(session, open)) return;
      const { statement } = restoring;
      const noted = { statement, parameters: [], statementType: 'OTHER' } as const;
      const sent = await this.own.send(session, statement, open, (outcome) => {
        if (outcome.lost) return;
        session.memory.note(noted, outcome);
        if (outcome.ok) return;
        prepares.doubt();
        if (outcome.transactionStatus === 'I') open.unprepared ??= outcome;
      });
      if (!sent) return;
      prepares.restoring(restoring);
    }
  }

  /** The statement is being sent. */
  sending(session: TargetSession, entry: Entry, uses: readonly PreparedUse[]): void {
    this.of(session).prepares.sending(entry, uses);
  }

  /** Notes a statement of a session with a connection of its own that has its answer. */
  note(session: TargetSession, entry: Entry, outcome: TargetOutcome): void {
    session.memory.note(entry, outcome);
    if (!outcome.ok && CHANGES.test(entry.statement)) this.of(session).prepares.doubt();
  }

  private of(session: TargetSession): Followed {
    let followed = this.followed.get(session);
    if (followed === undefined) {
      const prepares = new SessionPrepares(session.memory.prepared());
      followed = { prepares, connection: null, ahead: [], readTo: null, hasMore: true };
      this.followed.set(session, followed);
    }
    return followed;
  }

  /** Another connection has what the session remembers, which was made again on it. */
  private async follow(session: TargetSession): Promise<void> {
    const followed = this.of(session);
    const connection = await this.sessions.connect(session);
    if (followed.connection !== null && followed.connection !== connection) {
      followed.prepares.connectionHas(session.memory.prepared(), true);
    }
    followed.connection = connection;
  }

  private async readPage(session: TargetSession, followed: Followed, entry: Entry): Promise<void> {
    const { journal, request, control } = this.context;
    const start = this.sessions.startOf(session);
    const window = { from: start.timestamp, to: Math.max(request.window.to, entry.timestamp) };
    const { key, sessionId } = session.planned;
    const filter: EntryFilter = { sessionIds: [sessionId], statementTypes: ['SET', 'OTHER'] };
    const page = await control.unlessEnded(journal.page(window, filter, followed.readTo, PAGE));
    followed.ahead = page.entries.filter(
      (read) =>
        read.outcome.status !== 'FAILED' &&
        CHANGES.test(read.statement) &&
        sessionKey(read.origin) === key &&
        !isBefore(start, read),
    );
    followed.readTo = page.entries.at(-1) ?? followed.readTo;
    followed.hasMore = page.hasMore;
  }

  /** What the request asks to leave out stays left out. */
  private isLeftOut(entry: Entry): boolean {
    return !matchesStatement(this.filter, entry) || refusalOf(entry, this.context.request) !== null;
  }
}
