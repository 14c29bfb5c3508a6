import { messageOf, RepriseError } from '../errors.ts';
import type { Entry } from '../journal/entry.ts';
import type { JournalStore } from '../journal/store.ts';
import type { TargetConnection } from '../target/connection.ts';
import { type DatabaseFacts, isSameDatabase, readDatabaseFacts } from '../target/identity.ts';
import { type ResolvedTarget, targetLabel } from '../target/spec.ts';
import { CommitDoubts } from './commit-doubts.ts';
import { Connector } from './connector.ts';
import { type EndReason, failureOf, RunControl } from './control.ts';
import { cutStatementsShort, within } from './cut-short.ts';
import { Deferred } from './deferred.ts';
import { findEarlierState } from './earlier-state.ts';
import { endOthers } from './end-others.ts';
import { EventFeed } from './feed.ts';
import type { IdRestorer } from './ids/id-restorer.ts';
import { openIdRestorer } from './ids/open.ts';
import { otherIdsRemark } from './ids/other-ids.ts';
import { Pacer } from './pacer.ts';
import { mapDatabases, openPlan, type PlannedSession, planFilter, readSessions } from './plan.ts';
import { ProgressMarker } from './progress-marker.ts';
import { ReportBuilder } from './report-builder.ts';
import { Reporter } from './reporter.ts';
import { measureOf, saveReport } from './reports.ts';
import type { ReplayRequest } from './request.ts';
import type { RunEnd, RunListener } from './run-observer.ts';
import type { RunState } from './run-state.ts';
import { SessionPool } from './sessions.ts';
import type { SettledOutcomes } from './settled-outcomes.ts';
import type { Replay, ReplayReport, ReplayStore } from './store.ts';
import { Tally } from './tally.ts';
import { BEHIND_POOLER, TargetMonitor } from './target-monitor.ts';
import type { WalkContext } from './walk.ts';
import { CommitWalk } from './walk-commit.ts';
import { SessionWalk } from './walk-session.ts';
import { TimestampWalk } from './walk-timestamp.ts';

/** How long the end of a run waits for a connection that is still being made. Milliseconds. */
const LAST_WAIT_MS = 200;
/** What a timer can hold; one for longer fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What a run works with. */
export interface RunParts {
  readonly journal: JournalStore;
  readonly store: ReplayStore;
  readonly replay: Replay;
  /** With its secrets; the stored one has none. */
  readonly request: ReplayRequest;
  readonly target: ResolvedTarget;
  /** The database that keeps the journal: never a target, by whatever name it is reached. */
  readonly journalFacts: DatabaseFacts | null;
  /** Not null for an interrupted run that is resumed. */
  readonly settled: SettledOutcomes | null;
  readonly listener: RunListener | null;
}

/**
 * One run under way: takes it from PENDING (or INTERRUPTED) to its end. Every way out of `execute` leaves
 * the run in an end state with its events durable, its connections closed and no timer behind.
 */
export class ReplayRun {
  readonly id: string;
  /** Resolves, never rejects, when the run has ended and everything of it is closed. */
  readonly done: Promise<void>;
  readonly tally: Tally;
  private current: RunState;
  private readonly parts: RunParts;
  private readonly control = new RunControl();
  private readonly connector: Connector;
  private readonly feed: EventFeed;
  private readonly pacer: Pacer;
  private readonly report = new ReportBuilder();
  private readonly begun = new Deferred<void>();
  private pool: SessionPool | null = null;
  private monitor: TargetMonitor | null = null;
  private cutShort: Promise<void> = Promise.resolve();
  private timeout: NodeJS.Timeout | undefined;
  /** The plan is walked: too late for a pause. */
  private ending = false;
  /** The store refused to let the run begin: another process has it. */
  private foreign = false;
  private storeError: unknown = null;

  constructor(parts: RunParts) {
    this.parts = parts;
    this.id = parts.replay.id;
    this.current = parts.replay.state;
    this.tally = parts.settled === null ? new Tally() : Tally.restore(parts.settled.summary);
    this.pacer = new Pacer(parts.request.pace);
    this.connector = new Connector(parts.target, this.control.signal);
    this.feed = new EventFeed(parts.store, this.id, {
      lastSeq: parts.replay.lastSeq,
      sentThrough: parts.settled?.sentThrough ?? 0,
      onState: (state) => {
        this.current = state;
        parts.listener?.state(state);
      },
      onError: (error) =>
        this.control.end({
          kind: 'FAILED',
          code: 'STORE_UNAVAILABLE',
          message: `results cannot be stored: ${messageOf(error)}`,
        }),
    });
    this.feed.setSummary(() => this.tally.summary(performance.now()));
    this.control.signal.addEventListener('abort', () => {
      this.cutShort = cutStatementsShort(this.pool, this.monitor).then(() =>
        // Behind it nobody has a question left: one that is not answered must not hold the end.
        this.monitor?.close(LAST_WAIT_MS),
      );
    });
    this.done = this.execute();
  }

