import { randomUUID } from 'node:crypto';
import { RepriseError } from '../errors.ts';
import type { JournalStore } from '../journal/store.ts';
import type { DatabaseFacts } from '../target/identity.ts';
import type { PublicAlias, TargetPolicy } from '../target/policy.ts';
import { type TargetSpec, targetLabel } from '../target/spec.ts';
import { cancelInterrupted } from './cancel-interrupted.ts';
import { type CallComparison, type CallFilter, compareCalls } from './compare-calls.ts';
import type { RunComparison } from './compare-runs.ts';
import { checkSpeed, completeRequest } from './complete-request.ts';
import { type Credentials, checkLogins, withCredentials, withoutSecrets } from './credentials.ts';
import type { ReplayEvent } from './event.ts';
import { encodeEvents } from './event-codec.ts';
import { type EventReader, EventWaker, openEventReader } from './event-reader.ts';
import { streamEvents, streamStartedRun } from './event-stream.ts';
import { countInDoubt } from './in-doubt.ts';
import { ofPresent } from './no-replay.ts';
import { type OutcomeFilter, type OutcomePage, type OutcomePlace, readOutcomes } from './outcomes.ts';
import { type Preflight, preflight } from './preflight.ts';
import type { Call } from './recorded-outcomes.ts';
import { compareReports, readReport } from './reports.ts';
import type { ReplayInput, ReplayRequest } from './request.ts';
import { ReplayRun } from './run.ts';
import type { RunCause, RunListener, RunObserver } from './run-observer.ts';
import { hasEnded } from './run-state.ts';
import { RunsUnderWay, type RunsUnderWayOptions } from './runs-under-way.ts';
import type { Selection } from './selected-tail.ts';
import { openSelectiveReader, type SelectiveReader } from './selective-reader.ts';
import { readSettled } from './settled-outcomes.ts';
import type { ReplayStatistics } from './statistics.ts';
import type { Replay, ReplayListFilter, ReplayReport } from './store.ts';
import type { ProgressSnapshot } from './summary.ts';
import { Tally } from './tally.ts';
import { checkTarget, mappedDatabases, refusalOf, requestedTarget, type TargetCheck } from './target-check.ts';
import { readTimeline, type Timeline } from './timeline.ts';

/** What the engine works with. */
export interface ReplayEngineOptions extends RunsUnderWayOptions {
  readonly journal: JournalStore;
  readonly policy: TargetPolicy;
  /** Of the database that keeps the journal now, to refuse it as a target; null: it can be none. Rejects where it cannot be told. */
  readonly journalFacts: () => Promise<DatabaseFacts | null>;
  readonly observer?: RunObserver;
}

const NO_CAUSE: RunCause = { requestId: null, trace: null };

/** Runs replays, several at once, and reads what they left. Knows nothing of GraphQL or HTTP. */
export class ReplayEngine {
  private readonly options: ReplayEngineOptions;
  private readonly runs: RunsUnderWay;
  private readonly waker: EventWaker;
  private countingDoubts: Promise<unknown> = Promise.resolve();

  constructor(options: ReplayEngineOptions) {
    this.options = options;
    this.waker = new EventWaker(options.store);
    this.runs = new RunsUnderWay(options);
  }

  /**
   * Checks the request and the target's policy, stores the run, and returns it PENDING; it goes on by itself.
   * @throws RepriseError WINDOW_INVERTED, BAD_INPUT, TARGET_UNKNOWN, TARGET_REFUSED, TOO_MANY_REPLAYS
   */
  async start(input: ReplayInput, cause: RunCause = NO_CAUSE): Promise<Replay> {
    const request = completeRequest(input);
    return this.runs.admit(async () => {
      const target = await requestedTarget(this.options.policy, request);
      const id = randomUUID();
      const creating = this.options.store.create({
        id,
        request: withoutSecrets(request),
        targetLabel: targetLabel(target),
        ownerId: this.options.ownerId,
        createdAt: Date.now() * 1000,
        summary: new Tally().summary(0),
        lossMark: await this.options.journal.lossMark(),
      });
      const replay = await creating.catch((error) => {
        // It may be stored, and only the answer lost.
        this.runs.abandon(id);
        throw error;
      });
      const listener = this.listenerFor(replay, cause, false);
      this.runs.launch(new ReplayRun({ ...this.parts(), replay, request, target, settled: null, listener }));
      return replay;
    });
  }

