import { messageOf, RepriseError } from '../errors.ts';
import type { JournalStore } from '../journal/store.ts';
import { TargetConnection } from '../target/connection.ts';
import { type DatabaseFacts, isSameDatabase, readDatabaseFacts } from '../target/identity.ts';
import { type ResolvedTarget, targetLabel } from '../target/spec.ts';
import { type EndReason, RunControl } from './control.ts';
import { findEarlierState } from './earlier-state.ts';
import { EventFeed } from './feed.ts';
import type { IdRestorer } from './ids/id-restorer.ts';
import { openIdRestorer } from './ids/open.ts';
import { Pacer } from './pacer.ts';
import { mapDatabases, openPlan, type PlannedSession, planFilter, readSessions } from './plan.ts';
import { ReportBuilder } from './report-builder.ts';
import { rebuildReport } from './report-rebuild.ts';
import { Reporter } from './reporter.ts';
import type { ReplayRequest } from './request.ts';
import { SessionPool } from './sessions.ts';
import type { Replay, ReplayStore } from './store.ts';
import { Tally } from './tally.ts';
import { TargetMonitor } from './target-monitor.ts';
import type { SettledOutcomes, WalkContext } from './walk.ts';
import { CommitWalk } from './walk-commit.ts';
import { SessionWalk } from './walk-session.ts';
import { TimestampWalk } from './walk-timestamp.ts';

