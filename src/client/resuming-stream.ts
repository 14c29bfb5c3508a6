import { RepriseError } from '../errors.ts';
import { pause } from '../pause.ts';
import { ConnectionLost, fromGraphQL, ServiceError, unreachable } from './errors.ts';
import { FIRST_WAIT_MS, GIVE_UP_AFTER_MS, LONGEST_WAIT_MS, mayPass, waitBehind } from './retry.ts';
import type { Endpoint, Operation, Transport } from './transport.ts';

/** Where a stream stands: RECONNECTING is told at each attempt, with what broke it and when it tries again. */
export type ConnectionState =
  | { readonly state: 'CONNECTING' }
  | { readonly state: 'LIVE' }
  | { readonly state: 'RECONNECTING'; readonly attempt: number; readonly waitMs: number; readonly reason: string };

/** One payload of a resumable subscription. */
export interface Step<T> {
  readonly value: T;
  /** The place behind this payload. */
  readonly cursor: string;
  /** True when the source has ended, so that a completion after it is no lost connection. */
  readonly ended: boolean;
}

/** What is subscribed to, and what is told of its connections. */
export interface ResumingStreamOptions<T> {
  readonly endpoint: Endpoint;
  readonly transport: Transport;
  /** Start behind this place; null: from the beginning. */
  readonly after: string | null;
  /** The operation that goes on behind a place. */
  operation(after: string | null): Operation;
  /** Reads and checks a payload; what it throws ends the stream. */
  read(data: unknown): Step<T>;
  /**
   * Asked when the service completes a stream whose end was not seen, and had nothing more to give: true, it is
   * the end all the same. Default: it never is.
   */
  readonly confirmEnd?: ((signal: AbortSignal) => Promise<boolean>) | undefined;
  readonly onConnection?: ((state: ConnectionState) => void) | undefined;
  /** Ends the stream (as if it had been completed) at once. */
  readonly signal?: AbortSignal | undefined;
  /** Longest time without any payload over which to reconnect; default 5 minutes. */
  readonly giveUpAfterMs?: number | undefined;
  /** First wait before a reconnect, doubled each time up to 10 s; default 250 ms. */
  readonly firstWaitMs?: number | undefined;
}

/**
 * An iterator over a subscription that survives its connections: it subscribes again behind the last cursor
 * that it was given, so it misses nothing and repeats nothing. `return()` and an abort of `signal` settle a
 * pending `next()` at once.
 *
 * Throws RepriseError SERVICE_UNREACHABLE when nothing answers at the first attempt, or for `giveUpAfterMs`; what the service
 * refuses the first attempt with, and STORE_UNAVAILABLE and TOO_MANY_REQUESTS when it does so for `giveUpAfterMs`.
 */
export function resumingStream<T>(options: ResumingStreamOptions<T>): AsyncIterableIterator<T, void, undefined> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const steps = attempts(options, signal);
  return {
    next: () => steps.next(),
    // A generator that waits does not see return(): the abort ends its wait first.
    return: async () => {
      stop.abort();
      await steps.return();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* attempts<T>(
  options: ResumingStreamOptions<T>,
  signal: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  const { endpoint, giveUpAfterMs = GIVE_UP_AFTER_MS, firstWaitMs = FIRST_WAIT_MS } = options;
  let after = options.after;
  let everLive = false;
  let ended = false;
  let failures = 0;
  let lostSince = 0;
  let liveSince = 0;
  options.onConnection?.({ state: 'CONNECTING' });
  while (!signal.aborted) {
    let reason: string;
    let cause: unknown;
    let payloads = 0;
    try {
      for await (const result of options.transport(endpoint, options.operation(after), signal)) {
        if (result === null) {
          everLive = true;
          liveSince = performance.now();
          options.onConnection?.({ state: 'LIVE' });
          continue;
        }
        if (result.errors?.length) throw fromGraphQL(result.errors);
        const step = options.read(result.data);
        failures = 0;
        payloads += 1;
        after = step.cursor;
        ended = step.ended;
        yield step.value;
        if (signal.aborted) return;
      }
      // A service that shuts down completes its streams too; only the end of the source is the end.
      if (ended || signal.aborted || !everLive) return;
      if (payloads === 0 && (await options.confirmEnd?.(signal))) return;
      reason = 'the service ended the stream early';
    } catch (error) {
      if (signal.aborted) return;
      // What refuses the first attempt is an answer; a stream that was up is taken up again.
      if (!(error instanceof ConnectionLost) && !(everLive && mayPass(error))) throw error;
      if (ended) return;
      reason = error.message;
      cause = error;
    }
    const now = performance.now();
    // A quiet stream that was up for a while has not been failing since its last payload.
    if (liveSince > 0 && now - liveSince > LONGEST_WAIT_MS) failures = 0;
    liveSince = 0;
    if (failures === 0) lostSince = now;
    failures += 1;
    if (!everLive || now - lostSince >= giveUpAfterMs)
      throw cause instanceof RepriseError ? cause : unreachable(endpoint.url, cause ?? reason);
    const waitMs = waitBehind(failures, firstWaitMs);
    options.onConnection?.({ state: 'RECONNECTING', attempt: failures, waitMs, reason });
    await pause(waitMs, signal);
  }
}

/**
 * Checks the numbering of a replay's events: gapless where every event is asked for, else increasing.
 * Throws ServiceError on a gap or a repetition, which would mean lost or doubled outcomes.
 */
export class SequenceCheck {
  #last: number | null;
  readonly #gapless: boolean;

  /** `last` null: the first number is not known (the stream begins behind a cursor). */
  constructor(last: number | null, gapless: boolean) {
    this.#last = last;
    this.#gapless = gapless;
  }

  check(seq: number): void {
    const last = this.#last;
    if (last !== null && (this.#gapless ? seq !== last + 1 : seq <= last)) {
      throw new ServiceError(`event ${seq} came after event ${last}: the stream lost or repeated events`);
    }
    this.#last = seq;
  }
}
