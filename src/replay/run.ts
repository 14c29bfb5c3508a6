import { messageOf, RepriseError } from '../errors.ts';
import type { JournalStore } from '../journal/store.ts';
import type { DatabaseFacts } from '../target/identity.ts';
import type { ResolvedTarget } from '../target/spec.ts';
import { type EndReason, failureOf, ON_REQUEST, RunControl } from './control.ts';
import { Deferred } from './deferred.ts';
import { EventFeed } from './feed.ts';
import { tellLeftInDoubt } from './left-in-doubt.ts';
import { whyNothingReplayed } from './nothing-replayed.ts';
import { Pacer } from './pacer.ts';
import { persistentJournal } from './persistent-reads.ts';
import { ReportBuilder } from './report-builder.ts';
import { Reporter } from './reporter.ts';
import { measureOf, saveReport } from './reports.ts';
import type { Pace, ReplayRequest } from './request.ts';
import type { RunEnd, RunListener } from './run-observer.ts';
import { RunOnTarget } from './run-on-target.ts';
import type { RunState } from './run-state.ts';
import type { SettledOutcomes } from './settled-outcomes.ts';
import type { Replay, ReplayReport, ReplayStore } from './store.ts';
import { RETRY_FOR_MS, StoreRetry } from './store-retry.ts';
import type { ReplaySummary } from './summary.ts';
import { Tally } from './tally.ts';

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
  readonly journalFacts: () => Promise<DatabaseFacts | null>;
  /** Not null for an interrupted run that is resumed. */
  readonly settled: SettledOutcomes | null;
  readonly listener: RunListener | null;
}

/**
 * One run under way: takes it from PENDING (or INTERRUPTED) to its end. Every way out of `execute` leaves
 * the run in an end state with its events durable, its connections closed and no timer behind. What is done on the
 * target between the two is `RunOnTarget`.
 */
export class ReplayRun {
  readonly id: string;
  /** Resolves, never rejects, when the run has ended and everything of it is closed. */
  readonly done: Promise<void>;
  readonly tally: Tally;
  private current: RunState;
  private readonly parts: RunParts;
  private readonly control = new RunControl();
  private readonly feed: EventFeed;
  private pace: Pace;
  private readonly pacer: Pacer;
  private readonly report: ReportBuilder;
  private readonly journal: JournalStore;
  private readonly onTarget: RunOnTarget;
  private readonly begun = new Deferred<void>();
  private cutShort: Promise<void> = Promise.resolve();
  private timeout: NodeJS.Timeout | undefined;
  /** Pauses and resumptions on their way to the store. */
  private asked = 0;
  /** The last speed that was asked for is stored, or refused. */
  private speedStored: Promise<unknown> = Promise.resolve();
  /** The plan is walked: too late for a pause. */
  private ending = false;
  /** The store refused to let the run begin: another process has it, or has deleted it. */
  private foreign = false;
  private storeError: unknown = null;
  /** What is told beside the reason of its end. */
  private readonly addenda: string[] = [];
  /** Reads for what is told at its end, which nothing but the end of the service cuts off. */
  private readonly lastReads = new RunControl();
  /** In a resumed run that has ended: when its report is kept, or given up. */
  private rebuilt: Promise<void> | null = null;
  private readonly givesUpReport = new AbortController();

  constructor(parts: RunParts) {
    this.parts = parts;
    this.id = parts.replay.id;
    this.current = parts.replay.state;
    const { settled } = parts;
    this.tally = settled === null ? new Tally() : Tally.restore(settled.summary, settled.figures);
    this.pace = parts.request.pace;
    this.pacer = new Pacer(this.pace);
    this.report = new ReportBuilder(parts.request);
    this.feed = new EventFeed(parts.store, this.id, {
      lastSeq: parts.replay.lastSeq,
      sentThrough: parts.settled?.sentThrough ?? 0,
      ownerId: parts.replay.ownerId,
      onState: (state) => {
        this.current = state;
        parts.listener?.state(state);
      },
      onError: (error) =>
        this.control.end(
          this.endBy(new RepriseError('STORE_UNAVAILABLE', `results cannot be stored: ${messageOf(error)}`)),
        ),
    });
    this.feed.setSummary(() => this.tally.summary(performance.now()));
    const { control, feed, pacer, tally, report } = this;
    this.journal = persistentJournal(parts.journal, control);
    this.onTarget = new RunOnTarget({
      ...parts,
      journal: this.journal,
      replayId: this.id,
      control,
      feed,
      pacer,
      tally,
      report,
    });
    this.control.signal.addEventListener('abort', () => {
      this.cutShort = this.onTarget.cutShort();
    });
    this.done = this.execute();
  }

  /** The report of what it has done, which may be ahead of its durable events; null where it did only a part of it. */
  reportSoFar(): Omit<ReplayReport, 'thresholds'> | null {
    const { request, settled } = this.parts;
    return settled === null ? this.report.finish(measureOf(request, this.tally.summary(performance.now()))) : null;
  }

