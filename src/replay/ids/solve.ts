import type { Draw } from './draw.ts';

/** Where a stretch of draws begins and ends, in values from the origin. */
export interface Stretch {
  /** What the first draw would give by counting; null: unknown. */
  readonly from: number | null;
  /**
   * What no draw can be below, as the record has shown; null: it has shown nothing yet, and `from` is the
   * target's own place, which may not be the record's.
   */
  readonly floor: number | null;
  /** What the sequence gave next behind the last draw, where that is known. */
  readonly to: number | null;
  /** Place of a shown value; null: it cannot come from this sequence. */
  toSlot(value: bigint): number | null;
}

/** Draws looked at on either side for spans that meet. */
const NEIGHBOURS = 64;
/** Values that a draw of unknown count is believed to have taken without further evidence. */
const MOST_GROWTH = 64;
/** Draws that must bear a jump out. */
const WITNESSES = 3;

/**
 * Gives every draw of a stretch its place. Draws come in the order in which their statements started; a
 * sequence gives each value once, in order, so places follow from counting, except that
 *
 * - draws whose statements ran at the same time may have changed places;
 * - some draws are miscounted (failed in the middle, rows unknown) and some are not in the record at all.
 *
 * Values shown by later statements pin draws down. Of the draws between two pinned ones, counting settles the
 * places when it comes out even. When it does not, a neighbour that ran at the same time as the pinned draw
 * takes its place on the other side if the count comes out there; else an uncertain count is bent; else the
 * rest is unsettled, and what was shown wins.
 *
 * Returns what the sequence gives next behind the last draw; null: unknown.
 */
export function solve(draws: readonly Draw[], stretch: Stretch): number | null {
  return new Solver(draws, stretch).solve();
}

interface Shown {
  readonly slot: number;
  readonly strong: boolean;
}

/** Where counting through the draws has come to. */
interface Counting {
  /** What the next draw gives by counting. */
  next: number;
  /** What it cannot be below: pinned draws had ended before it started. */
  floor: number;
  /** Counted since the last pinned draw, but perhaps not drawn; and perhaps drawn, but not counted. */
  doubtful: number;
  growth: number;
}

/** Unpinned draws and the pinned one that ends them. */
interface Run {
  readonly draws: Draw[];
  readonly pin: Draw | null;
}

class Solver {
  private readonly draws: readonly Draw[];
  private readonly stretch: Stretch;
  /** Values counted before each draw. */
  private readonly before: number[] = [];
  private readonly place = new Map<Draw, number>();
  private readonly pinned = new Map<Draw, number>();
  private readonly taken = new Set<number>();
  private readonly sizes = new Map<Draw['group'], number>();
  private readonly homeless: Draw[] = [];
  private ceilings: number[] | null = null;
  private readonly shown = new Map<Draw['group'], readonly Shown[]>();
  /** Draws that a shown value may belong to. */
  private readonly claimants = new Map<number, Draw[]>();

  constructor(draws: readonly Draw[], stretch: Stretch) {
    this.draws = draws;
    this.stretch = stretch;
    let count = 0;
    draws.forEach((draw, index) => {
      // An earlier solving, which knew less, may have bent it.
      draw.count = draw.guess;
      this.before.push(count);
      this.place.set(draw, index);
      count += draw.count;
      for (const { slot } of this.shownBy(draw)) {
        const list = this.claimants.get(slot);
        if (list === undefined) this.claimants.set(slot, [draw]);
        else list.push(draw);
      }
    });
  }

  solve(): number | null {
    let start = this.stretch.from;
    if (start === null) start = this.firstShown();
    else if (this.stretch.floor === null) start += this.shiftBack(start);
    if (start !== null) this.pin(start);
    return this.fill(this.stretch.from === null ? null : start);
  }

  private shownBy(draw: Draw): readonly Shown[] {
    const { group } = draw;
    let shown = this.shown.get(group);
    if (shown === undefined) {
      shown = [...group.shown].flatMap(([value, strong]) => {
        const slot = this.stretch.toSlot(value);
        return slot === null ? [] : [{ slot, strong }];
      });
      this.shown.set(group, shown);
    }
    return shown;
  }

  /** With nothing else to start from, the first draw that a value was shown behind gave the highest of them. */
  private firstShown(): number | null {
    for (const [index, draw] of this.draws.entries()) {
      const shown = this.shownBy(draw).filter(({ slot }) => slot <= (this.stretch.to ?? Number.POSITIVE_INFINITY));
      if (shown.length === 0) continue;
      const last = Math.max(...shown.map(({ slot }) => slot));
      const siblings = draw.group.draws.filter((other) => this.place.has(other)).reduce((sum, { count }) => sum + count, 0);
      return last - Math.max(siblings - 1, 0) - this.before[index]!;
    }
    return this.stretch.to === null ? null : this.stretch.to - this.counted();
  }

