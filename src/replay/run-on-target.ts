import { messageOf } from '../errors.ts';
import type { JournalStore } from '../journal/store.ts';
import type { DatabaseFacts } from '../target/identity.ts';
import type { ResolvedTarget } from '../target/spec.ts';
import { CommitDoubts } from './commit-doubts.ts';
import { connectMonitor } from './connect-monitor.ts';
import { Connector } from './connector.ts';
import { cancelsFor, type RunControl } from './control.ts';
import { cutStatementsShort, within } from './cut-short.ts';
import { type EarlierState, findEarlierState, heldSentence } from './earlier-state.ts';
import { LostBackends } from './end-lost.ts';
import { endLeftBehind, endOthers } from './end-others.ts';
import { refuseEvicted, refuseShifted } from './evicted-plan.ts';
import type { EventFeed } from './feed.ts';
import type { IdRestorer } from './ids/id-restorer.ts';
import { openIdRestorer } from './ids/open.ts';
import { otherIdsRemark } from './ids/other-ids.ts';
import { readLeftOut } from './left-out.ts';
import { readLostInWindow } from './lost-in-window.ts';
import type { Pacer } from './pacer.ts';
import { readPersistently } from './persistent-reads.ts';
import {
  includedStarts,
  mapDatabases,
  openPlan,
  type Plan,
  type PlannedSession,
  planFilter,
  readSessions,
} from './plan.ts';
import { PreparedTransactions } from './prepared-transactions.ts';
import { ProgressMarker } from './progress-marker.ts';
import type { ReportBuilder } from './report-builder.ts';
import { Reporter } from './reporter.ts';
import type { ReplayRequest } from './request.ts';
import { RoleRoutines } from './role-routines.ts';
import { marksOf, type RunMarks } from './run-key.ts';
import { SessionRoles } from './session-roles.ts';
import { SessionPool } from './sessions.ts';
import type { SettledOutcomes } from './settled-outcomes.ts';
import type { Replay, ReplayStore } from './store.ts';
import type { Tally } from './tally.ts';
import type { TargetMonitor } from './target-monitor.ts';
import type { WalkContext } from './walk.ts';
import { CommitWalk } from './walk-commit.ts';
import { SessionWalk } from './walk-session.ts';
import { TimestampWalk } from './walk-timestamp.ts';

/** How long the end of a run waits for a connection that is still being made. Milliseconds. */
const LAST_WAIT_MS = 200;
/** Whoever watches a run that has sent nothing for so long takes the target for hanging. Milliseconds. */
const PLANNING_TOLD_MS = 1_000;

/** What a run gives its part on the target to work with. */
export interface OnTargetParts {
  readonly journal: JournalStore;
  readonly store: ReplayStore;
  readonly replay: Replay;
  readonly replayId: string;
  /** With its secrets. */
  readonly request: ReplayRequest;
  readonly target: ResolvedTarget;
  /** The database that keeps the journal: never a target, by whatever name it is reached. */
  readonly journalFacts: () => Promise<DatabaseFacts | null>;
  /** Not null for an interrupted run that is resumed. */
  readonly settled: SettledOutcomes | null;
  readonly control: RunControl;
  readonly pacer: Pacer;
  readonly feed: EventFeed;
  readonly tally: Tally;
  readonly report: ReportBuilder;
}

/** The sessions of a run's window, and what was found out about them before anything is sent. */
interface RecordedSessions {
  /** By session key. */
  readonly sessions: ReadonlyMap<string, PlannedSession>;
  /** Whether a planned entry is of type DDL. */
  readonly holdDdl: boolean;
  readonly earlier: EarlierState['made'];
  /** Target database for a recorded one; null: the target's own. */
  readonly databaseFor: (recorded: string | null) => string | null;
}

/**
 * The part of a run that has to do with the target: from its first connection, by what must be there before anything is
 * sent, to the walk of the plan; and how all that is open there ends. Of the run's states it knows one step, to RUNNING.
 */
export class RunOnTarget {
  private readonly parts: OnTargetParts;
  private readonly connector: Connector;
  /** By them a later process finds what this one has left. */
  private readonly marks: RunMarks;
  private readonly prepared = new PreparedTransactions();
  private told: Promise<void> | null = null;
  private toldOfPlanning = false;
  private toldOfLeft = false;
  private walking = false;
  private predecessorEnded = false;
  private pool: SessionPool | null = null;
  private monitor: TargetMonitor | null = null;

