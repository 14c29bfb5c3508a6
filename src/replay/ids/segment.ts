import { type Draw, isShown } from './draw.ts';
import { isTakenFrom } from './given-ids.ts';
import { solve } from './solve.ts';

/** A point in the record at which the sequence's place is given, or lost, other than by drawing. */
export interface Mark {
  readonly order: number;
  /** Null: nobody knows where the sequence stands from here on. */
  readonly next: bigint | null;
  /** The place follows from what came before, too: the target's own at the start of the window. */
  readonly continues: boolean;
  /** From one value to the next, from here on. */
  readonly step: bigint;
  /** It goes on from the last value. */
  readonly keepsLast?: true;
  /** The target tells the place when it has done the same. */
  readonly asked?: true;
}

/** What counting has come to. */
export interface Standing {
  /** Slot that comes next; null: unknown. */
  next: number | null;
  /** What no further draw can be below, as the record has shown; null: it has shown nothing yet. */
  floor: number | null;
  /** It rests on a value that may as well have been another's. */
  isOpen?: boolean;
}

/** Draws kept to be settled anew when an uncertain count before them, or the place that they begin at, becomes known. */
const MOST_KEPT = 4_000;

/** The draws of a sequence between two marks, in order. */
export class Segment {
  /** The mark that it begins with; before it, everything belongs to an earlier one. */
  readonly from: number;
  readonly step: bigint;
  /** What slots count from; null: unknown. */
  origin: bigint | null;
  /** What stands behind all that were settled. */
  standing: Standing;
  /** Settled ones from the first uncertain count on, or all where the place is awaited; and what stood before them. */
  private settled: Draw[] = [];
  private base: Standing = { next: null, floor: null };
  /** Where it begins the target will tell. */
  private awaited: Mark | null;

  constructor(from: number, step: bigint, origin: bigint | null, standing: Standing, awaited: Mark | null = null) {
    this.from = from;
    this.step = step;
    this.origin = origin;
    this.standing = standing;
    this.awaited = awaited;
  }

  /** True where an answer of the target may still move its draws. */
  get isOpen(): boolean {
    return this.awaited !== null || this.settled.length > 0;
  }

  /** Settles draws behind those that were settled before, and these anew; gives what comes next. */
  solve(draws: readonly Draw[], mark: Mark | null): number | null {
    if (this.origin === null) this.chooseOrigin(draws, mark);
    const again = this.settled.length > 0;
    const { next, floor, isOpen = false } = again ? this.base : this.standing;
    return solve(again ? [...this.settled, ...draws] : draws, {
      from: next,
      floor,
      isOpen,
      to: mark?.continues === true && mark.next !== null ? this.slotOf(mark.next) : null,
      toSlot: (value) => this.slotOf(value),
    });
  }

  private chooseOrigin(draws: readonly Draw[], mark: Mark | null): void {
    if (mark?.continues === true) this.origin = mark.next;
    else
      for (const draw of [...this.settled, ...draws])
        for (const value of draw.group.shown.keys())
          if (isTakenFrom(draw, draw.group.given.get(value) ?? null) === null) this.origin ??= value;
    for (const draw of this.settled) draw.origin = this.origin;
  }

  /** Keeps settled draws as far as something may still move them; gives the values between them that none took. */
  keep(draws: readonly Draw[]): number {
    const standing = this.settled.length > 0 ? this.base : this.standing;
    for (const draw of draws) {
      draw.origin = this.origin;
      if (this.settled.length === 0 && draw.min === draw.max && this.awaited === null) continue;
      if (this.settled.length === 0) this.base = passed(standing, draws.slice(0, draws.indexOf(draw)));
      this.settled.push(draw);
    }
    this.standing = this.settled.length > 0 ? passed(this.base, this.settled) : passed(standing, draws);
    if (this.settled.length > MOST_KEPT) {
      // Of what is forgotten nobody would know how far it moved the place.
      this.awaited = null;
      this.forget(this.settled.length - MOST_KEPT);
    }
    return gapsIn(standing.next, draws);
  }

  /** Keeps the first of the settled draws no longer. */
  private forget(count: number): void {
    this.base = passed(this.base, this.settled.splice(0, count));
  }

  /** Keeps nothing that no answer can move any more. */
  private release(): void {
    if (this.awaited !== null) return;
    const uncertain = this.settled.findIndex(({ min, max }) => min < max);
    this.forget(uncertain < 0 ? this.settled.length : uncertain);
  }

