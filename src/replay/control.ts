import { setMaxListeners } from 'node:events';
import { messageOf, RepriseError } from '../errors.ts';
import type { ReplayRequest } from './request.ts';

/** Why a run is being ended before its plan is. */
export type EndReason =
  | { readonly kind: 'CANCELLED' }
  /** The service goes down in order, or a run that is being resumed cannot go on now; the run can be resumed. */
  | { readonly kind: 'INTERRUPTED'; readonly message: string }
  | { readonly kind: 'FAILED'; readonly code: string; readonly message: string };

/** Why a run is CANCELLED, as its events tell it. */
export const ON_REQUEST = 'cancelled on request';

/**
 * What callers can do to a run under way: pause, resume, end. The walk asks `gate()` before each statement;
 * it costs one comparison while nobody wants anything.
 */
export class RunControl {
  private readonly abort = new AbortController();
  private ended: EndReason | null = null;
  private paused: { readonly promise: Promise<void>; readonly release: () => void } | null = null;
  private pausedSince = 0;
  private pausedMs = 0;

  constructor() {
    // One for each connection that is being opened: their number is no sign of a leak.
    setMaxListeners(0, this.abort.signal);
  }

  /** Aborted when the run is to end: waits of all kinds end by it. */
  get signal(): AbortSignal {
    return this.abort.signal;
  }

  get endReason(): EndReason | null {
    return this.ended;
  }

  get isPaused(): boolean {
    return this.paused !== null;
  }

  /** Null: go on. Otherwise wait for it, then ask `endReason` again. */
  gate(): Promise<void> | null {
    return this.paused === null ? null : this.paused.promise;
  }

  /** False when the run is paused already, or is being ended. */
  pause(): boolean {
    if (this.paused !== null || this.ended !== null) return false;
    let release = () => {};
    const promise = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.paused = { promise, release };
    this.pausedSince = performance.now();
    return true;
  }

  resume(): void {
    if (this.paused === null) return;
    this.countPause();
    const { release } = this.paused;
    this.paused = null;
    release();
  }

  /** Milliseconds paused since this was last asked, also in a pause: the schedule is shifted by them. */
  takePausedMs(): number {
    if (this.paused !== null) this.countPause();
    const ms = this.pausedMs;
    this.pausedMs = 0;
    return ms;
  }

  private countPause(): void {
    const now = performance.now();
    this.pausedMs += now - this.pausedSince;
    this.pausedSince = now;
  }

  /** Ends the run; the first reason stands. */
  end(reason: EndReason): void {
    if (this.ended !== null) return;
    this.ended = reason;
    this.abort.abort();
    this.resume();
  }

  /**
   * What a read gives that may take long; rejects as soon as the run is being ended, whoever still reads.
   * @throws RepriseError REPLAY_STATE then; what the read throws
   */
  unlessEnded<T>(reading: Promise<T>): Promise<T> {
    const { signal } = this;
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(runHasEnded());
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      reading.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }
}

/**
 * True when statements under way are cancelled for the end of their run: that they failed then says nothing of the target.
 * Not where marks are to tell a resumed run what is there: what is pipelined behind a cancelled transaction goes on, and
 * its mark would speak for that one, too. A run whose results cannot be stored may be resumed like one that is interrupted.
 */
export function cancelsFor(end: EndReason | null, { markProgress }: Pick<ReplayRequest, 'markProgress'>): boolean {
  if (end === null) return false;
  const goesOn = end.kind === 'INTERRUPTED' || (end.kind === 'FAILED' && end.code === 'STORE_UNAVAILABLE');
  return !(goesOn && markProgress);
}

/** What is thrown into whatever waits for the target or the journal when the run is being ended; nobody is shown it. */
export function runHasEnded(): RepriseError {
  return new RepriseError('REPLAY_STATE', 'the run has ended');
}

/** The end of a run that something thrown brings about. */
export function failureOf(thrown: unknown): EndReason {
  return thrown instanceof RepriseError
    ? { kind: 'FAILED', code: thrown.code, message: thrown.message }
    : { kind: 'FAILED', code: 'INTERNAL', message: `internal error: ${messageOf(thrown)}` };
}
