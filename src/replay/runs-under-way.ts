import { RepriseError } from '../errors.ts';
import { AbandonedRuns } from './abandoned-runs.ts';
import { RunControl } from './control.ts';
import { readPersistently } from './persistent-reads.ts';
import type { ReplayRun } from './run.ts';
import { hasEnded } from './run-state.ts';
import { type ReplayStatistics, RunTotals } from './statistics.ts';
import type { ReplayStore } from './store.ts';

/** Where the runs of a process are stored, and how many it works on. */
export interface RunsUnderWayOptions {
  readonly store: ReplayStore;
  /** Names this process among those that share the store. */
  readonly ownerId: string;
  /** Runs at once; one more is refused with TOO_MANY_REPLAYS. */
  readonly maxReplays: number;
  /** Told of a run whose end could not be stored. */
  readonly onStoreFailure: (replayId: string, error: unknown) => void;
}

/** The runs that this process works on: from when one is admitted until it has ended and its report is made. */
export class RunsUnderWay {
  private readonly options: RunsUnderWayOptions;
  private readonly runs = new Map<string, ReplayRun>();
  /** Those that have ended, while their reports are made. */
  private readonly reporting = new Map<string, ReplayRun>();
  /** Runs on their way into `runs`. */
  private readonly starting = new Set<Promise<unknown>>();
  private readonly resuming = new Map<string, Promise<unknown>>();
  private readonly ended = new RunTotals();
  private readonly abandoned: AbandonedRuns;
  private stopped = false;
  /** Ends when the service stops: by it what works on runs that are interrupted ends. */
  readonly stopping = new RunControl();

  constructor(options: RunsUnderWayOptions) {
    this.options = options;
    const isUnderWay = (id: string) => this.runs.has(id) || this.resuming.has(id);
    this.abandoned = new AbandonedRuns(options.store, options.ownerId, isUnderWay);
  }

  /** The run, while it is under way here. */
  get(id: string): ReplayRun | undefined {
    return this.runs.get(id);
  }

  get count(): number {
    return this.runs.size;
  }

  /** What they have done so far, those that have ended included. */
  get statistics(): ReplayStatistics {
    return this.ended.with(this.runs.values());
  }

  /** True while one of them goes as fast as it can. */
  get isHurried(): boolean {
    for (const run of this.runs.values()) if (run.isHurried) return true;
    return false;
  }

  /**
   * Lets one more begin, as far as there is room: `start` resolves when it has been launched.
   * @throws RepriseError TOO_MANY_REPLAYS; REPLAY_STATE when the service is stopping; what `start` throws
   */
  async admit<T>(start: () => Promise<T>): Promise<T> {
    if (this.stopped)
      throw new RepriseError('REPLAY_STATE', 'the service is stopping: start the replay again when it is back');
    if (this.runs.size + this.starting.size >= this.options.maxReplays) {
      throw new RepriseError(
        'TOO_MANY_REPLAYS',
        `${this.options.maxReplays} replays are under way, which is the limit: wait for one to end, or cancel one`,
      );
    }
    const starting = start();
    this.starting.add(starting);
    try {
      return await starting;
    } finally {
      this.starting.delete(starting);
    }
  }

  /** For an interrupted run: no other call resumes or cancels it meanwhile. @throws RepriseError REPLAY_STATE when one does */
  async resumeOnce<T>(id: string, resume: () => Promise<T>): Promise<T> {
    if (this.runs.has(id) || this.resuming.has(id))
      throw new RepriseError('REPLAY_STATE', `replay ${id} is being resumed, or cancelled, already`);
    const resuming = resume();
    this.resuming.set(id, resuming);
    try {
      return await resuming;
    } finally {
      this.resuming.delete(id);
    }
  }

  /** Follows a run to its end. */
  launch(run: ReplayRun): void {
    this.runs.set(run.id, run);
    void run.done.then(() => {
      this.runs.delete(run.id);
      this.ended.add(run);
      if (run.reporting !== null) {
        this.reporting.set(run.id, run);
        void run.reporting.then(() => this.reporting.delete(run.id));
      }
      if (run.failureToStore === null) return;
      this.abandoned.add(run.id);
      this.options.onStoreFailure(run.id, run.failureToStore);
    });
  }

  /** One that may be stored as this process's, though nobody works on it: it becomes INTERRUPTED when the store answers. */
  abandon(id: string): void {
    this.abandoned.add(id);
  }

  /** Ends those that other processes have taken: they may have taken this one for dead. Never rejects. */
  async stopLost(): Promise<void> {
    const { store, ownerId } = this.options;
    const ask = async (run: ReplayRun) => {
      // One that ends, or is taken on just now, is told so by the store.
      if (hasEnded(run.state)) return;
      const replay = await readPersistently(() => store.get(run.id), this.stopping);
      const isOurs = replay !== null && !hasEnded(replay.state) && replay.ownerId === ownerId;
      if (!isOurs && !hasEnded(run.state)) run.lose();
    };
    await Promise.allSettled([...this.runs.values()].map(ask));
  }

  /** Interrupts those whose end could not be stored. @throws RepriseError STORE_UNAVAILABLE */
  interruptAbandoned(): Promise<void> {
    return this.abandoned.interrupt();
  }

  /** When no report of this run is being made here: it would be made twice. */
  async reported(id: string): Promise<void> {
    await (this.runs.get(id) ?? this.reporting.get(id))?.reporting;
  }

  /** Admits no more, interrupts every run and waits until each has told so durably. Never rejects. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.stopping.end({ kind: 'INTERRUPTED', message: 'the service was stopped' });
    await Promise.allSettled(this.starting);
    await Promise.all([...this.runs.values()].map((run) => run.interrupt()));
    await Promise.allSettled(this.resuming.values());
    await Promise.all([...this.reporting.values()].map((run) => run.giveUpReport()));
    await this.abandoned.close();
  }
}