  /** Starts a replay and gives its events as they become durable. Leaving the loop early cancels the run. */
  replayWindow(input: ReplayInput): AsyncIterableIterator<ReplayEvent, undefined> {
    return streamStartedRun(this.start(input), {
      events: (id) => this.stream(id, 0),
      cancel: (id) => this.runs.get(id)?.cancel(),
    });
  }

  /** Events of a run later than `after`, one by one, to the run's end. */
  stream(id: string, after: number): AsyncIterableIterator<ReplayEvent, undefined> {
    return streamEvents(this.events(id, after));
  }

  /** A reader of a run's events later than `after`, batch by batch. The caller closes it. */
  events(id: string, after: number): EventReader {
    return openEventReader(this.waker, id, after);
  }

  /** A reader of some of a run's events later than `after`. The caller closes it. */
  selected(id: string, selection: Selection, after: number): SelectiveReader {
    return openSelectiveReader(this.waker, id, selection, after);
  }

  /** @throws RepriseError REPLAY_NOT_FOUND, REPLAY_STATE */
  async pause(id: string): Promise<Replay> {
    const run = await this.under(id, 'pause');
    await run.pause();
    return this.require(id);
  }

  /**
   * Takes a paused run on; an INTERRUPTED one is taken on behind the last statement whose outcome is known. That one
   * logs in again, with `credentials` where its start had brought passwords; while it cannot, it stays INTERRUPTED.
   * @throws RepriseError REPLAY_NOT_FOUND, REPLAY_STATE, TARGET_REFUSED, TOO_MANY_REPLAYS, TARGET_UNREACHABLE; BAD_INPUT
   * when a password is missing
   */
  async resume(id: string, credentials: Credentials = {}, cause: RunCause = NO_CAUSE): Promise<Replay> {
    const replay = await this.controlled(id);
    if (replay.state === 'INTERRUPTED') return this.resumeInterrupted(replay, credentials, cause);
    const run = await this.under(id, 'resume');
    await run.resume();
    return this.require(id);
  }

  /** Ends a run; resolves when it has ended, durably. @throws RepriseError REPLAY_NOT_FOUND, REPLAY_STATE, STORE_UNAVAILABLE */
  async cancel(id: string): Promise<Replay> {
    // Nothing that the store has to say comes before that.
    const run = this.runs.get(id);
    if (run !== undefined) {
      await run.cancel();
      if (run.failureToStore !== null) throw run.failureToStore;
    } else {
      const replay = await this.controlled(id);
      if (replay.state === 'INTERRUPTED' && this.runs.get(id) === undefined) await this.cancelInterrupted(replay);
      else await (await this.under(id, 'cancel')).cancel();
    }
    return this.require(id);
  }

  /** Deletes a run that has ended, with all that it left. @throws RepriseError REPLAY_NOT_FOUND, REPLAY_STATE */
  async delete(id: string): Promise<void> {
    await this.controlled(id);
    await this.options.store.delete(id);
  }

  /** @throws RepriseError BAD_INPUT, REPLAY_NOT_FOUND, REPLAY_STATE */
  async setSpeed(id: string, speed: number): Promise<Replay> {
    checkSpeed(speed);
    const replay = await this.require(id);
    const { pace } = replay.request;
    if (pace.mode !== 'RECORDED') {
      throw new RepriseError(
        'REPLAY_STATE',
        'this replay runs as fast as possible: only a replay at recorded pace has a speed',
      );
    }
    const run = await this.under(id, 'change the speed of');
    await run.setPace({ ...pace, speed });
    return this.require(id);
  }

  /** The run, with its live figures when it runs here. */
  async get(id: string): Promise<Replay | null> {
    const replay = await this.options.store.get(id);
    return replay === null ? null : this.live(replay);
  }

  /** Newest first; `before` as in `ReplayStore.list`. */
  async list(filter: ReplayListFilter, before: number | null, limit: number): Promise<readonly Replay[]> {
    const replays = await this.options.store.list(filter, before, limit);
    return replays.map((replay) => this.live(replay));
  }