  /** The report of what it has done, which may be ahead of its durable events; null where it did only a part of it. */
  reportSoFar(): Omit<ReplayReport, 'thresholds'> | null {
    const { request, settled } = this.parts;
    return settled === null ? this.report.finish(measureOf(request, this.tally.summary(performance.now()))) : null;
  }

  /**
   * Resolves when the run is CONNECTING, durably.
   * @throws RepriseError REPLAY_STATE when another process was faster; STORE_UNAVAILABLE
   */
  get hasBegun(): Promise<void> {
    return this.begun.promise;
  }

  /** As it was last stored. */
  get state(): RunState {
    return this.current;
  }

  /** Events that are not durable yet. */
  get backlog(): number {
    return this.feed.backlog;
  }

  /** True while it sends, or will send, as fast as it can. */
  get isHurried(): boolean {
    return this.parts.request.pace.mode === 'AS_FAST_AS_POSSIBLE' && !this.control.isPaused;
  }

  /** Nothing is sent from the call on. @throws RepriseError REPLAY_STATE */
  async pause(): Promise<void> {
    if (this.ending) throw new RepriseError('REPLAY_STATE', `replay ${this.id} is about to end`);
    const paused = this.control.pause();
    try {
      await this.feed.transition('PAUSE', {}, 'paused on request');
    } catch (error) {
      if (paused) this.control.resume();
      throw error;
    }
  }

  /** @throws RepriseError REPLAY_STATE */
  async resume(): Promise<void> {
    await this.feed.transition('RESUME', {}, 'resumed on request');
    this.control.resume();
  }

  /** Ends the run as CANCELLED; resolves when it has ended. */
  async cancel(): Promise<void> {
    this.control.end({ kind: 'CANCELLED' });
    await this.done;
  }

  /** The service is going down: the run becomes INTERRUPTED and can be resumed. */
  async interrupt(): Promise<void> {
    this.control.end({ kind: 'INTERRUPTED', message: 'the service was stopped' });
    await this.done;
  }

  /** Recorded time × `speed` from now on. */
  setSpeed(speed: number): void {
    this.pacer.shift(this.control.takePausedMs());
    this.pacer.setSpeed(speed, performance.now());
    this.tally.setSchedule({ to: this.parts.request.window.to, speed });
    this.feed.emit({ kind: 'NOTICE', code: 'SPEED_CHANGED', sessionId: null, message: `speed ${speed}` });
  }

  private async execute(): Promise<void> {
    this.startTimeout(performance.now());
    let end: EndReason | null = null;
    try {
      await this.begin();
      await this.walk();
      // A walk that ran out of statements while paused completes when it is resumed.
      for (let gate = this.control.gate(); gate !== null; gate = this.control.gate()) await gate;
    } catch (error) {
      this.control.end(failureOf(error));
    }
    this.ending = true;
    this.parts.listener?.finishing();
    end = this.control.endReason;
    clearTimeout(this.timeout);
    await this.cutShort;
    await this.closeConnections(end !== null);
    this.tally.end(performance.now());
    await this.finish(end);
    this.parts.listener?.ended(this.endOf(end));
  }

  private async begin(): Promise<void> {
    const { request, replay, settled } = this.parts;
    this.tally.start(performance.now());
    try {
      await this.feed.transition(
        settled === null ? 'CONNECT' : 'RESUME',
        settled === null ? { startedAt: Date.now() * 1000 } : { ownerId: replay.ownerId, error: null },
        `connect to ${replay.targetLabel}`,
      );
      this.begun.resolve();
    } catch (error) {
      this.foreign = error instanceof RepriseError && error.code === 'REPLAY_STATE';
      this.begun.reject(error);
      throw error;
    }
    if (request.pace.mode === 'RECORDED') this.tally.setSchedule({ to: request.window.to, speed: request.pace.speed });
  }