  constructor(parts: OnTargetParts) {
    this.parts = parts;
    this.connector = new Connector(parts.target, parts.control.signal);
    this.marks = marksOf(parts.replayId);
  }

  /** From when on statements are sent, and those that an earlier process left in doubt are told of. */
  get hasBegun(): boolean {
    return this.walking;
  }

  /**
   * Resolves when the plan has been walked to its end, or `control` has ended the run.
   * @throws RepriseError TARGET_UNREACHABLE, TARGET_REFUSED, TARGET_LOST; DATABASES_AMBIGUOUS; STORE_UNAVAILABLE;
   * ENTRIES_EVICTED at its end
   */
  async walk(): Promise<void> {
    const { journal, request, settled, control, tally } = this.parts;
    // What arrives from here on is not part of the plan.
    const { arrival: bound } = await journal.tailEnd();
    const { sessions, holdDdl } = await this.planning(readSessions(journal, request));
    const databaseFor = mapDatabases(
      request,
      [...sessions.values()].map((session) => session.database),
    );
    await this.tellOfWhatIsMissing();
    // Beside the login, which takes as long.
    const counting = request.ordering === 'COMMIT' ? countCommitted(journal, request) : Promise.resolve(0);
    const monitor = await connectMonitor({ ...this.parts, connector: this.connector, marks: this.marks }, (opened) => {
      this.monitor = opened;
    });
    if (control.endReason !== null) return;
    // What a dead process had sent may still be running, or waiting in a socket's buffer, on the target.
    if (settled !== null) await this.endPredecessor(monitor);
    if (control.endReason !== null) return;
    const { plan, earlier } = await this.readPlan(sessions, bound);
    const counted = plan === null ? await this.planning(counting) : plan.planned * request.scale;
    // Of what was planned before it was interrupted, retention may have taken some since.
    const plannedBefore = settled?.summary.planned ?? 0;
    tally.setPlanned(Math.max(counted, plannedBefore));
    await refuseShifted(this.parts, plannedBefore, counted);
    if (control.endReason !== null) return;
    const recorded: RecordedSessions = { sessions, holdDdl, earlier, databaseFor };
    const context = await this.beginRunning(monitor, recorded);
    if (context === null) return;
    await this.walkThrough(context, plan, recorded);
    if (control.endReason !== null) return;
    tally.setPlanned(tally.done);
    // Entries that came while the plan was made were counted and left out.
    const late = (plan?.late ?? 0) * request.scale;
    await refuseEvicted(this.parts, Math.max(counted - late, plannedBefore) - tally.done);
  }

  /** Reads the plan up to the arrival `bound`, null in COMMIT ordering, and what sessions had made before it. */
  private async readPlan(
    sessions: Map<string, PlannedSession>,
    bound: bigint,
  ): Promise<{ readonly plan: Plan | null; readonly earlier: RecordedSessions['earlier'] }> {
    const { journal, request } = this.parts;
    const straddlers =
      request.ordering === 'COMMIT'
        ? null
        : await this.planning(journal.straddlers(request.window, planFilter(request)));
    const starts = includedStarts(request, straddlers ?? []);
    const { made: earlier, held } = await this.planning(
      findEarlierState(journal, request.window.from, sessions.values(), starts),
    );
    this.tellOfHeld(held);
    const plan =
      straddlers === null ? null : await this.planning(openPlan(journal, request, sessions, bound, straddlers));
    return { plan, earlier };
  }

  /** Readies all that the walk works with, and takes the run to RUNNING; null when it is being ended before that. */
  private async beginRunning(monitor: TargetMonitor, recorded: RecordedSessions): Promise<WalkContext | null> {
    const { connector } = this;
    const { journal, replayId, request, settled, control, pacer, feed, tally, report } = this.parts;
    const { sessions, earlier, databaseFor } = recorded;
    const { serverVersion } = monitor;
    const { signal } = control;
    const lostBackends = new LostBackends(monitor, signal, (sessionId, why) => this.tellOfLeft(sessionId, why));
    monitor.onLost = (processId) => void lostBackends.end(processId, null);
    const pool = new SessionPool({
      ...{ connector, request, replayId, feed, tally, databaseFor },
      ...{ signal, serverVersion, lostBackends },
    });
    this.pool = pool;
    // Part of the plan: who is told that the run is RUNNING is not told afterwards that it is still being read.
    const ids = await this.planning(this.openIds(recorded));
    const databases = new Set([...sessions.values()].map(({ database }) => databaseFor(database)));
    const routines = await this.planning(RoleRoutines.open(connector, request, replayId, databases));
    if (control.endReason !== null) return null;
    await feed.transition('RUN', { targetVersion: serverVersion }, `connected to PostgreSQL ${serverVersion}`);
    const reporter = new Reporter({ feed, tally, report, request, control, failures: settled?.failures ?? 0 });
    const asks = request.settleCommits && !request.readOnly && !request.markProgress;
    return {
      journal,
      request,
      control,
      pacer,
      feed,
      tally,
      reporter,
      pool,
      monitor,
      prepared: this.prepared,
      settled,
      ids,
      doubts: await CommitDoubts.open(monitor, reporter, signal, asks),
      roles: new SessionRoles(request, connector.target.user, routines),
      marker: request.markProgress ? await ProgressMarker.open(connector, request, replayId) : null,
      earlier,
    };
  }

