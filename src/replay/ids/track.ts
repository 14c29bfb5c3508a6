import type { Sequence } from './catalog.ts';
import { type Draw, isShown } from './draw.ts';
import { solve } from './solve.ts';

/** A point in the record at which the sequence's place is given, or lost, other than by drawing. */
interface Mark {
  readonly order: number;
  /** Null: nobody knows where the sequence stands from here on. */
  readonly next: bigint | null;
  /** The place follows from what came before, too: the target's own at the start of the window. */
  readonly continues: boolean;
  /** From one value to the next, from here on. */
  readonly step: bigint;
  /** It goes on from the last value. */
  readonly keepsLast?: true;
}

/** What counting has come to. */
interface Standing {
  /** Slot that comes next; null: unknown. */
  next: number | null;
  /** What no further draw can be below, as the record has shown; null: it has shown nothing yet. */
  floor: number | null;
}

/** Settled draws kept to be settled anew when an uncertain count before them becomes known. */
const MOST_KEPT = 4_000;

/** Follows one sequence through the record and settles what its draws gave. */
export class Track {
  readonly sequence: Sequence;
  /** Draws that are not settled yet, in order, and the marks between them. */
  private waiting: (Draw | Mark)[] = [];
  /** Settled ones from the first uncertain count on, and what stood before them. */
  private settled: Draw[] = [];
  private base: Standing = { next: null, floor: null };
  private standing: Standing;
  private origin: bigint | null;
  private step: bigint;
  /** Uncertain draws that were sent to the target and are not answered yet. */
  private readonly underWay = new Map<Draw, (() => void)[]>();
  /** Values that no statement of the record accounts for. */
  missing = 0;
  /** How often the record has moved the sequence. */
  stretch = 0;

  /** @param known the target's place is where the record begins */
  constructor(sequence: Sequence, known: boolean) {
    this.sequence = sequence;
    this.origin = sequence.next;
    this.step = sequence.increment;
    this.standing = { next: known && sequence.next !== null ? 0 : null, floor: null };
  }

  /** All that was added is settled, and nothing is asked of the target. */
  get isSettled(): boolean {
    return this.waiting.length === 0 && this.underWay.size === 0;
  }

  add(draw: Draw): void {
    this.waiting.push(draw);
  }

  /** The record moves the sequence (setval, RESTART); null: to an unknown place. */
  move(order: number, next: bigint | null): void {
    this.stretch += 1;
    this.waiting.push({ order, next, continues: false, step: this.sequence.increment });
  }

  /** The record gives the sequence other steps. */
  changeStep(order: number): void {
    this.stretch += 1;
    this.waiting.push({ order, next: null, continues: false, step: this.sequence.increment, keepsLast: true });
  }

  /** The record reaches the point at which the target's place is its own. */
  reach(order: number): void {
    if (this.sequence.next !== null)
      this.waiting.push({ order, next: this.sequence.next, continues: true, step: this.sequence.increment });
  }

  /**
   * Settles draws, knowing all that were added: those up to `must`, and of the rest up to `may` as many as can be
   * told apart from what follows.
   */
  settle(must: number, may: number): void {
    while (this.waiting.length > 0) {
      const markAt = this.waiting.findIndex(isMark);
      const mark = markAt < 0 ? null : (this.waiting[markAt] as Mark);
      const draws = (markAt < 0 ? this.waiting : this.waiting.slice(0, markAt)) as Draw[];
      const passes = mark !== null && mark.order <= may;
      const cut = passes ? draws.length : cutOf(draws, must, may);
      if (cut === 0 && !passes) return;
      this.chooseOrigin(draws, mark);
      const next = this.solve(draws, mark);
      this.keep(draws.slice(0, cut));
      this.waiting.splice(0, cut);
      if (!passes || mark === null) return;
      this.waiting.shift();
      this.pass(mark, next);
    }
  }

  /** First value of a settled draw; null: it is not known, and the sequence is better left alone. */
  valueOf(draw: Draw): bigint | null {
    return draw.slot === null || draw.origin === null ? null : this.toValue(draw.origin, draw.slot, draw.step);
  }

