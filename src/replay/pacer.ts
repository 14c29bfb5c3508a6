import type { Micros } from '../journal/entry.ts';
import type { Pace } from './request.ts';

/**
 * Maps recorded time to wall time: when a statement is due. Pure: the caller gives the clock
 * (`performance.now()`, ms), so that schedules can be tested without waiting.
 *
 * A statement's place in the schedule is recorded time in milliseconds, idle gaps capped; the wall time of a
 * place follows changes of speed and pauses, also while somebody waits for it.
 */
export class Pacer {
  private speed: number;
  private readonly maxIdleMs: number | null;
  private readonly paced: boolean;
  /** Newest recorded time that was asked for, and its place. */
  private recorded: Micros | null = null;
  private place = 0;
  /** A place and its wall time, from which all others follow. */
  private anchor = { place: 0, at: 0 };

  constructor(pace: Pace) {
    this.paced = pace.mode === 'RECORDED';
    this.speed = pace.mode === 'RECORDED' ? pace.speed : 1;
    this.maxIdleMs = pace.mode === 'RECORDED' ? pace.maxIdleMs : null;
  }

  /**
   * The entry's place in the schedule; null as fast as possible. Call in plan order. The first entry is due at
   * once. Gaps longer than `maxIdleMs` of recorded time count as that long.
   */
  placeOf(timestamp: Micros, now: number): number | null {
    if (!this.paced) return null;
    if (this.recorded === null) {
      this.recorded = timestamp;
      this.anchor = { place: 0, at: now };
      return this.place;
    }
    let gapMs = Math.max(0, timestamp - this.recorded) / 1000;
    if (this.maxIdleMs !== null && gapMs > this.maxIdleMs) gapMs = this.maxIdleMs;
    this.recorded = Math.max(this.recorded, timestamp);
    this.place += gapMs;
    return this.place;
  }

  /** Wall time (ms) at which a place is due. */
  dueAt(place: number): number {
    return this.anchor.at + (place - this.anchor.place) / this.speed;
  }

  /** From now on: what is still to be waited for is scaled too, so that a long gap ends sooner or later at once. */
  setSpeed(speed: number, now: number): void {
    // A schedule that has not begun is anchored by its first entry.
    if (this.recorded !== null) {
      this.anchor = { place: this.anchor.place + (now - this.anchor.at) * this.speed, at: now };
    }
    this.speed = speed;
  }

  /** The schedule stood still for this long (a pause): everything later is due that much later. */
  shift(ms: number): void {
    this.anchor = { place: this.anchor.place, at: this.anchor.at + ms };
  }
}