  /** Walks, and tells of what only its end can tell, also where it was cut short. `plan`: null in COMMIT ordering. */
  private async walkThrough(context: WalkContext, plan: Plan | null, recorded: RecordedSessions): Promise<void> {
    this.walking = true;
    try {
      await walkOf(context, plan, recorded).run();
    } finally {
      await context.doubts.settled();
      for (const remark of context.ids?.remarks() ?? []) this.parts.report.remark(remark);
      await this.remarkOnOtherIds(context, recorded.sessions.size);
      if (context.control.endReason === null) await this.tellOfPrepared();
    }
  }

  private async tellOfWhatIsMissing(): Promise<void> {
    const { journal, request, feed, report } = this.parts;
    for (const message of await this.planning(readLeftOut(journal, request))) {
      feed.emit({ kind: 'NOTICE', code: 'DATABASE_LEFT_OUT', sessionId: null, message });
      report.remark(message);
    }
    for (const sentence of await this.planning(readLostInWindow(journal, request))) report.remark(sentence);
  }

  private tellOfHeld(held: EarlierState['held']): void {
    const message = heldSentence(held);
    if (message === null) return;
    this.parts.feed.emit({ kind: 'NOTICE', code: 'SESSION_PREPARED', sessionId: null, message });
    this.parts.report.remark(message);
  }

  /** What reading a large window gives, and who waits is told of it. Rejects at once when the run is being ended. */
  private async planning<T>(reading: Promise<T>): Promise<T> {
    const { control, feed } = this.parts;
    const telling = setTimeout(() => {
      if (this.toldOfPlanning) return;
      this.toldOfPlanning = true;
      const message =
        'the plan is being read from the journal, which takes a while for this window; nothing is sent before';
      feed.emit({ kind: 'NOTICE', code: 'PLANNING', sessionId: null, message });
    }, PLANNING_TOLD_MS);
    try {
      return await control.unlessEnded(reading);
    } finally {
      clearTimeout(telling);
    }
  }

  /** For a run that is being ended: when it resolves, each statement under way has its outcome. Never rejects. */
  async cutShort(): Promise<void> {
    const { request, control } = this.parts;
    await cutStatementsShort(this.pool, this.monitor, {
      // What was sent ahead would be lost to the run that is resumed: it begins no transaction twice.
      waits: control.endReason?.kind === 'INTERRUPTED' && request.ordering === 'COMMIT',
      cancels: cancelsFor(control.endReason, request),
    });
    await this.tellOfPrepared();
    // Behind it nobody has a question left: one that is not answered must not hold the end.
    await this.monitor?.close(LAST_WAIT_MS);
  }

  /** A dead process may have left something running, and the run has not come to ending it. */
  get hasLeftBehind(): boolean {
    const { settled, replay } = this.parts;
    return settled !== null && settled.sentThrough > 0 && replay.error !== null && !this.predecessorEnded;
  }

  /**
   * For a run that has been cut short: ends what a dead process has left running, where the run had not come to that. Gives what is to
   * be told where it could not be had. Never rejects.
   */
  async endLeftBehind(): Promise<string | null> {
    const { target, request } = this.parts;
    return this.hasLeftBehind ? endLeftBehind(target, request, this.marks) : null;
  }

  /** Once: the end may come while it is asked. Never rejects. */
  private tellOfPrepared(): Promise<void> {
    this.told ??= this.prepared
      .left(() => this.standing())
      .then((message) => {
        if (message === null) return;
        this.parts.feed.emit({ kind: 'NOTICE', code: 'PREPARED_LEFT', sessionId: null, message });
        this.parts.report.remark(message);
      });
    return this.told;
  }