  /** Counted on from a draw whose own count nothing tells: it failed, was rolled back, or could not be asked for. */
  isDoubtful(draw: Draw): boolean {
    if (draw.certainty !== 'COUNTED') return false;
    for (let index = this.settled.length - 1; index >= 0; index--) {
      const before = this.settled[index]!;
      if (before.order >= draw.order) continue;
      if (before.min < before.max) return true;
      if (isShown(before)) return false;
    }
    return false;
  }

  /** What the sequence gave next at the end of the record; null: unknown. */
  end(): bigint | null {
    const { next } = this.standing;
    return next === null || this.origin === null ? null : this.toValue(this.origin, next, this.step);
  }

  /** A value that came to light after its draw was settled. */
  shownLate(draw: Draw): boolean {
    const { origin } = draw;
    if (isShown(draw) || origin === null || draw.slot === null || draw.group.draws.length !== 1 || draw.group.blind)
      return false;
    for (const [value, strong] of draw.group.shown) {
      const slot = toSlot(origin, draw.step, value);
      if (slot === null || (!strong && slot !== draw.slot) || Math.abs(slot - draw.slot) > LATE_RANGE) continue;
      draw.certainty = slot === draw.slot ? 'CONFIRMED' : 'CORRECTED';
      draw.slot = slot;
      return true;
    }
    return false;
  }

  /** An uncertain draw is on its way to the target, which will tell its count. */
  sent(draw: Draw): void {
    this.underWay.set(draw, []);
  }

  /** The target told how many values a draw took; null: it could not. */
  observed(draw: Draw, count: number | null): void {
    const waiters = this.underWay.get(draw);
    this.underWay.delete(draw);
    if (count !== null) this.correct(draw, count);
    for (const resume of waiters ?? []) resume();
  }

  /** Resolves when no uncertain draw before this one is under way; null: none is. */
  ready(draw: Draw): Promise<void> | null {
    if (this.underWay.size === 0 || isShown(draw)) return null;
    const waits: Promise<void>[] = [];
    for (const [other, waiters] of this.underWay) {
      if (other.order < draw.order) waits.push(new Promise((resolve) => waiters.push(resolve)));
    }
    return waits.length === 0 ? null : Promise.all(waits).then(() => {});
  }

  private chooseOrigin(draws: readonly Draw[], mark: Mark | null): void {
    if (this.origin !== null) return;
    if (mark?.continues === true) this.origin = mark.next;
    else for (const draw of draws) for (const value of draw.group.shown.keys()) this.origin ??= value;
  }

  /** Settles draws behind those that were settled before, and these anew. */
  private solve(draws: readonly Draw[], mark: Mark | null): number | null {
    const again = this.settled.length > 0;
    const { next, floor } = again ? this.base : this.standing;
    return solve(again ? [...this.settled, ...draws] : draws, {
      from: next,
      floor,
      to: mark?.continues === true && mark.next !== null ? this.slotOf(mark.next) : null,
      toSlot: (value) => this.slotOf(value),
    });
  }

  private keep(draws: readonly Draw[]): void {
    const standing = this.settled.length > 0 ? this.base : this.standing;
    for (const draw of draws) {
      draw.origin = this.origin;
      if (this.settled.length === 0 && draw.min === draw.max) continue;
      if (this.settled.length === 0) this.base = passed(standing, draws.slice(0, draws.indexOf(draw)));
      this.settled.push(draw);
    }
    this.standing = this.settled.length > 0 ? passed(this.base, this.settled) : passed(standing, draws);
    this.missing += gapsIn(standing.next, draws);
    if (this.settled.length > MOST_KEPT) this.forget(this.settled.length - MOST_KEPT);
  }

  /** Keeps the first of the settled draws no longer. */
  private forget(count: number): void {
    const gone = this.settled.splice(0, count);
    this.base = passed(this.base, gone);
  }

  private pass(mark: Mark, next: number | null): void {
    if (mark.continues) {
      this.standing = { next, floor: this.standing.floor };
    } else {
      // Whether a value that is known from the target alone was drawn, nobody knows.
      const last =
        mark.keepsLast !== true || !next || this.origin === null ? null : this.origin + BigInt(next - 1) * this.step;
      this.origin = last === null ? mark.next : last + mark.step;
      this.standing = this.origin === null ? { next: null, floor: null } : { next: 0, floor: 0 };
    }
    this.step = mark.step;
    this.settled = [];
  }