  /** @throws RepriseError REPLAY_NOT_FOUND */
  async snapshot(id: string): Promise<ProgressSnapshot> {
    const replay = await this.require(id);
    return { seq: replay.lastSeq, at: Date.now() * 1000, state: replay.state, summary: replay.summary };
  }

  /** Durable outcomes of a part of the run's events, by pages. @throws RepriseError REPLAY_NOT_FOUND */
  statements(id: string, filter: OutcomeFilter, place: OutcomePlace): Promise<OutcomePage> {
    return ofPresent(this.options.store, id, readOutcomes(this.options, id, filter, place));
  }

  /**
   * The report of a run that has ended; of one under way, what its durable events say so far. `thresholds` are
   * evaluated in addition to those of the request.
   * @throws RepriseError REPLAY_NOT_FOUND, BAD_INPUT, LIMIT_EXCEEDED
   */
  async report(id: string, thresholds: readonly string[] = []): Promise<ReplayReport> {
    const replay = await this.require(id);
    await this.runs.reported(id);
    return readReport(this.options, replay, thresholds, this.runs.get(id)?.reportSoFar() ?? null);
  }

  /** Outcomes over the run's time, in at most `most` intervals; null before it began. @throws RepriseError REPLAY_NOT_FOUND */
  async timeline(id: string, most: number): Promise<Timeline | null> {
    return readTimeline(this.options.store, await this.require(id), most);
  }

  /**
   * Two runs side by side, statement by statement; `slower`: the measure of SLOWER and FASTER.
   * @throws RepriseError REPLAY_NOT_FOUND; REPLAY_STATE for a run that has not ended
   */
  async compare(a: string, b: string, slower?: ReplayRequest['slower']): Promise<RunComparison> {
    const [runA, runB] = await this.requireBoth(a, b);
    await Promise.all([this.runs.reported(a), this.runs.reported(b)]);
    return compareReports(this.options, runA, runB, slower);
  }

  /**
   * The calls that differ between two runs, one by one in recorded order, at most `limit` behind `after`.
   * @throws RepriseError as `compare`
   */
  async compareCalls(
    [a, b]: readonly [a: string, b: string],
    wanted: { readonly filter: CallFilter; readonly slower?: ReplayRequest['slower'] },
    place: { readonly after: Call | null; readonly limit: number },
  ): Promise<CallComparison> {
    const runs = await this.requireBoth(a, b);
    const { store } = this.options;
    return ofPresent(store, a, ofPresent(store, b, compareCalls(this.options, runs, wanted, place)));
  }

  /** Statements of an interrupted run that may have been sent and have no outcome yet. @throws RepriseError REPLAY_NOT_FOUND */
  inDoubt(replay: Replay): Promise<number> {
    if (replay.state !== 'INTERRUPTED') return Promise.resolve(0);
    // A list of runs asks for each at once, and each takes all events of a run apart.
    const counted = this.countingDoubts.then(() => countInDoubt(this.options.store, replay));
    this.countingDoubts = counted.catch(() => {});
    return counted;
  }

  /** What a replay would do, without doing it. @throws RepriseError as `start` */
  async preflight(input: ReplayInput): Promise<Preflight> {
    const request = completeRequest(input);
    const target = await requestedTarget(this.options.policy, request);
    return preflight(this.options.journal, request, target, await this.options.journalFacts());
  }

  /** The configured targets, without secrets. */
  targets(): readonly PublicAlias[] {
    return this.options.policy.aliases();
  }

  /** Why a replay against this alias would be refused; null when policy passes it. Resolves its name. */
  targetRefusal(alias: PublicAlias): Promise<RepriseError | null> {
    return refusalOf(this.options.policy, alias);
  }

  /** Connects to a target and asks what it is. @throws RepriseError TARGET_UNREACHABLE, and as `start` of targets */
  async checkTarget(target: TargetSpec): Promise<TargetCheck> {
    return checkTarget(this.options.policy, target, await this.options.journalFacts());
  }

  /** Runs under way in this process. */
  get running(): number {
    return this.runs.count;
  }

  /** What the runs of this process have done so far, those that have ended included. */
  get statistics(): ReplayStatistics {
    return this.runs.statistics;
  }

  /** True while a run of this process goes as fast as it can: whatever else happens here slows it down. */
  get isHurried(): boolean {
    return this.runs.isHurried;
  }