  private async walk(): Promise<void> {
    const { journal, request, settled } = this.parts;
    const { feed, tally, control, connector } = this;
    // What arrives from here on is not part of the plan.
    const { arrival: bound } = await journal.tailEnd();
    const sessions = await readSessions(journal, request);
    const databaseFor = mapDatabases(
      request,
      [...sessions.values()].map((session) => session.database),
    );
    const monitor = await this.connectMonitor();
    await monitor.refuseSharedBackends();
    if (!(await monitor.isDirect())) this.report.remark(BEHIND_POOLER);
    if (control.endReason !== null) return;
    // What a dead process had sent may still be running, or waiting in a socket's buffer, on the target.
    if (settled !== null) await this.endPredecessor(monitor);
    if (control.endReason !== null) return;
    this.pool = new SessionPool({
      connector,
      request,
      replayId: this.id,
      feed,
      tally,
      databaseFor,
      signal: control.signal,
    });
    const earlier = await this.earlierState(sessions);
    if (control.endReason !== null) return;
    await feed.transition(
      'RUN',
      { targetVersion: monitor.serverVersion },
      `connected to PostgreSQL ${monitor.serverVersion}`,
    );
    const reporter = new Reporter({
      feed,
      tally,
      report: this.report,
      request,
      control,
      failures: settled?.failures ?? 0,
    });
    const asks = request.settleCommits && !request.readOnly && !request.markProgress;
    const context: WalkContext = {
      journal,
      request,
      control,
      pacer: this.pacer,
      feed,
      tally,
      reporter,
      pool: this.pool,
      monitor,
      settled,
      ids: await this.openIds(sessions, earlier, databaseFor),
      doubts: await CommitDoubts.open(monitor, reporter, control.signal, asks),
      marker: request.markProgress ? await ProgressMarker.open(connector, request, this.id) : null,
      earlier,
    };
    try {
      await this.walkInOrder(context, sessions, databaseFor, bound);
    } finally {
      await context.doubts.settled();
      for (const remark of context.ids?.remarks() ?? []) this.report.remark(remark);
      await this.remarkOnOtherIds(context, sessions.size);
    }
  }

  /** One session alone draws as in the record. Never rejects: a target that is gone has nothing to tell. */
  private async remarkOnOtherIds({ request, monitor }: WalkContext, sessions: number): Promise<void> {
    if (sessions < 2 || request.readOnly || (request.ordering === 'COMMIT' && request.restoreIds)) return;
    if (this.control.endReason !== null) return;
    const statements = this.report.finish().statements.map(({ normalised }) => normalised);
    const asked = otherIdsRemark(monitor, statements).then(
      (remark) => remark !== null && this.report.remark(remark),
      () => {},
    );
    await within(LAST_WAIT_MS, asked);
  }

  /** Nothing is sent before: where it fails, the run stays as resumable as it was. */
  private async endPredecessor(monitor: TargetMonitor): Promise<void> {
    const { connector, control } = this;
    try {
      await endOthers(monitor, connector, this.parts.request, `reprise ${this.id.slice(0, 8)}`, control.signal);
    } catch (error) {
      control.end({ kind: 'INTERRUPTED', message: messageOf(error) });
    }
  }

  private async walkInOrder(
    context: WalkContext,
    sessions: Map<string, PlannedSession>,
    databaseFor: (recorded: string | null) => string | null,
    bound: bigint,
  ): Promise<void> {
    const { journal, request } = context;
    if (request.ordering === 'COMMIT') {
      const { entries } = await journal.committedCount(request.window, planFilter(request));
      this.tally.setPlanned(entries);
      return new CommitWalk(context, sessions, databaseFor).run();
    }
    const plan = await openPlan(journal, request, sessions, bound);
    this.tally.setPlanned(plan.planned * request.scale);
    await (request.ordering === 'SESSION' ? new SessionWalk(context, plan) : new TimestampWalk(context, plan)).run();
    // Entries that came while the plan was made were counted and left out.
    if (context.control.endReason === null) this.tally.setPlanned(this.tally.done);
  }

