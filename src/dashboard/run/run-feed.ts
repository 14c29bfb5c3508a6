import { computed, signal } from '@preact/signals';
import {
  hasEnded,
  ReplayDocument,
  type ReplayFieldsFragment,
  type ReplayState,
  type ReplayUpdate,
  RepriseError,
  RunTimelineDocument,
  type SummaryFieldsFragment,
} from '../../client/index.ts';
import { api, ask, GIVE_UP_AFTER_MS, noticeRefusal } from '../lib/api.ts';
import { keep, recall } from '../lib/memory.ts';
import type { Freshness } from '../ui/connection-badge.tsx';
import { type EventLog, NO_EVENTS, type RunEvent, withEvents } from './event-log.ts';
import { pointsOf, type SeriesPoint, withPoint } from './series.ts';
import { StatementTail } from './statement-tail.ts';

export type Run = ReplayFieldsFragment;
export type Summary = SummaryFieldsFragment;

/** What a tab keeps of a run, so that a reload goes on where it was. */
interface Memory {
  readonly cursor: string | null;
  /** Places of the last seconds, oldest first: the tail begins again at the first. */
  readonly recent: readonly string[];
  readonly log: EventLog;
}

const NOTHING: Memory = { cursor: null, recent: [], log: NO_EVENTS };
const KEEP_MS = 1000;
const RECENT = 8;
/** Between looks at a run that has ended: others may delete or resume it. */
const ENDED_POLL_MS = 10_000;
/** Intervals of the chart. */
const INTERVALS = 160;

/** What a page asks of a run's log: counts and what is told of the run itself, as soon as they are there. */
const SUMMARY = { detail: 'SUMMARY', batchSize: 1000, maxWaitMs: 0 } as const;

/** A run as it is now, and as it moves: one SUMMARY stream, whatever the number of statements. */
export class RunFeed {
  readonly run = signal<Run | null>(null);
  /** There is no such run; where `run` is known, not any more. */
  readonly missing = signal(false);
  readonly error = signal<unknown>(null);
  readonly connection = signal<Freshness>({ state: 'CONNECTING' });
  /** States and notices, from the begin of the run. */
  readonly log = signal<EventLog>(NO_EVENTS);
  /** True while those of an ended run are on their way. */
  readonly readingLog = signal(false);
  readonly points = signal<readonly SeriesPoint[]>([]);
  readonly tail: StatementTail;
  /** LIVE only when nothing is behind. */
  readonly freshness = computed<Freshness>(() =>
    this.connection.value.state === 'LIVE' && this.tail.catchingUp.value
      ? { state: 'CATCHING_UP' }
      : this.connection.value,
  );
  readonly #id: string;
  readonly #key: string;
  #memory: Memory;
  #keptAt = 0;
  #forgotten = false;
  #speedChanged = false;
  /** The timeline counts from the begin of the run, a summary what the run has worked: without the time it lay interrupted. */
  #clockAhead = 0;
  #stop = new AbortController();
  readonly #poll: ReturnType<typeof setInterval>;

