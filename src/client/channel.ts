/** Items that may wait before the writer is told to hold back. */
const HIGH = 16;

/**
 * A queue between a socket that pushes and one reader that pulls. The writer is told when to hold back
 * (`HIGH` items wait) and when to go on, so a reader that stalls costs bounded memory.
 */
export class Channel<T> {
  #items: T[] = [];
  #end: { readonly error: unknown } | null = null;
  #waiting: { resolve(result: IteratorResult<T, undefined>): void; reject(error: unknown): void } | null = null;
  readonly #onFull: (full: boolean) => void;

  constructor(onFull: (full: boolean) => void = () => {}) {
    this.#onFull = onFull;
  }

  push(item: T): void {
    if (this.#end) return;
    if (this.#waiting) {
      this.#settle().resolve({ done: false, value: item });
      return;
    }
    this.#items.push(item);
    if (this.#items.length === HIGH) this.#onFull(true);
  }

  /** No more items come: what is queued is still delivered, then the reader ends or, with an error, throws it. */
  end(error?: unknown): void {
    if (this.#end) return;
    this.#end = { error };
    if (!this.#waiting) return;
    if (error === undefined) this.#settle().resolve({ done: true, value: undefined });
    else this.#settle().reject(error);
  }

  /** One call at a time. */
  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#items.length > 0) {
      const value = this.#items.shift() as T;
      if (this.#items.length === HIGH / 2) this.#onFull(false);
      return Promise.resolve({ done: false, value });
    }
    if (this.#end) {
      return this.#end.error === undefined
        ? Promise.resolve({ done: true, value: undefined })
        : Promise.reject(this.#end.error);
    }
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  #settle() {
    const waiting = this.#waiting;
    if (!waiting) throw new Error('nobody waits');
    this.#waiting = null;
    return waiting;
  }
}
