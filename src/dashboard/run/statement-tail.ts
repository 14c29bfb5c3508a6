import { signal } from '@preact/signals';
import { OutcomeRowsDocument, type OutcomeRowsQuery } from '../../client/index.ts';
import { ask } from '../lib/api.ts';

export type Outcome = NonNullable<OutcomeRowsQuery['replayStatements']>['nodes'][number];

/** Statements that were passed over, because more came than anybody could read. */
export interface Passed {
  /** About how many; null when it cannot be told. */
  readonly passed: number | null;
  readonly seq: number;
}

export type TailItem = Outcome | Passed;

export function isPassed(item: TailItem): item is Passed {
  return 'passed' in item;
}

/** Rows of one look: about 250 ms of a run. */
const PAGE = 200;
/** Looks in a row while catching up; what is further behind is passed over, and said so. */
const CATCH_UP_PAGES = 25;
/** Looks in a row after one that left nothing behind, so that a burst in a run that can be followed is shown whole. */
const BURST_PAGES = 5;
const MOST = 2000;
const MOST_WHILE_STOPPED = 6000;

/**
 * The newest outcomes of a run. It does not read a stream of all of them: whenever the summary stream has moved, it
 * asks for what is new, and where that is more than anybody could read, for the newest of it.
 */
export class StatementTail {
  readonly rows = signal<readonly TailItem[]>([]);
  readonly following = signal(true);
  readonly failuresOnly = signal(false);
  /** True while it fetches what happened when it was away. */
  readonly catchingUp = signal(false);
  readonly #replayId: string;
  #after: string | null;
  #busy = false;
  /** There is more to fetch: the run moved during a look, or a page was full and may be followed by the next. */
  #again = false;
  #catchUpLeft: number;
  #closed = new AbortController();

  /** Begins behind `after`; null: with the newest. */
  constructor(replayId: string, after: string | null) {
    this.#replayId = replayId;
    this.#after = after;
    this.#catchUpLeft = after === null ? 0 : CATCH_UP_PAGES;
  }

  close(): void {
    this.#closed.abort();
  }

  /** The run has moved, or has ended. */
  moved(): void {
    void this.#look();
  }

  /** The connection was lost and is back: what came meanwhile is fetched whole, as far as a screen makes sense. */
  reconnected(): void {
    this.#catchUpLeft = CATCH_UP_PAGES;
    this.catchingUp.value = true;
  }

  /** Only failures, unknown and diverged outcomes, or all; begins again at the newest place. */
  setFailuresOnly(only: boolean): void {
    this.failuresOnly.value = only;
    this.#closed.abort();
    this.#closed = new AbortController();
    this.#busy = false;
    this.rows.value = [];
    this.#after = null;
    // Failures are few: they are shown from the beginning.
    this.#catchUpLeft = only ? CATCH_UP_PAGES : 0;
    void this.#look();
  }

  setFollowing(following: boolean): void {
    this.following.value = following;
    if (following) void this.#look();
  }

  async #look(): Promise<void> {
    if (this.#busy) {
      this.#again = true;
      return;
    }
    if (!this.following.value && this.rows.value.length >= MOST_WHILE_STOPPED) return;
    const { signal: abort } = this.#closed;
    this.#busy = true;
    this.#again = false;
    const newest = this.#catchUpLeft === 0 && this.following.value;
    try {
      const { replayStatements: page } = await ask(
        OutcomeRowsDocument,
        {
          replayId: this.#replayId,
          filter: this.failuresOnly.value ? { statuses: ['FAILED', 'UNKNOWN'] } : null,
          ...(newest ? { last: PAGE } : { first: PAGE }),
          after: this.#after,
        },
        abort,
      );
      if (abort.aborted) return;
      if (page) {
        const { endCursor, hasNextPage, hasPreviousPage } = page.pageInfo;
        const isLeftBehind = newest ? hasPreviousPage : hasNextPage;
        this.#append(page.nodes, newest && isLeftBehind);
        if (endCursor !== null) this.#after = endCursor;
        if (!isLeftBehind) {
          this.#catchUpLeft = BURST_PAGES;
          this.catchingUp.value = false;
        } else if (this.#catchUpLeft > 0) {
          this.#catchUpLeft -= 1;
          this.#again = true;
        }
        if (this.#catchUpLeft === 0) this.catchingUp.value = false;
      }
    } catch {
      // The next move of the run looks again, from the same place.
      if (abort.aborted) return;
      this.#again = false;
    }
    this.#busy = false;
    if (this.#again) void this.#look();
  }

  /** `passed`: there are others between what is shown and these. */
  #append(nodes: readonly Outcome[], passed: boolean): void {
    const first = nodes[0];
    if (!first) return;
    const rows = [...this.rows.value];
    // Numbers of events: a few of those between are states and notices, so this is about right.
    const between = first.seq - (rows.at(-1)?.seq ?? 0) - 1;
    if (passed && between > 0) {
      rows.push({ passed: this.failuresOnly.value ? null : between, seq: first.seq - 0.5 });
    }
    rows.push(...nodes);
    this.rows.value = this.following.value ? rows.slice(-MOST) : rows;
  }
}
