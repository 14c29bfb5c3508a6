import type { Micros } from '../journal/entry.ts';

/** The monotonic clock may leave the wall clock by this much before it is set anew, in milliseconds. */
const DRIFT_MS = 5;

/**
 * The wall clock in whole microseconds, never going back. `performance.now()` gives the microseconds; `sync`,
 * called now and then, follows a wall clock that was set.
 */
export class WallClock {
  #offsetMs = Date.now() - performance.now();
  #last: Micros = 0;

  now(): Micros {
    const micros = Math.round((this.#offsetMs + performance.now()) * 1000);
    if (micros > this.#last) this.#last = micros;
    return this.#last;
  }

  sync(): void {
    const offsetMs = Date.now() - performance.now();
    if (Math.abs(offsetMs - this.#offsetMs) > DRIFT_MS) this.#offsetMs = offsetMs;
  }
}
