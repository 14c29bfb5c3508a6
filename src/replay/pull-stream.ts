/** What a pull stream reads: asked for one item at a time, never again before the last answer. */
export interface PullSource<T> {
  /** The next item; null when there are no more. A rejection ends the stream. */
  next(): Promise<T | null>;
  /**
   * Frees what the source holds. Called exactly once, also when the source ended or failed by itself. Must not
   * throw. It should settle a pending `next()`, but the stream does not wait for that.
   */
  close(): void;
}

let open = 0;

/** Streams that were created and have neither ended nor been returned; for metrics and leak checks. */
export function openPullStreams(): number {
  return open;
}

interface Waiter<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(reason: unknown): void;
}

/**
 * The one async iterator behind every subscription (guarantee E6 of `docs/events.md`).
 *
 * - `return()` and `throw()` close the source and settle every pending `next()` with done at once, also while
 *   the source is waiting. An async generator parked on an `await` does neither.
 * - Calls of `next()` may overlap; they are served in order and the source sees one at a time.
 * - An error of the source rejects the oldest waiting `next()`; the others, and all later ones, are done.
 * - An item that arrives after `return()` is dropped: the client was promised it from its last cursor on.
 */
export function createPullStream<T>(source: PullSource<T>): AsyncIterableIterator<T, undefined> {
  const waiting: Waiter<T>[] = [];
  let pulling = false;
  let ended = false;
  open += 1;

  function end(): void {
    if (ended) return;
    ended = true;
    open -= 1;
    for (const waiter of waiting.splice(0)) waiter.resolve({ done: true, value: undefined });
    source.close();
  }

  function fail(reason: unknown): void {
    pulling = false;
    if (ended) return;
    waiting.shift()?.reject(reason);
    end();
  }

  function deliver(item: T | null): void {
    pulling = false;
    if (ended) return;
    if (item === null) {
      end();
      return;
    }
    waiting.shift()?.resolve({ done: false, value: item });
    pull();
  }

  function pull(): void {
    if (pulling || ended || waiting.length === 0) return;
    pulling = true;
    let answer: Promise<T | null>;
    try {
      answer = source.next();
    } catch (thrown) {
      fail(thrown);
      return;
    }
    answer.then(deliver, fail);
  }

  return {
    next() {
      if (ended) return Promise.resolve({ done: true, value: undefined });
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        pull();
      });
    },
    return() {
      end();
      return Promise.resolve({ done: true, value: undefined });
    },
    throw(reason: unknown) {
      end();
      return Promise.reject(reason);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
