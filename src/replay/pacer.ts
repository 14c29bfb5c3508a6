import type { Micros } from '../journal/entry.ts';
import type { Pace } from './request.ts';

/** From this place of the schedule on, which is due then, recorded time runs at this speed. */
interface Stretch {
  readonly place: number;
  readonly at: number;
  readonly speed: number;
}

/** Changes of speed that are remembered. */
const MOST_PAST = 100;

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
  private current: Stretch;
  /** Those before changes of speed, oldest first: what was due before one does not become later or earlier by it. */
  private past: Stretch[] = [];

  constructor(pace: Pace) {
    this.paced = pace.mode === 'RECORDED';
    this.current = { place: 0, at: 0, speed: pace.mode === 'RECORDED' ? pace.speed : 1 };
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
      this.current = { ...this.current, at: now };
      return this.place;
    }
    let gapMs = Math.max(0, timestamp - this.recorded) / 1000;
    if (this.maxIdleMs !== null && gapMs > this.maxIdleMs) gapMs = this.maxIdleMs;
    this.recorded = Math.max(this.recorded, timestamp);
    this.place += gapMs;
    return this.place;
  }

  /** Wall time (ms) at which a place is due, or was. */
  dueAt(place: number): number {
    let within = this.current;
    if (place < within.place)
      within = this.past.findLast((stretch) => stretch.place <= place) ?? this.past[0] ?? within;
    return within.at + (place - within.place) / within.speed;
  }

  /** From now on: what is still to be waited for is scaled too, so that a long gap ends sooner or later at once. */
  setSpeed(speed: number, now: number): void {
    const { place, at, speed: before } = this.current;
    // A schedule that has not begun is anchored by its first entry.
    if (this.recorded === null) this.current = { place, at, speed };
    else {
      this.past.push(this.current);
      if (this.past.length > MOST_PAST) this.past.shift();
      this.current = { place: place + (now - at) * before, at: now, speed };
    }
  }

  /** The schedule stood still for this long (a pause): everything later is due that much later. */
  shift(ms: number): void {
    if (ms === 0) return;
    const moved = (stretch: Stretch) => ({ ...stretch, at: stretch.at + ms });
    this.current = moved(this.current);
    this.past = this.past.map(moved);
  }
}