  /** Names of the prepared transactions on the target; null where it does not tell. */
  private async standing(): Promise<readonly string[] | null> {
    let names: string[] | null = null;
    const asked = this.monitor?.query('SELECT gid FROM pg_catalog.pg_prepared_xacts ORDER BY gid').then(
      ({ rows }) => {
        names = rows.map(([gid]) => String(gid));
      },
      () => {},
    );
    await within(LAST_WAIT_MS, Promise.resolve(asked));
    return names;
  }

  /** Closes every connection; `now`: the run is cut short. Never rejects. */
  async close(now: boolean): Promise<void> {
    await this.pool?.close(now);
    await this.monitor?.close();
    await within(LAST_WAIT_MS, this.connector.settled());
  }

  private tellOfLeft(sessionId: string | null, why: string): void {
    const { feed, report, target } = this.parts;
    const whose = sessionId === null ? 'the run' : `session ${sessionId}`;
    const left = `has left on the target could not be ended, and keeps its locks until the server notices: ${why}; GRANT pg_signal_backend TO ${JSON.stringify(target.user)} lets the replay end it`;
    const message = `what the lost connection of ${whose} ${left}`;
    feed.emit({ kind: 'NOTICE', code: 'CONNECTION_LOST', sessionId, message });
    if (!this.toldOfLeft) report.remark(`what a lost connection ${left}`);
    this.toldOfLeft = true;
  }

  /** Nothing is sent before: where it fails, the run stays as resumable as it was. */
  private async endPredecessor(monitor: TargetMonitor): Promise<void> {
    const { request, control } = this.parts;
    try {
      await endOthers(monitor, this.connector, request, this.marks, control.signal);
      this.predecessorEnded = !control.signal.aborted;
    } catch (error) {
      control.end({ kind: 'INTERRUPTED', message: messageOf(error) });
    }
  }

  private async openIds(recorded: RecordedSessions): Promise<IdRestorer | null> {
    const { journal, store, replayId, request, settled, feed, control } = this.parts;
    if (request.ordering !== 'COMMIT' || !request.restoreIds) return null;
    const persist = <T>(work: () => Promise<T>) => readPersistently(work, control);
    const onUnsettled = (message: string) =>
      feed.emit({ kind: 'NOTICE', code: 'IDS_UNSETTLED', sessionId: null, message });
    return openIdRestorer({
      journal,
      request,
      connector: this.connector,
      replayId,
      ...recorded,
      // One that was interrupted before it sent anything begins.
      resumed:
        settled === null || settled.sentThrough === 0
          ? null
          : { starts: await persist(() => store.sequenceStarts(replayId)) },
      // What is kept already stands: it may be repeated like a read.
      saveStarts: (starts) => persist(() => store.saveSequenceStarts(replayId, starts)),
      onUnsettled,
    });
  }

  /** One session alone draws as in the record. Never rejects: a target that is gone has nothing to tell. */
  private async remarkOnOtherIds({ request, monitor, control }: WalkContext, sessions: number): Promise<void> {
    if (sessions < 2 || request.readOnly || (request.ordering === 'COMMIT' && request.restoreIds)) return;
    if (control.endReason !== null) return;
    const { report } = this.parts;
    const statements = report.finish().statements.map(({ normalised }) => normalised);
    const asked = otherIdsRemark(monitor, statements).then(
      (remark) => remark !== null && report.remark(remark),
      () => {},
    );
    await within(LAST_WAIT_MS, asked);
  }
}

/** Statements that a run in COMMIT ordering will report on. A rejection is for who awaits it, if anybody does. */
function countCommitted(journal: JournalStore, request: ReplayRequest): Promise<number> {
  const counted = journal.committedCount(request.window, planFilter(request), request.edges);
  counted.catch(() => {});
  return counted;
}

/** `plan`: null in COMMIT ordering, whose walk reads whole transactions. */
function walkOf(
  context: WalkContext,
  plan: Plan | null,
  { sessions, databaseFor }: RecordedSessions,
): { run(): Promise<void> } {
  if (plan === null) return new CommitWalk(context, sessions, databaseFor);
  return context.request.ordering === 'SESSION' ? new SessionWalk(context, plan) : new TimestampWalk(context, plan);
}