  /**
   * The target told how many values a draw took.
   * @param following draws of it that are not settled yet, up to `mark`
   */
  correct(draw: Draw, count: number, following: readonly Draw[], mark: Mark | null): void {
    const change = count - draw.count;
    draw.guess = count;
    draw.count = count;
    draw.min = count;
    draw.max = count;
    const at = this.settled.indexOf(draw);
    if (at < 0) return;
    const isSolved = change === 0 ? !this.isInDoubtBehind(at) : this.moveBehind(at, change, following);
    if (!isSolved) this.solveAgain(following, mark);
    this.release();
  }

  /** The target told what the sequence gives next at the mark that it begins with. */
  place(mark: Mark, next: bigint, following: readonly Draw[], until: Mark | null): void {
    if (this.awaited !== mark) return;
    this.awaited = null;
    this.beginAt(next, following, until);
  }

  private beginAt(next: bigint, following: readonly Draw[], mark: Mark | null): void {
    this.origin ??= next;
    const slot = this.slotOf(next);
    if (slot !== null) {
      // As at the start of a window: the target's own place, which what was shown may prove wrong.
      const standing = { next: slot, floor: null };
      if (this.settled.length > 0) {
        this.base = standing;
        for (const draw of this.settled) draw.origin = this.origin;
        this.solveAgain(following, mark);
      } else this.standing = standing;
    }
    this.release();
  }

  /** The target told that the sequence went elsewhere with a draw: what comes behind it goes on from there. */
  splitBehind(draw: Draw, next: bigint, following: readonly Draw[], mark: Mark | null): Segment | null {
    const at = this.settled.indexOf(draw);
    if (at < 0) return null;
    const behind = new Segment(draw.order, this.step, null, { next: null, floor: null });
    behind.settled = this.settled.splice(at + 1);
    behind.beginAt(next, following, mark);
    this.standing = passed(this.base, this.settled);
    return behind;
  }

  /** Counted on from a draw whose own count nothing tells: it failed, was rolled back, or could not be asked for, but it did draw. */
  isDoubtful(draw: Pick<Draw, 'order'>): boolean {
    for (let index = this.settled.length - 1; index >= 0; index--) {
      const before = this.settled[index]!;
      if (before.order >= draw.order) continue;
      if (before.min < before.max && !before.maybe) return true;
      if (isShown(before) && !before.isUnproven) return false;
    }
    return false;
  }

  /** Whether something rests on the count of a draw that is known by now. */
  private isInDoubtBehind(at: number): boolean {
    for (let index = at + 1; index < this.settled.length; index++) {
      const { isUnproven, min, max } = this.settled[index]!;
      if (isUnproven || min < max) return isUnproven;
    }
    return false;
  }

  private solveAgain(following: readonly Draw[], mark: Mark | null): void {
    this.solve(following, mark);
    this.standing = passed(this.base, this.settled);
  }

  /** Moves the draws behind one whose count changed; false when later shown values speak against it. */
  private moveBehind(at: number, change: number, following: readonly Draw[]): boolean {
    for (let index = at + 1; index < this.settled.length; index++)
      if (this.settled[index]!.group.shown.size > 0) return false;
    for (const draw of following) if (draw.group.shown.size > 0) return false;
    for (let index = at + 1; index < this.settled.length; index++) {
      const draw = this.settled[index]!;
      if (draw.slot !== null) draw.slot += change;
    }
    if (this.standing.next !== null) this.standing.next += change;
    return true;
  }

  private slotOf(value: bigint): number | null {
    return this.origin === null ? null : toSlot(this.origin, this.step, value);
  }
}

/** Place of a value in steps from an origin; null: it is none. */
export function toSlot(origin: bigint, increment: bigint, value: bigint): number | null {
  const distance = value - origin;
  if (distance % increment !== 0n) return null;
  const slot = Number(distance / increment);
  return Number.isSafeInteger(slot) ? slot : null;
}

/** What stands behind settled draws. */
function passed(before: Standing, draws: readonly Draw[]): Standing {
  let { floor } = before;
  let { isOpen = false } = before;
  let next: number | null = null;
  let shown = false;
  for (const draw of draws) {
    if (draw.slot === null) continue;
    next = Math.max(next ?? draw.slot, draw.slot + draw.count);
    if (!isShown(draw)) continue;
    shown = true;
    isOpen = draw.isUnproven;
    floor = Math.max(floor ?? draw.slot, draw.slot + draw.min);
  }
  // Shown values prove the target's own place, or a count, wrong where they lie below it.
  if (next === null || (before.next !== null && !shown))
    next = next === null ? before.next : Math.max(next, before.next!);
  return { next, floor, isOpen };
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
