import { computed, signal } from '@preact/signals';
import {
  hasEnded,
  OutcomeTimesDocument,
  ReplayDocument,
  type ReplayFieldsFragment,
  type ReplayState,
  type ReplayUpdate,
  RepriseError,
  type SummaryFieldsFragment,
} from '../../client/index.ts';
import { api, ask, noticeRefusal } from '../lib/api.ts';
import { keep, recall } from '../lib/memory.ts';
import type { Freshness } from '../ui/connection-badge.tsx';
import { pointsOf, type SeriesPoint, withPoint } from './series.ts';
import { StatementTail } from './statement-tail.ts';

export type Run = ReplayFieldsFragment;
export type Summary = SummaryFieldsFragment;
export type RunEvent = Exclude<ReplayUpdate['events'][number], { readonly __typename: 'OutcomeEvent' }>;

/** What a tab keeps of a run, so that a reload goes on where it was. */
interface Memory {
  readonly cursor: string | null;
  /** Places of the last seconds, oldest first: the tail begins again at the first. */
  readonly recent: readonly string[];
  readonly events: readonly RunEvent[];
  readonly points: readonly SeriesPoint[];
}

const NOTHING: Memory = { cursor: null, recent: [], events: [], points: [] };
const KEEP_MS = 1000;
const RECENT = 8;
const MOST_EVENTS = 500;
/** Outcomes from which the chart of an unwatched run is drawn; more would be read for too long. */
const MOST_TIMES = 30_000;

/** A run as it is now, and as it moves: one SUMMARY stream, whatever the number of statements. */
export class RunFeed {
  readonly run = signal<Run | null>(null);
  readonly missing = signal(false);
  readonly error = signal<unknown>(null);
  readonly connection = signal<Freshness>({ state: 'CONNECTING' });
  /** States and notices, oldest first. */
  readonly events = signal<readonly RunEvent[]>([]);
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
  #stop = new AbortController();

  constructor(id: string) {
    this.#id = id;
    this.#key = `reprise.run.${id}`;
    this.#memory = recall<Memory>(sessionStorage, this.#key) ?? NOTHING;
    this.events.value = this.#memory.events;
    this.points.value = this.#memory.points;
    this.tail = new StatementTail(id, this.#memory.recent[0] ?? null);
    window.addEventListener('pagehide', this.#remember);
    void this.#follow();
  }

  close(): void {
    this.#stop.abort();
    this.tail.close();
    this.#remember();
    window.removeEventListener('pagehide', this.#remember);
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

  readonly #remember = () => {
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
        await this.#rebuild(run, abort);
        return;
      }
      let interrupted = false;
      for await (const update of api().watchReplay(this.#id, {
        after: this.#memory.cursor,
        detail: 'SUMMARY',
        batchSize: 1000,
        maxWaitMs: 0,
        signal: abort,
        giveUpAfterMs: 24 * 3_600_000,
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
      if (ended && !abort.aborted) this.connection.value = { state: 'ENDED' };
    } catch (error) {
      if (abort.aborted) return;
      if (error instanceof RepriseError && error.code === 'CURSOR_INVALID' && this.#memory.cursor !== null) {
        // What this tab remembers is of another journal with a run of this id.
        this.#memory = NOTHING;
        return this.#follow();
      }
      noticeRefusal(error);
      this.error.value = error;
    }
  }

  async #look(abort: AbortSignal): Promise<Run | null> {
    const { replay } = await ask(ReplayDocument, { id: this.#id }, abort);
    this.missing.value = replay === null;
    if (replay !== null) this.run.value = replay;
    return replay;
  }

  #take(update: ReplayUpdate): void {
    const { state, summary, cursor } = update;
    this.connection.value = { state: 'LIVE' };
    const run = this.run.value;
    if (run) this.run.value = { ...run, state, summary };
    const added = update.events.filter((event): event is RunEvent => event.__typename !== 'OutcomeEvent');
    if (added.length > 0) this.events.value = [...this.events.value, ...added].slice(-MOST_EVENTS);
    const seen =
      this.points.value.length === 0 && summary.elapsedMs > 0
        ? [{ at: 0, succeeded: 0, failed: 0 }]
        : this.points.value;
    this.points.value = withPoint(seen, {
      at: summary.elapsedMs,
      succeeded: summary.succeeded,
      failed: summary.failed + summary.cascades,
    });
    this.tail.moved(cursor);
    this.#memory = {
      cursor,
      recent: [...this.#memory.recent, cursor].slice(-RECENT),
      events: this.events.value,
      points: this.points.value,
    };
    if (performance.now() - this.#keptAt > KEEP_MS) this.#remember();
    if (run && (run.startedAt === null || run.targetVersion === null))
      void this.#look(this.#stop.signal).catch(() => {});
  }

  /** The chart of a run that ended unwatched, from its outcomes, while they are few enough. */
  async #rebuild(run: Run, abort: AbortSignal): Promise<void> {
    if (this.points.value.length > 2 || run.startedAt === null || done(run.summary) > MOST_TIMES) return;
    const outcomes = [];
    let after: string | null = null;
    for (;;) {
      const { replayStatements }: { replayStatements: TimesPage | null } = await ask(
        OutcomeTimesDocument,
        { replayId: this.#id, first: 1000, after },
        abort,
      );
      for (const { at, status } of replayStatements?.nodes ?? []) {
        outcomes.push({ at: Date.parse(at), succeeded: status === 'SUCCEEDED', failed: status === 'FAILED' });
      }
      if (!replayStatements?.pageInfo.hasNextPage || abort.aborted) break;
      after = replayStatements.pageInfo.endCursor;
    }
    if (outcomes.length > 1) this.points.value = pointsOf(outcomes, Date.parse(run.startedAt), 100);
  }
}

interface TimesPage {
  readonly nodes: readonly { readonly at: string; readonly status: string }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

/** Statements that have an outcome. */
export function done(summary: Summary): number {
  return summary.succeeded + summary.failed + summary.cascades + summary.skipped + summary.unknown;
}

export function isActive(state: ReplayState): boolean {
  return !hasEnded(state);
}