  private correct(draw: Draw, count: number): void {
    const change = count - draw.count;
    draw.guess = count;
    draw.count = count;
    draw.min = count;
    draw.max = count;
    const at = this.settled.indexOf(draw);
    if (at < 0) return;
    if (change !== 0 && !this.moveBehind(at, change)) {
      const markAt = this.waiting.findIndex(isMark);
      this.solve(
        (markAt < 0 ? this.waiting : this.waiting.slice(0, markAt)) as Draw[],
        markAt < 0 ? null : (this.waiting[markAt] as Mark),
      );
      this.standing = passed(this.base, this.settled);
    }
    const uncertain = this.settled.findIndex(({ min, max }) => min < max);
    this.forget(uncertain < 0 ? this.settled.length : uncertain);
  }

  /** Moves the draws behind one whose count changed; false when later shown values speak against it. */
  private moveBehind(at: number, change: number): boolean {
    for (let index = at + 1; index < this.settled.length; index++)
      if (this.settled[index]!.group.shown.size > 0) return false;
    for (const item of this.waiting) if (!isMark(item) && item.group.shown.size > 0) return false;
    for (let index = at; index < this.settled.length; index++) {
      const draw = this.settled[index]!;
      if (index > at && draw.slot !== null) draw.slot += change;
    }
    if (this.standing.next !== null) this.standing.next += change;
    return true;
  }

  private slotOf(value: bigint): number | null {
    return this.origin === null ? null : toSlot(this.origin, this.step, value);
  }

  private toValue(origin: bigint, slot: number, increment: bigint): bigint {
    const { min, max, cycles } = this.sequence;
    const value = origin + BigInt(slot) * increment;
    if (!cycles || (value >= min && value <= max)) return value;
    // Past its end a sequence that cycles begins again at the other one.
    const step = increment < 0n ? -increment : increment;
    const size = (max - min) / step + 1n;
    const beyond = increment > 0n ? (value - max - 1n) / step : (min - value - 1n) / step;
    return increment > 0n ? min + (beyond % size) * step : max - (beyond % size) * step;
  }
}

/** How far from its counted place a value that came late may lie. */
const LATE_RANGE = 256;

function isMark(item: Draw | Mark): item is Mark {
  return !('group' in item);
}

function toSlot(origin: bigint, increment: bigint, value: bigint): number | null {
  const distance = value - origin;
  if (distance % increment !== 0n) return null;
  const slot = Number(distance / increment);
  return Number.isSafeInteger(slot) ? slot : null;
}

/** What stands behind settled draws. */
function passed(before: Standing, draws: readonly Draw[]): Standing {
  let { floor } = before;
  let next: number | null = null;
  let shown = false;
  for (const draw of draws) {
    if (draw.slot === null) continue;
    next = Math.max(next ?? draw.slot, draw.slot + draw.count);
    if (!isShown(draw)) continue;
    shown = true;
    floor = Math.max(floor ?? draw.slot, draw.slot + draw.min);
  }
  // Shown values prove the target's own place, or a count, wrong where they lie below it.
  if (next === null || (before.next !== null && !shown))
    next = next === null ? before.next : Math.max(next, before.next!);
  return { next, floor };
}

/** Values between draws that none of them took. */
function gapsIn(from: number | null, draws: readonly Draw[]): number {
  let gaps = 0;
  let next = from;
  for (const draw of draws.filter(({ slot }) => slot !== null).sort((a, b) => a.slot! - b.slot!)) {
    if (next !== null && draw.slot! > next) gaps += draw.slot! - next;
    next = Math.max(next ?? draw.slot!, draw.slot! + draw.count);
  }
  return gaps;
}

/** How many draws to settle for good: at least those up to `must`; more only where no draw's span crosses. */
function cutOf(draws: readonly Draw[], must: number, may: number): number {
  let cut = 0;
  let end = Number.NEGATIVE_INFINITY;
  for (const [index, draw] of draws.entries()) {
    if (draw.order > may) break;
    end = Math.max(end, draw.end);
    const following = draws[index + 1];
    if (draw.order <= must || following === undefined || following.start > end) cut = index + 1;
  }
  return cut;
}
