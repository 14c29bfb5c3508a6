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
  private readonly maxIdleMs: number | null;
  private readonly paced: boolean;
  /** Newest recorded time that was asked for, and its place. */
  private recorded: Micros | null = null;
  private place = 0;
  /** Places and their wall times, one for each speed, newest first: places from one on follow from it. */
  private anchors: readonly [Anchor, ...Anchor[]];

  constructor(pace: Pace) {
    this.paced = pace.mode === 'RECORDED';
    this.anchors = [{ place: 0, at: 0, speed: pace.mode === 'RECORDED' ? pace.speed : 1 }];
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
      this.shift(now);
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
    const anchor = this.anchors.find((candidate) => candidate.place <= place) ?? this.anchors[0];
    return anchor.at + (place - anchor.place) / anchor.speed;
  }

  /**
   * From now on: what is still to be waited for is scaled too, so that a long gap ends sooner or later at once. What is
   * due already stays due when it was: how late it is does not depend on what was asked for afterwards.
   */
  setSpeed(speed: number, now: number): void {
    const [last, ...earlier] = this.anchors;
    // A schedule that has not begun is anchored by its first entry.
    if (this.recorded === null) this.anchors = [{ ...last, speed }];
    else this.anchors = [{ place: last.place + (now - last.at) * last.speed, at: now, speed }, last, ...earlier];
  }

  /** The schedule stood still for this long (a pause): everything is due that much later. */
  shift(ms: number): void {
    const [last, ...earlier] = this.anchors;
    const later = (anchor: Anchor): Anchor => ({ ...anchor, at: anchor.at + ms });
    this.anchors = [later(last), ...earlier.map(later)];
  }
}

/** From this place on, which is due at this wall time, recorded time passes at this speed. */
interface Anchor {
  readonly place: number;
  readonly at: number;
  readonly speed: number;
}