/** How long statements under way get to end after a cancel request, before their connections are cut. */
const CANCEL_GRACE_MS = 400;

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
  private readonly parts: RunParts;
  private readonly control = new RunControl();
  private readonly feed: EventFeed;
  private readonly pacer: Pacer;
  private readonly report = new ReportBuilder();
  private pool: SessionPool | null = null;
  private monitor: TargetMonitor | null = null;
  private cutShort: Promise<void> = Promise.resolve();
  private storeError: unknown = null;

  constructor(parts: RunParts) {
    this.parts = parts;
    this.id = parts.replay.id;
    this.tally = parts.settled === null ? new Tally() : Tally.restore(parts.replay.summary);
    this.pacer = new Pacer(parts.request.pace);
    this.feed = new EventFeed(parts.store, this.id, {
      lastSeq: parts.replay.lastSeq,
      sentThrough: parts.settled?.sentThrough ?? 0,
      onError: (error) => {
        this.storeError = error;
        this.control.end({ kind: 'FAILED', code: 'STORE_UNAVAILABLE', message: `results cannot be stored: ${messageOf(error)}` });
      },
    });
    this.feed.setSummary(() => this.tally.summary(performance.now()));
    this.control.signal.addEventListener('abort', () => {
      this.cutShort = this.cutStatementsShort();
    });
    this.done = this.execute();
  }

  /** @throws RepriseError REPLAY_STATE */
  async pause(): Promise<void> {
    await this.feed.transition('PAUSE', {}, 'paused on request');
    this.control.pause();
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
    this.control.end({ kind: 'INTERRUPTED' });
    await this.done;
  }

  /** Recorded time × `speed` from now on. */
  setSpeed(speed: number): void {
    this.pacer.setSpeed(speed, performance.now());
    this.tally.setSchedule({ to: this.parts.request.window.to, speed });
    this.feed.emit({ kind: 'NOTICE', code: 'SPEED_CHANGED', sessionId: null, message: `speed ${speed}` });
  }

  private async execute(): Promise<void> {
    const timeout = this.startTimeout();
    let end: EndReason | null = null;
    try {
      await this.begin();
      await this.walk();
      // A walk that ran out of statements while paused completes when it is resumed.
      await this.control.gate();
      end = this.control.endReason;
    } catch (error) {
      end = this.control.endReason ?? failureOf(error);
      if (this.control.endReason === null) this.control.end(end);
    }
    clearTimeout(timeout);
    await this.cutShort;
    await this.closeConnections(end !== null);
    this.tally.end(performance.now());
    await this.finish(end);
  }

  private async begin(): Promise<void> {
    const { request, replay } = this.parts;
    this.tally.start(performance.now());
    await this.feed.transition(
      this.parts.settled === null ? 'CONNECT' : 'RESUME',
      this.parts.settled === null ? { startedAt: Date.now() * 1000 } : { ownerId: replay.ownerId, error: null },
      `connect to ${replay.targetLabel}`,
    );
    if (request.pace.mode === 'RECORDED') this.tally.setSchedule({ to: request.window.to, speed: request.pace.speed });
  }

  private async walk(): Promise<void> {
    const { journal, request, target, settled } = this.parts;
    const { feed, tally, control } = this;
    const sessions = await readSessions(journal, request);
    const databaseFor = mapDatabases(request, [...sessions.values()].map((session) => session.database));
    const version = await this.connectMonitor(target, request);
    if (control.endReason !== null) return;
    this.pool = new SessionPool({ target, request, replayId: this.id, feed, tally, databaseFor, signal: control.signal });
    const earlier = await this.earlierState(sessions);
    await feed.transition('RUN', { targetVersion: version }, `connected to PostgreSQL ${version}`);
    const context: WalkContext = {
      journal,
      request,
      control,
      pacer: this.pacer,
      feed,
      tally,
      reporter: new Reporter({ feed, tally, report: this.report, request, control }),
      pool: this.pool,
      monitor: this.monitor as TargetMonitor,
      settled,
      ids: await this.openIds(sessions, earlier, databaseFor),
      earlier,
    };
    try {
      await this.walkInOrder(context, sessions, databaseFor);
    } finally {
      for (const remark of context.ids?.remarks() ?? []) this.report.remark(remark);
    }
  }

  private async walkInOrder(
    context: WalkContext,
    sessions: Map<string, PlannedSession>,
    databaseFor: (recorded: string | null) => string | null,
  ): Promise<void> {
    const { journal, request } = context;
    if (request.ordering === 'COMMIT') {
      const { entries } = await journal.committedCount(request.window, planFilter(request));
      this.tally.setPlanned(entries);
      return new CommitWalk(context, sessions, databaseFor).run();
    }
    const plan = await openPlan(journal, request, sessions);
    this.tally.setPlanned(plan.planned);
    return request.ordering === 'SESSION' ? new SessionWalk(context, plan).run() : new TimestampWalk(context, plan).run();
  }

  private async openIds(
    sessions: ReadonlyMap<string, PlannedSession>,
    earlier: WalkContext['earlier'],
    databaseFor: (recorded: string | null) => string | null,
  ): Promise<IdRestorer | null> {
    const { journal, request, target, settled } = this.parts;
    if (request.ordering !== 'COMMIT' || !request.restoreIds) return null;
    const onUnsettled = (message: string) => this.feed.emit({ kind: 'NOTICE', code: 'IDS_UNSETTLED', sessionId: null, message });
    return openIdRestorer({ journal, request, target, replayId: this.id, sessions, earlier, databaseFor, resumed: settled !== null, onUnsettled });
  }

  private async connectMonitor(target: ResolvedTarget, request: ReplayRequest): Promise<string> {
    const connection = await TargetConnection.connect(target, {
      connectTimeoutMs: request.connectTimeoutMs,
      applicationName: `reprise ${this.id.slice(0, 8)} monitor`,
      statementTimeoutMs: 10_000,
      readOnly: true,
    });
    this.monitor = new TargetMonitor(connection);
    const { journalFacts } = this.parts;
    if (journalFacts !== null && isSameDatabase(journalFacts, await readDatabaseFacts(connection))) {
      throw new RepriseError('TARGET_REFUSED', `${targetLabel(target)} is the database that keeps the journal: choose another target`);
    }
    return connection.serverVersion;
  }

  private async earlierState(sessions: ReadonlyMap<string, PlannedSession>): Promise<ReadonlyMap<string, readonly string[]>> {
    const earlier = new Map<string, string[]>();
    await findEarlierState(this.parts.journal, this.parts.request.window.from, sessions.values(), (key, statement) => {
      const known = earlier.get(key);
      if (known === undefined) earlier.set(key, [statement]);
      else known.push(statement);
    });
    return earlier;
  }

  private startTimeout(): NodeJS.Timeout | undefined {
    const { runTimeoutMs } = this.parts.request;
    if (runTimeoutMs === null) return undefined;
    return setTimeout(() => {
      this.control.end({ kind: 'FAILED', code: 'RUN_TIMEOUT', message: `the run took longer than its ${runTimeoutMs} ms` });
    }, runTimeoutMs);
  }

  /** The run is being ended: statements under way are cancelled, then cut off. */
  private async cutStatementsShort(): Promise<void> {
    const busy = [...(this.pool?.open() ?? [])].flatMap(({ connection }) => (connection !== null && connection.inFlight > 0 ? [connection] : []));
    if (busy.length === 0) return;
    await Promise.race([
      Promise.allSettled(busy.map((connection) => connection.cancel())),
      new Promise((resolve) => setTimeout(resolve, CANCEL_GRACE_MS)),
    ]);
    await new Promise((resolve) => setTimeout(resolve, CANCEL_GRACE_MS / 4));
    for (const connection of busy) if (connection.inFlight > 0) connection.destroy('the run has ended');
  }

  private async closeConnections(now: boolean): Promise<void> {
    try {
      await this.pool?.close(now);
    } finally {
      await this.monitor?.close();
    }
  }

  private async finish(end: EndReason | null): Promise<void> {
    const { store, journal, settled } = this.parts;
    try {
      await this.feed.flush();
      const report = settled === null ? this.report.finish() : await rebuildReport(journal, store, this.id);
      await store.saveReport(this.id, report);
      const patch = {
        endedAt: Date.now() * 1000,
        summary: this.tally.summary(performance.now()),
        error: end === null || end.kind === 'CANCELLED' || end.kind === 'INTERRUPTED' ? null : { code: end.code, message: end.message },
      };
      if (end === null) await this.feed.transition('COMPLETE', patch, null);
      else if (end.kind === 'CANCELLED') await this.feed.transition('CANCEL', patch, 'cancelled on request');
      else if (end.kind === 'INTERRUPTED') await this.feed.transition('INTERRUPT', patch, 'the service was stopped');
      else await this.feed.transition('FAIL', patch, end.message);
    } catch (error) {
      // The store is gone: nothing can be told durably. The next start finds the run and marks it INTERRUPTED.
      this.storeError ??= error;
    } finally {
      await this.feed.close();
    }
  }

  /** Why the end of the run could not be stored, if it could not. */
  get failureToStore(): unknown {
    return this.storeError;
  }
}

function failureOf(error: unknown): EndReason {
  return error instanceof RepriseError
    ? { kind: 'FAILED', code: error.code, message: error.message }
    : { kind: 'FAILED', code: 'INTERNAL', message: `internal error: ${messageOf(error)}` };
}