  /**
   * Of a run that has ended, or is about to: resolves, never rejects, when its report is kept, or given up. That of a run that was
   * resumed is made anew from its events, which nobody who waits for the end has to wait for. Null where it need not be waited for.
   */
  get reporting(): Promise<void> | null {
    return this.rebuilt;
  }

  /** The service is going down: a report that is not kept yet is made when somebody asks. Never rejects. */
  async giveUpReport(): Promise<void> {
    this.givesUpReport.abort();
    await this.rebuilt;
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

  /** Nothing is sent from the call on. @throws RepriseError REPLAY_STATE, also while it has not begun to send */
  async pause(): Promise<void> {
    this.refuseAtEnd();
    this.control.pause();
    await this.ask('PAUSE', 'paused on request');
  }

  /** @throws RepriseError REPLAY_STATE */
  async resume(): Promise<void> {
    // Behind its INTERRUPTED it would take the run on, and nobody would run it.
    if (this.control.endReason !== null) this.refuse();
    await this.ask('RESUME', 'resumed on request');
  }

  /** The walk goes on by the state that stands when all that was asked for at once has been answered. */
  private async ask(action: 'PAUSE' | 'RESUME', reason: string): Promise<void> {
    this.asked += 1;
    try {
      await this.feed.transition(action, {}, reason);
    } finally {
      this.asked -= 1;
      if (this.asked === 0 && this.current !== 'PAUSED' && this.control.isPaused) {
        this.tally.goOn(performance.now());
        this.control.resume();
      }
    }
  }

  /** Ends the run as CANCELLED; resolves when it has ended. */
  async cancel(): Promise<void> {
    this.control.end({ kind: 'CANCELLED' });
    await this.done;
  }

  /** The service is going down: the run becomes INTERRUPTED and can be resumed. */
  async interrupt(): Promise<void> {
    const stopped: EndReason = { kind: 'INTERRUPTED', message: 'the service was stopped' };
    this.control.end(stopped);
    this.lastReads.end(stopped);
    await this.done;
  }

  /** Another process has the run, which this one may have been taken for dead by: nothing more is sent. */
  lose(): void {
    const message = 'another process of the service has taken the run';
    this.control.end({ kind: 'FAILED', code: 'STORE_UNAVAILABLE', message });
  }

  /** Recorded time × `speed` from now on, durably: also when the run is resumed. @throws RepriseError REPLAY_STATE, STORE_UNAVAILABLE */
  setPace(pace: Pace & { readonly mode: 'RECORDED' }): Promise<void> {
    this.refuseAtEnd();
    // One after the other: what is stored last is what holds.
    const stored = this.speedStored.then(() => this.storePace(pace));
    this.speedStored = stored.catch(() => {});
    return stored;
  }

  private async storePace(pace: Pace & { readonly mode: 'RECORDED' }): Promise<void> {
    const { store, replay } = this.parts;
    await store.append(this.id, null, { request: { ...replay.request, pace } }, replay.ownerId);
    this.pacer.shift(this.control.takePausedMs());
    this.pacer.setSpeed(pace.speed, performance.now());
    this.pace = pace;
    this.followSchedule();
    this.feed.emit({ kind: 'NOTICE', code: 'SPEED_CHANGED', sessionId: null, message: `speed ${pace.speed}` });
  }

  private followSchedule(): void {
    const { pace } = this;
    if (pace.mode === 'RECORDED') this.tally.setSchedule({ to: this.parts.request.window.to, speed: pace.speed });
  }

  private refuseAtEnd(): void {
    if (this.ending) this.refuse();
  }

  private refuse(): never {
    throw new RepriseError('REPLAY_STATE', `replay ${this.id} is about to end`);
  }

  private async execute(): Promise<void> {
    // What it took before it was interrupted counts, as in its summary.
    this.startTimeout(performance.now() - (this.parts.settled?.summary.elapsedMs ?? 0));
    let end: EndReason | null = null;
    try {
      await this.begin();
      await this.onTarget.walk();
      await this.tellOfNothing();
      // Who came to its end while paused completes when it is resumed. A pause that comes behind this must find `ending` set.
      for (let gate = this.control.gate(); gate !== null; gate = this.control.gate()) await gate;
    } catch (error) {
      this.control.end(this.endBy(error));
    }
    this.ending = true;
    this.parts.listener?.finishing();
    end = this.control.endReason;
    clearTimeout(this.timeout);
    await this.cutShort;
    await this.onTarget.close(end !== null);
    this.tally.end(performance.now());
    end = await this.finish(end);
    this.parts.listener?.ended(this.endOf(end));
  }

  /** A run that is being resumed and has not begun to send, or to tell of all that is in doubt, can still be, when what was away is back. */
  private endBy(thrown: unknown): EndReason {
    const failure = failureOf(thrown);
    const { settled } = this.parts;
    const mustFail = settled === null || (this.onTarget.hasBegun && !settled.inDoubt);
    return mustFail || !isAway(thrown) ? failure : { kind: 'INTERRUPTED', message: messageOf(thrown) };
  }

  private async begin(): Promise<void> {
    const { replay, settled } = this.parts;
    this.tally.start(performance.now());
    try {
      await this.feed.transition(
        settled === null ? 'CONNECT' : 'RESUME',
        settled === null ? { startedAt: Date.now() * 1000 } : { ownerId: replay.ownerId, error: null },
        `connect to ${replay.targetLabel}`,
      );
      this.begun.resolve();
    } catch (error) {
      this.foreign =
        error instanceof RepriseError && (error.code === 'REPLAY_STATE' || error.code === 'REPLAY_NOT_FOUND');
      this.begun.reject(error);
      throw error;
    }
    this.followSchedule();
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

  /** Who reads COMPLETED takes the record for replayed. */
  private async tellOfNothing(): Promise<void> {
    const { control, feed, report, tally } = this;
    if (control.endReason !== null) return;
    const { request, settled } = this.parts;
    const seen = settled === null ? [report] : [settled.seen, report];
    const why = whyNothingReplayed(this.journal, request, tally.summary(performance.now()), seen);
    const message = await control.unlessEnded(why);
    if (message === null) return;
    feed.emit({ kind: 'NOTICE', code: 'NOTHING_REPLAYED', sessionId: null, message });
    report.remark(message);
  }

  /** Gives what the run has ended by. Never rejects. */
  private async finish(reason: EndReason | null): Promise<EndReason | null> {
    const { settled } = this.parts;
    const ended = new Deferred<void>();
    let end = reason;
    try {
      if (this.foreign) return end;
      await this.feed.flush();
      end = await this.tellLeftBehind(end);
      const summary = this.tally.summary(performance.now());
      // A run that is to be resumed has no report yet: it is made from its events when somebody asks, as is one
      // that cannot be stored now.
      if (end?.kind !== 'INTERRUPTED') await this.keepReport(ended.promise, summary);
      const patch = {
        endedAt: Date.now() * 1000,
        summary,
        error:
          end?.kind === 'FAILED'
            ? { code: end.code, message: this.withAddenda(end.message) }
            : // Who resumes it must not take what a crash left in doubt for what was never sent.
              end?.kind === 'INTERRUPTED' && settled?.inDoubt === true
              ? this.parts.replay.error
              : null,
      };
      if (end === null) await this.feed.transition('COMPLETE', patch, null);
      else if (end.kind === 'CANCELLED') await this.feed.transition('CANCEL', patch, this.withAddenda(ON_REQUEST));
      else if (end.kind === 'INTERRUPTED') await this.feed.transition('INTERRUPT', patch, end.message);
      else await this.feed.transition('FAIL', patch, this.withAddenda(end.message));
      ended.resolve();
    } catch (error) {
      ended.reject(error);
      // The store is gone: nothing can be told durably. The next start finds the run and marks it INTERRUPTED.
      this.storeError = error;
    } finally {
      await this.feed.close();
    }
    return end;
  }

  /**
   * Of a resumed run that ends for good before it came to that: ends what its dead process has left on the target, and tells what that
   * has left in doubt. Where the plan cannot be read for that the run is INTERRUPTED again. @throws what the store throws
   */
  private async tellLeftBehind(end: EndReason | null): Promise<EndReason | null> {
    const { settled, store, journal, replay, request } = this.parts;
    if (settled === null || end === null || end.kind === 'INTERRUPTED') return end;
    const { feed, tally, report, control, lastReads } = this;
    const isOwner = () => store.append(this.id, null, {}, replay.ownerId);
    // Who has lost the run must not end what its new owner has on the target.
    if (this.onTarget.hasLeftBehind || settled.untold(settled.asked) > 0)
      await new StoreRetry(store, this.id, RETRY_FOR_MS).persist(null, isOwner);
    const left = await this.onTarget.endLeftBehind();
    if (left !== null) this.addenda.push(left);
    const reporter = new Reporter({ feed, tally, report, request, control, failures: 0 });
    try {
      const untold = await tellLeftInDoubt({ journal, store, replay, request, settled, reporter, control: lastReads });
      if (untold !== null) this.addenda.push(untold);
    } catch (error) {
      return lastReads.endReason ?? { kind: 'INTERRUPTED', message: messageOf(error) };
    }
    for (const addendum of this.addenda) report.remark(addendum);
    return end;
  }

  private withAddenda(reason: string): string {
    return [reason, ...this.addenda].join('; ');
  }

  /** Resolves when nothing of it is in the way of the run's end. Never rejects. */
  private async keepReport(ended: Promise<void>, summary: ReplaySummary): Promise<void> {
    const { parts, id, report } = this;
    const run = { id, ownerId: parts.replay.ownerId, request: parts.request, summary };
    if (parts.settled === null) await saveReport(parts, run, report, null).catch(() => {});
    else {
      // Whoever learns of the end first finds this, and waits for it.
      const keep = () => saveReport(parts, run, report, this.givesUpReport.signal);
      this.rebuilt = ended.then(keep).catch(() => {});
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

/** True for what the target, or the journal's database, may not say in a minute any more. */
function isAway(thrown: unknown): boolean {
  const codes = ['TARGET_UNREACHABLE', 'TARGET_LOST', 'STORE_UNAVAILABLE'];
  return thrown instanceof RepriseError && codes.includes(thrown.code);
}
