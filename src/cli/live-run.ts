import { setTimeout as delay } from 'node:timers/promises';
import type { Client, NoticeCode, ReplayUpdate } from '../client/index.ts';
import { inStartFlags } from './flag-names.ts';
import { duration, type Io, isTerminal, LiveLine, oneLine, printable, wrapTo } from './io.ts';
import { progressBlock, progressLine } from './run-view.ts';

/** Thousands of them are usual; stalls are counted in the progress. */
const QUIET_NOTICES: readonly NoticeCode[] = ['STALL', 'STALL_ENDED', 'SESSION_PREPARED', 'TARGET_NOTICE'];
/** More than this many failures in so many milliseconds nobody reads; the rest are counted in the progress. */
const FAILURES_AT_ONCE = 20;
const FAILURES_EVERY_MS = 250;
/** What stands before the text of a line: a time of day and two spaces. */
const TIME_WIDTH = 10;
/** Lines of one message: a longer one is in the report. */
const MOST_LINES = 4;
/** How long the end of a run waits for its last failures to be shown. */
const LAST_FAILURES_MS = 500;

/**
 * A run as people watch it: on a terminal one block that is redrawn, with failures scrolling above it; elsewhere a
 * line each `intervalMs`.
 */
export class LiveRun {
  readonly #line: LiveLine;
  readonly #io: Io;
  readonly #terminal: boolean;
  readonly #leaving = new AbortController();
  #failures: Promise<void> = Promise.resolve();

  constructor(io: Io, intervalMs?: number) {
    this.#io = io;
    this.#terminal = isTerminal(io.stderr, io.env);
    this.#line = new LiveLine(io.stderr, {
      terminal: this.#terminal,
      ...(intervalMs === undefined ? {} : { intervalMs }),
    });
  }

  /** Lets the failures behind a cursor scroll (null: from the start). Only a terminal shows them. */
  showFailures(client: Client, id: string, after: string | null): void {
    if (this.#terminal) this.#failures = this.#scroll(client, id, after);
  }

  update({ events, state, summary }: ReplayUpdate): void {
    for (const event of events) {
      if (event.__typename === 'StateEvent' && event.reason)
        this.#tell(event.at, flat(`${event.state}: ${event.reason}`));
      if (event.__typename === 'NoticeEvent' && !QUIET_NOTICES.includes(event.code)) {
        this.#tell(event.at, flat(`${event.code}: ${inStartFlags(event.noticeMessage)}`));
      }
    }
    this.#line.show(this.#terminal ? progressBlock(state, summary, this.#width) : progressLine(state, summary));
  }

  lostConnection(reason: string, waitMs: number): void {
    this.print(`connection lost (${reason}), trying again in ${duration(waitMs)}`);
  }

  /** A line that stays; on a terminal that is too narrow for it, some. */
  print(text: string): void {
    this.#line.print(this.#terminal ? wrapTo(text, this.#width, TIME_WIDTH, MOST_LINES) : text);
  }

  /** Of the terminal; one that writes into its last column begins a line of its own accord. */
  get #width(): number {
    return Math.max(2, (this.#io.stderr.columns || 80) - 1);
  }

  /** Something of the run: a terminal, where width is scarce, shows the time of day. */
  #tell(at: string, text: string): void {
    this.print(`${this.#terminal ? at.slice(11, 19) : at}  ${text}`);
  }

  /** Takes the block away; `atOnce`: without waiting for failures that are still on their way. */
  async end(atOnce: boolean): Promise<void> {
    const waiting = new AbortController();
    if (!atOnce) {
      const late = delay(LAST_FAILURES_MS, undefined, { signal: waiting.signal }).catch(() => {});
      await Promise.race([this.#failures, late]);
    }
    waiting.abort();
    this.#leaving.abort();
    await this.#failures;
    this.#line.clear();
  }

  async #scroll(client: Client, id: string, after: string | null): Promise<void> {
    const { signal } = this.#leaving;
    const options = { detail: 'FAILURES', batchSize: FAILURES_AT_ONCE, maxWaitMs: 100, after, signal } as const;
    try {
      for await (const { events } of client.watchReplay(id, options)) {
        let shown = false;
        for (const event of events) {
          if (event.__typename !== 'OutcomeEvent' || event.cascade) continue;
          if (event.status !== 'FAILED' && event.status !== 'UNKNOWN') continue;
          const what = event.status === 'UNKNOWN' ? 'UNKNOWN' : event.sqlstate;
          const note = event.verdict === 'SAME' ? '  (as in the record)' : '';
          const place = `${event.transactionId}/${event.sequence}`;
          this.#tell(event.at, `${printable(String(what))}  ${place}  ${flat(event.message ?? '')}${note}`);
          shown = true;
        }
        if (shown) await delay(FAILURES_EVERY_MS, undefined, { signal });
      }
    } catch {
      // The stream of the progress tells of a service that is gone; or nobody looks any more.
    }
  }
}

function flat(text: string): string {
  return oneLine(text, Number.POSITIVE_INFINITY);
}