  private counted(): number {
    const last = this.draws.length - 1;
    return last < 0 ? 0 : this.before[last]! + this.draws[last]!.count;
  }

  /**
   * The target's sequence may stand behind the record's (a copy taken later). Values below it are taken for
   * rows older than the draw, unless at least two draws agree on how far the record's sequence was behind.
   */
  private shiftBack(start: number): number {
    const votes = new Map<number, number>();
    let atPlace = 0;
    for (const [index, draw] of this.draws.slice(0, NEIGHBOURS).entries()) {
      const shifts = new Set(this.shownBy(draw).map(({ slot }) => slot - (start + this.before[index]!)));
      for (const shift of shifts) {
        if (shift < 0) votes.set(shift, (votes.get(shift) ?? 0) + 1);
        else if (shift <= 2) atPlace += 1;
      }
    }
    const [shift, count] = [...votes].reduce((best, vote) => (vote[1] > best[1] ? vote : best), [0, 0]);
    return count >= 2 && count > atPlace ? shift : 0;
  }

  /**
   * Decides which draws are pinned by a shown value. First those that were alone in front of what was shown; the
   * rest then has bounds to fit into.
   */
  private pin(start: number): void {
    this.pass(start, (draw) => this.present(draw.group) === 1);
    this.ceilings = null;
    this.pass(start, (draw) => this.present(draw.group) > 1);
  }

  /** Counts through all draws and pins those that `takes`. */
  private pass(start: number, takes: (draw: Draw) => boolean): void {
    const state: Counting = { next: start, floor: this.stretch.floor ?? Number.NEGATIVE_INFINITY, doubtful: 0, growth: 0 };
    // Pinned draws that may still have been running.
    let running: Draw[] = [];
    for (const [index, draw] of this.draws.entries()) {
      running = running.filter((other) => {
        if (other.end >= draw.start) return true;
        // Whoever starts after a draw has ended draws behind it.
        state.floor = Math.max(state.floor, this.endOf(other));
        return false;
      });
      state.next = Math.max(state.next, state.floor);
      while (this.taken.has(state.next) && !this.pinned.has(draw)) state.next += 1;
      if (!this.pinned.has(draw)) {
        const first = takes(draw) ? this.shownFirst(index, state) : null;
        if (first === null) {
          state.next += draw.count;
          state.doubtful += draw.count - draw.min;
          state.growth += Math.min(draw.max - draw.count, MOST_GROWTH);
          continue;
        }
        this.pinned.set(draw, first);
        const length = Math.max(draw.count, 1);
        for (let slot = first; slot < first + Math.min(length, 10_000); slot++) this.taken.add(slot);
        draw.certainty = first === state.next ? 'CONFIRMED' : 'CORRECTED';
      }
      running.push(draw);
      const first = this.pinned.get(draw)!;
      // One that jumped ahead of draws that ran at the same time leaves its place to them; any other moves the count.
      if (first <= state.next || first > state.next + this.overlapping(index, 1)) state.next = this.endOf(draw);
      state.doubtful = 0;
      state.growth = Math.min(draw.max - draw.count, MOST_GROWTH);
    }
  }

  private endOf(pinned: Draw): number {
    return this.pinned.get(pinned)! + Math.max(pinned.count, 1);
  }

  private present(group: Draw['group']): number {
    let count = this.sizes.get(group);
    if (count === undefined) {
      count = group.draws.reduce((sum, draw) => sum + (this.place.has(draw) ? 1 : 0), 0);
      this.sizes.set(group, count);
    }
    return count;
  }