  private async openIds(
    sessions: ReadonlyMap<string, PlannedSession>,
    earlier: WalkContext['earlier'],
    databaseFor: (recorded: string | null) => string | null,
  ): Promise<IdRestorer | null> {
    const { journal, store, request, settled } = this.parts;
    if (request.ordering !== 'COMMIT' || !request.restoreIds) return null;
    const onUnsettled = (message: string) =>
      this.feed.emit({ kind: 'NOTICE', code: 'IDS_UNSETTLED', sessionId: null, message });
    const statements = new Map([...earlier].map(([key, noted]) => [key, noted.map(({ statement }) => statement)]));
    return openIdRestorer({
      journal,
      request,
      connector: this.connector,
      replayId: this.id,
      sessions,
      earlier: statements,
      databaseFor,
      // One that was interrupted before it sent anything begins.
      resumed: settled === null || settled.sentThrough === 0 ? null : { starts: await store.sequenceStarts(this.id) },
      saveStarts: (starts) => store.saveSequenceStarts(this.id, starts),
      onUnsettled,
    });
  }

  private async connectMonitor(): Promise<TargetMonitor> {
    const { request, target, journalFacts } = this.parts;
    const connect = (): Promise<TargetConnection> =>
      this.connector.open({
        connectTimeoutMs: request.connectTimeoutMs,
        applicationName: `reprise ${this.id.slice(0, 8)} monitor`,
        statementTimeoutMs: 10_000,
        readOnly: true,
      });
    const connection = await connect();
    this.monitor = new TargetMonitor(connection, connect);
    if (journalFacts !== null && isSameDatabase(journalFacts, await readDatabaseFacts(connection))) {
      throw new RepriseError(
        'TARGET_REFUSED',
        `${targetLabel(target)} is the database that keeps the journal: choose another target`,
      );
    }
    return this.monitor;
  }

  private async earlierState(sessions: ReadonlyMap<string, PlannedSession>): Promise<WalkContext['earlier']> {
    const earlier = new Map<string, Entry[]>();
    await findEarlierState(this.parts.journal, this.parts.request.window.from, sessions.values(), (key, entry) => {
      const known = earlier.get(key);
      if (known === undefined) earlier.set(key, [entry]);
      else known.push(entry);
    });
    return earlier;
  }

  private startTimeout(startedAt: number): void {
    const { runTimeoutMs } = this.parts.request;
    if (runTimeoutMs === null) return;
    const left = Math.max(0, startedAt + runTimeoutMs - performance.now());
    this.timeout = setTimeout(
      () => {
        if (left > LONGEST_TIMER_MS) this.startTimeout(startedAt);
        else
          this.control.end({
            kind: 'FAILED',
            code: 'RUN_TIMEOUT',
            message: `the run took longer than its ${runTimeoutMs} ms`,
          });
      },
      Math.min(left, LONGEST_TIMER_MS),
    );
  }

  /** Never rejects. */
  private async closeConnections(now: boolean): Promise<void> {
    await this.pool?.close(now);
    await this.monitor?.close();
    await within(LAST_WAIT_MS, this.connector.settled());
  }

  /** Never rejects. */
  private async finish(end: EndReason | null): Promise<void> {
    const { request, settled } = this.parts;
    try {
      if (this.foreign) return;
      await this.feed.flush();
      const summary = this.tally.summary(performance.now());
      // A run that is to be resumed has no report yet: it is made from its events when somebody asks, as is one
      // that cannot be stored now.
      if (end?.kind !== 'INTERRUPTED') {
        await saveReport(this.parts, { id: this.id, request, summary }, this.report, settled === null).catch(() => {});
      }
      const patch = {
        endedAt: Date.now() * 1000,
        summary,
        error:
          end?.kind === 'FAILED'
            ? { code: end.code, message: end.message }
            : // Who resumes it must not take what a crash left in doubt for what was never sent.
              end?.kind === 'INTERRUPTED' && settled?.inDoubt === true
              ? this.parts.replay.error
              : null,
      };
      if (end === null) await this.feed.transition('COMPLETE', patch, null);
      else if (end.kind === 'CANCELLED') await this.feed.transition('CANCEL', patch, 'cancelled on request');
      else if (end.kind === 'INTERRUPTED') await this.feed.transition('INTERRUPT', patch, end.message);
      else await this.feed.transition('FAIL', patch, end.message);
    } catch (error) {
      // The store is gone: nothing can be told durably. The next start finds the run and marks it INTERRUPTED.
      this.storeError = error;
    } finally {
      await this.feed.close();
    }
  }

  private endOf(end: EndReason | null): RunEnd {
    return {
      summary: this.tally.summary(performance.now()),
      error: end?.kind === 'FAILED' ? { code: end.code, message: end.message } : null,
      storeError: this.storeError,
    };
  }

  /** Why the end of the run could not be stored, if it could not. */
  get failureToStore(): unknown {
    return this.storeError;
  }
}