  /** Marks what dead processes left as INTERRUPTED; call once at start, before anything else. */
  async recover(): Promise<readonly string[]> {
    await this.options.store.holdOwnership(this.options.ownerId, () => void this.runs.stopLost());
    return this.interruptOrphans();
  }

  private interruptOrphans(): Promise<readonly string[]> {
    return this.options.store.interruptOrphans((lastSeq) =>
      encodeEvents([
        {
          seq: lastSeq + 1,
          at: Date.now() * 1000,
          kind: 'STATE',
          state: 'INTERRUPTED',
          reason: 'the process that ran it has died',
        },
      ]),
    );
  }

  /**
   * Interrupts every run and waits until each has told so durably, then for `drained`: until that has settled, readers
   * of events are woken. Idempotent.
   */
  async stop(drained: () => Promise<void> = async () => {}): Promise<void> {
    await this.runs.stop();
    try {
      // The hints of the last events may be on their way still.
      this.waker.wake();
      await drained();
    } finally {
      this.waker.close();
    }
  }

  private async cancelInterrupted(replay: Replay): Promise<void> {
    const { ownerId, policy } = this.options;
    const { target, databases } = replay.request;
    const resolve = () => policy.resolve(target, mappedDatabases({ databases }));
    const control = this.runs.stopping;
    try {
      await this.runs.resumeOnce(replay.id, () =>
        cancelInterrupted({ ...this.parts(), replay, ownerId, resolve, control }),
      );
    } catch (error) {
      // Where it was taken on, nobody works on it now.
      this.runs.abandon(replay.id);
      throw error;
    }
  }

  private async resumeInterrupted(replay: Replay, credentials: Credentials, cause: RunCause): Promise<Replay> {
    const { id } = replay;
    const request = withCredentials(replay, credentials);
    return this.runs.resumeOnce(id, async () => {
      const run = await this.runs.admit(async () => {
        const target = await this.options.policy.resolve(request.target, mappedDatabases(request));
        await checkLogins(target, request, this.runs.stopping.signal);
        const settled = await readSettled(this.options.store, replay);
        const owned = { ...replay, ownerId: this.options.ownerId };
        const listener = this.listenerFor(owned, cause, true);
        const resumed = new ReplayRun({ ...this.parts(), replay: owned, request, target, settled, listener });
        this.runs.launch(resumed);
        return resumed;
      });
      await run.hasBegun;
      return this.require(id);
    });
  }

  private listenerFor(replay: Replay, cause: RunCause, resumed: boolean): RunListener | null {
    return this.options.observer?.began(replay, cause, resumed) ?? null;
  }

  private parts() {
    const { journal, store, journalFacts } = this.options;
    return { journal, store, journalFacts };
  }

  private live(replay: Replay): Replay {
    const run = this.runs.get(replay.id);
    return run === undefined || hasEnded(replay.state)
      ? replay
      : { ...replay, summary: run.tally.summary(performance.now()) };
  }

  private async require(id: string, argument = 'replayId'): Promise<Replay> {
    const replay = await this.get(id);
    if (replay === null) throw new RepriseError('REPLAY_NOT_FOUND', `there is no replay ${id}`, { path: [argument] });
    return replay;
  }

  private requireBoth(a: string, b: string): Promise<[Replay, Replay]> {
    return Promise.all([this.require(a, 'a'), this.require(b, 'b')]);
  }

  /** The run, for something to be done to it: INTERRUPTED where nobody runs it any more, its process having died or lost the store. */
  private async controlled(id: string): Promise<Replay> {
    const replay = await this.require(id);
    if (hasEnded(replay.state) || this.runs.get(id) !== undefined) return replay;
    await this.runs.interruptAbandoned();
    await this.interruptOrphans();
    return this.require(id);
  }

  /** The run under way, for something that can only be done to one. */
  private async under(id: string, doing: string): Promise<ReplayRun> {
    const run = this.runs.get(id);
    if (run !== undefined) return run;
    const replay = await this.controlled(id);
    throw new RepriseError(
      'REPLAY_STATE',
      hasEnded(replay.state)
        ? `cannot ${doing} a replay that is ${replay.state}`
        : `cannot ${doing} replay ${id} here: another process of the service runs it, ask that one`,
    );
  }
}