  constructor(id: string) {
    this.#id = id;
    this.#key = `reprise.run.${id}`;
    this.#memory = { ...NOTHING, ...recall<Memory>(sessionStorage, this.#key) };
    this.log.value = this.#memory.log;
    this.tail = new StatementTail(id, this.#memory.recent[0] ?? null);
    window.addEventListener('pagehide', this.#remember);
    document.addEventListener('visibilitychange', this.#lookIfSeen);
    this.#poll = setInterval(this.#lookIfSeen, ENDED_POLL_MS);
    void this.#follow();
  }

  close(): void {
    this.#stop.abort();
    this.tail.close();
    this.#remember();
    window.removeEventListener('pagehide', this.#remember);
    document.removeEventListener('visibilitychange', this.#lookIfSeen);
    clearInterval(this.#poll);
  }

  /** Looks again: after an error, or when an interrupted run was resumed. */
  restart(): void {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.error.value = null;
    void this.#follow();
  }

  /** A mutation has answered with the run. */
  changed(run: Run): void {
    const wasEnded = this.run.value !== null && hasEnded(this.run.value.state);
    this.run.value = run;
    if (wasEnded && !hasEnded(run.state)) this.restart();
  }

  /** Looks whether an ended run is still there, and still ended. What cannot be asked now is asked at the next look. */
  async lookAgain(): Promise<void> {
    const { signal: abort } = this.#stop;
    const ended = this.run.value !== null && hasEnded(this.run.value.state);
    if (!ended || this.missing.value || abort.aborted) return;
    const run = await this.#look(abort).catch(() => null);
    if (run !== null && !hasEnded(run.state) && !abort.aborted) this.restart();
  }

  /** Keeps nothing of the run in this tab: it is deleted. */
  forget(): void {
    this.#forgotten = true;
    sessionStorage.removeItem(this.#key);
  }

  readonly #lookIfSeen = () => {
    if (!document.hidden) void this.lookAgain();
  };

  readonly #remember = () => {
    if (this.#forgotten) return;
    keep(sessionStorage, this.#key, this.#memory);
    this.#keptAt = performance.now();
  };

  async #follow(): Promise<void> {
    const { signal: abort } = this.#stop;
    try {
      const run = await this.#look(abort);
      if (run === null || abort.aborted) return;
      if (hasEnded(run.state)) {
        this.connection.value = { state: 'ENDED' };
        this.tail.moved();
        await this.#readTimeline(abort);
        await this.#readLog(abort);
        return;
      }
      await this.#readTimeline(abort);
      let interrupted = false;
      for await (const update of api().watchReplay(this.#id, {
        after: this.#memory.cursor,
        ...SUMMARY,
        signal: abort,
        giveUpAfterMs: GIVE_UP_AFTER_MS,
        onConnection: (state) => {
          if (state.state === 'RECONNECTING') interrupted = true;
          if (state.state === 'LIVE' && interrupted) this.tail.reconnected();
          // Live is only what has said where the run is now.
          this.connection.value = state.state === 'LIVE' ? { state: 'CATCHING_UP' } : state;
        },
      })) {
        this.#take(update);
      }
      if (abort.aborted) return;
      const ended = await this.#look(abort);
      this.#remember();
      if (ended && !abort.aborted) {
        this.connection.value = { state: 'ENDED' };
        await this.#readTimeline(abort);
      }
    } catch (error) {
      if (abort.aborted) return;
      if (error instanceof RepriseError && error.code === 'REPLAY_NOT_FOUND') return this.#isGone();
      if (error instanceof RepriseError && error.code === 'CURSOR_INVALID' && this.#memory.cursor !== null) {
        // What this tab remembers is of another journal with a run of this id.
        this.#memory = NOTHING;
        this.log.value = NO_EVENTS;
        return this.#follow();
      }
      noticeRefusal(error);
      this.error.value = error;
    }
  }

  async #look(abort: AbortSignal): Promise<Run | null> {
    const { replay } = await ask(ReplayDocument, { id: this.#id }, abort);
    if (replay === null) this.#isGone();
    else this.run.value = replay;
    return replay;
  }

  #isGone(): void {
    this.missing.value = true;
    this.forget();
  }

  #take(update: ReplayUpdate): void {
    const { state, summary, cursor } = update;
    this.connection.value = { state: 'LIVE' };
    const run = this.run.value;
    if (run) this.run.value = { ...run, state, summary };
    this.points.value = withPoint(this.points.value, {
      at: summary.elapsedMs + this.#clockAhead,
      succeeded: summary.succeeded,
      failed: summary.failed + summary.cascades,
    });
    this.tail.moved();
    this.#note(update, [...this.#memory.recent, cursor].slice(-RECENT));
    if (performance.now() - this.#keptAt > KEEP_MS) this.#remember();
    if (update.events.some((event) => event.__typename === 'NoticeEvent' && event.code === 'SPEED_CHANGED'))
      this.#speedChanged = true;
    if (run && (run.startedAt === null || run.targetVersion === null || this.#speedChanged))
      void this.#lookBeside(this.#stop.signal);
  }

  /** Takes what updates do not tell of a run that goes on. What cannot be asked now is asked at the next update. */
  async #lookBeside(abort: AbortSignal): Promise<void> {
    const speedChanged = this.#speedChanged;
    this.#speedChanged = false;
    try {
      const { replay } = await ask(ReplayDocument, { id: this.#id }, abort);
      const run = this.run.value;
      // Updates that came meanwhile are newer than its state and summary.
      if (replay && run && isActive(run.state)) this.run.value = { ...replay, state: run.state, summary: run.summary };
    } catch {
      if (speedChanged) this.#speedChanged = true;
    }
  }

  /** Takes the events of an update, and remembers that they were taken. */
  #note({ events, cursor }: ReplayUpdate, recent: readonly string[]): void {
    this.log.value = withEvents(
      this.log.value,
      events.filter((event): event is RunEvent => event.__typename !== 'OutcomeEvent'),
    );
    this.#memory = { cursor, recent, log: this.log.value };
  }

  /** What an ended run reported while nobody watched it here. */
  async #readLog(abort: AbortSignal): Promise<void> {
    this.readingLog.value = true;
    try {
      for await (const update of api().watchReplay(this.#id, {
        after: this.#memory.cursor,
        ...SUMMARY,
        signal: abort,
      })) {
        this.#note(update, this.#memory.recent);
      }
      if (!abort.aborted) this.#remember();
    } finally {
      this.readingLog.value = false;
    }
  }

  /** The chart up to now, also of what nobody watched here. */
  async #readTimeline(abort: AbortSignal): Promise<void> {
    const { replayTimeline } = await ask(RunTimelineDocument, { replayId: this.#id, intervals: INTERVALS }, abort);
    if (abort.aborted) return;
    this.points.value = replayTimeline ? pointsOf(replayTimeline) : [{ at: 0, succeeded: 0, failed: 0 }];
    const elapsedMs = this.run.value?.summary.elapsedMs ?? 0;
    this.#clockAhead = replayTimeline ? (this.points.value.at(-1)?.at ?? 0) - elapsedMs : 0;
  }
}

/** Statements that have an outcome. */
export function done(summary: Summary): number {
  return summary.succeeded + summary.failed + summary.cascades + summary.skipped + summary.unknown;
}

/** Whether a run has not ended yet; a paused one has not. */
export function isActive(state: ReplayState): boolean {
  return !hasEnded(state);
}