  /** Lowest first value of the pinned draws that started after this one had ended: it drew below that. */
  private ceiling(draw: Draw): number {
    if (this.ceilings === null) {
      this.ceilings = new Array<number>(this.draws.length + 1).fill(this.stretch.to ?? Number.POSITIVE_INFINITY);
      for (let index = this.draws.length - 1; index >= 0; index--) {
        this.ceilings[index] = Math.min(this.ceilings[index + 1]!, this.pinned.get(this.draws[index]!) ?? Number.POSITIVE_INFINITY);
      }
    }
    let low = 0;
    let high = this.draws.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.draws[middle]!.start > draw.end) high = middle;
      else low = middle + 1;
    }
    return this.ceilings[low]!;
  }

  /** Where a draw began by what was shown behind it; null: nothing shown belongs to it. */
  private shownFirst(index: number, state: Counting): number | null {
    const draw = this.draws[index]!;
    const all = this.shownBy(draw);
    if (all.length === 0) return null;
    const length = Math.max(draw.count, 1);
    const { next: expect, growth } = state;
    // Before anything was pinned, only doubtful counts and draws at the same time speak for a value below.
    const low = state.floor > Number.NEGATIVE_INFINITY ? state.floor : expect - state.doubtful - 2 * this.overlapping(index, -1);
    const ceiling = this.ceiling(draw);
    const mine = all.filter(
      ({ slot }) => slot >= low && slot < ceiling && !this.taken.has(slot) && this.isNearest(index, slot, expect),
    );
    if (mine.length === 0) return null;
    const distance = (slot: number) => distanceTo(slot, expect, length);
    mine.sort((a, b) => distance(a.slot) - distance(b.slot) || a.slot - b.slot);
    const nearest = mine[0]!;
    // A jump further than uncertain counts and the draws that ran at the same time explain needs witnesses.
    if (nearest.slot > expect + length - 1 + growth + this.overlapping(index, 1) && !this.bearsOut(index, nearest, expect)) return null;
    let lowest = nearest.slot;
    let highest = nearest.slot;
    for (const { slot } of mine) {
      if (Math.max(highest, slot) - Math.min(lowest, slot) >= length) continue;
      lowest = Math.min(lowest, slot);
      highest = Math.max(highest, slot);
    }
    return Math.min(Math.max(expect, highest - length + 1), lowest);
  }

  /** Values of the neighbours on one side (-1 before, 1 behind) that ran at the same time. */
  private overlapping(index: number, side: 1 | -1): number {
    const draw = this.draws[index]!;
    let count = 0;
    for (let step = 1; step <= NEIGHBOURS; step++) {
      const other = this.draws[index + side * step];
      if (other === undefined) break;
      if (side > 0 ? other.start <= draw.end : other.end >= draw.start) count += Math.max(other.count, 1);
      else if (side > 0) break;
    }
    return count;
  }

  /**
   * No later draw that the value may belong to is counted nearer to it. Draws of triggers and functions, whose
   * values clients seldom see, stand back behind a plain one.
   */
  private isNearest(index: number, slot: number, expect: number): boolean {
    const draw = this.draws[index]!;
    const own = distanceTo(slot, expect, Math.max(draw.count, 1));
    if (own === 0) return true;
    return (this.claimants.get(slot) ?? []).every((other) => {
      const place = this.place.get(other)!;
      if (place <= index || this.pinned.has(other) || (isUncertain(other) && !isUncertain(draw))) return true;
      return distanceTo(slot, expect + this.before[place]! - this.before[index]!, Math.max(other.count, 1)) >= own;
    });
  }

  /** Whether the draws that follow show values further on too. */
  private bearsOut(index: number, shown: Shown, expect: number): boolean {
    const jump = shown.slot - expect;
    let agree = 0;
    let disagree = 0;
    for (let at = index + 1; at < this.draws.length && agree + disagree < WITNESSES && at - index < 4 * NEIGHBOURS; at++) {
      const counted = expect + this.before[at]! - this.before[index]!;
      const near = 2 + this.overlapping(at, 1) + this.overlapping(at, -1);
      const slots = this.shownBy(this.draws[at]!);
      if (slots.some(({ slot }) => Math.abs(slot - counted - jump) <= near)) agree += 1;
      else if (slots.some(({ slot }) => Math.abs(slot - counted) <= near)) disagree += 1;
    }
    return shown.strong ? agree >= disagree : agree > 0 && disagree === 0;
  }

  /** Gives places to all draws; returns what comes next. */
  private fill(start: number | null): number | null {
    const runs = this.runs();
    let next = start;
    // Of an uncertain pinned draw, the count may be bent as that of the draws behind it.
    let behind: Draw | null = null;
    for (const [index, run] of runs.entries()) {
      const end = run.pin === null ? this.stretch.to : this.pinned.get(run.pin)!;
      if (end === null) {
        next = this.count(run.draws, next, 'COUNTED');
        if (next !== null) next = this.house(next, Number.POSITIVE_INFINITY);
        break;
      }
      if (next === null) this.count(run.draws, end - total(run.draws), 'BETWEEN');
      else this.settle(run, runs[index + 1] ?? null, next, end, behind);
      if (run.pin === null) next = end;
      else {
        run.pin.slot = end;
        next = end + run.pin.count;
        behind = run.pin;
      }
    }
    return next;
  }

  private runs(): Run[] {
    const order: Draw[] = [];
    for (const draw of this.draws) {
      const slot = this.pinned.get(draw);
      let at = order.length;
      // Among pinned draws, the values tell the order.
      if (slot !== undefined) {
        for (let index = order.length - 1; index >= 0 && order.length - index <= NEIGHBOURS; index--) {
          const other = this.pinned.get(order[index]!);
          if (other === undefined) continue;
          if (other < slot) break;
          at = index;
        }
      }
      order.splice(at, 0, draw);
    }
    const runs: Run[] = [];
    let draws: Draw[] = [];
    for (const draw of order) {
      if (!this.pinned.has(draw)) draws.push(draw);
      else {
        runs.push({ draws, pin: draw });
        draws = [];
      }
    }
    runs.push({ draws, pin: null });
    return runs;
  }

  /** Settles the draws of a run in the values from `from` up to `to`. */
  private settle(run: Run, following: Run | null, from: number, to: number, behind: Draw | null): void {
    const { draws, pin } = run;
    const room = to - from;
    let spare = this.spareBehind(run, following) ?? Number.NaN;
    let excess = total(draws) - room;
    const bendable = behind === null ? draws : [behind, ...draws];
    // With nothing further on to check it by, an uncertain count explains more than a change of places.
    const mayBend = Number.isNaN(spare) && canBend(bendable, excess);
    if (pin !== null && following !== null && !mayBend) {
      // Drew behind the pinned draw although it started before it.
      while (excess > 0 && draws.length > 0) {
        const last = draws.at(-1)!;
        if (last.end < pin.start || last.count > excess || last.count > spare) break;
        draws.pop();
        following.draws.unshift(last);
        excess -= last.count;
        spare -= last.count;
      }
      // Drew before it although it started later.
      while (excess < 0 && following.draws.length > 0) {
        const first = following.draws[0]!;
        if (first.start > pin.end || first.count > -excess || spare >= 0) break;
        following.draws.shift();
        draws.push(first);
        excess += first.count;
        spare += first.count;
      }
    }
    if (excess === 0) {
      this.count(draws, from, 'BETWEEN');
      return;
    }
    const bent = this.bend(behind === null ? draws : [behind, ...draws], excess);
    // A count of the pinned draw before that was bent moves what follows it.
    const start = behind === null ? from : Math.max(from, this.pinned.get(behind)! + behind.count);
    const left = excess + bent.by;
    // More draws than values: the last ones must find others, which are nobody's.
    for (let over = left; over > 0 && draws.length > 0; ) {
      const last = draws.pop()!;
      this.homeless.push(last);
      over -= last.count;
    }
    const next = this.count(draws, start, left === 0 && bent.ways === 1 ? 'BETWEEN' : 'UNSETTLED')!;
    this.house(next, to);
  }

  /** Values left over between the run's pinned draw and the next one; negative: too few; null: there is no next (NaN compares with nothing). */
  private spareBehind(run: Run, following: Run | null): number | null {
    if (run.pin === null || following === null) return null;
    const end = following.pin === null ? this.stretch.to : this.pinned.get(following.pin)!;
    if (end === null) return null;
    return end - (this.pinned.get(run.pin)! + run.pin.count) - total(following.draws);
  }

  /** Bends uncertain counts so that `excess` values fewer (or more, when negative) are drawn; gives the change. */
  private bend(draws: readonly Draw[], excess: number): { readonly by: number; readonly ways: number } {
    let by = 0;
    let ways = 0;
    for (const draw of draws) {
      const space = excess > 0 ? draw.count - draw.min : draw.max - draw.count;
      if (space <= 0) continue;
      ways += 1;
      const change = Math.min(space, Math.abs(excess + by));
      if (change === 0) continue;
      draw.count += excess > 0 ? -change : change;
      by += excess > 0 ? -change : change;
    }
    return { by, ways };
  }

  private count(draws: readonly Draw[], from: number | null, certainty: 'BETWEEN' | 'COUNTED' | 'UNSETTLED'): number | null {
    let next = from;
    for (const draw of draws) {
      draw.slot = next;
      draw.certainty = next === null ? 'UNSETTLED' : certainty;
      if (next !== null) next += draw.count;
    }
    return next;
  }

  /** Gives values that nothing else takes to draws that had to leave their place. */
  private house(from: number, to: number): number {
    let next = from;
    while (this.homeless.length > 0 && next + this.homeless[0]!.count <= to) {
      const draw = this.homeless.shift()!;
      this.count([draw], next, 'UNSETTLED');
      next += draw.count;
    }
    return next;
  }
}

function canBend(draws: readonly Draw[], excess: number): boolean {
  const space = draws.reduce((sum, { count, min, max }) => sum + (excess > 0 ? count - min : max - count), 0);
  return space >= Math.abs(excess);
}

function isUncertain(draw: Draw): boolean {
  return draw.min < draw.max;
}

function total(draws: readonly Draw[]): number {
  return draws.reduce((sum, { count }) => sum + count, 0);
}

function distanceTo(slot: number, first: number, length: number): number {
  if (slot < first) return first - slot;
  return slot > first + length - 1 ? slot - (first + length - 1) : 0;
}

