import { ceilings } from './ceilings.ts';
import type { Draw, Stretch } from './draw.ts';

/**
 * Gives places to all draws: the pinned ones theirs, the others the values in between. A draw that ended before
 * a pinned one started lies below it, one that started after it ended lies above; one that ran at the same time
 * lies where the count comes out even. Where that is no help, an uncertain count is bent; what is left over is
 * unsettled, and no value is given twice.
 *
 * Returns what comes next; null: unknown.
 */
export function placeDraws(draws: readonly Draw[], stretch: Stretch, pinned: ReadonlyMap<Draw, number>): number | null {
  return new Places(draws, stretch, pinned).fill();
}

/** The values between two pinned draws. */
interface Gap {
  /** Null: nobody knows. */
  readonly from: number | null;
  readonly to: number;
  readonly below: Draw | null;
  readonly above: Draw | null;
}

class Places {
  private readonly stretch: Stretch;
  private readonly pins: readonly Draw[];
  private readonly slots: ReadonlyMap<Draw, number>;
  private readonly ceiling: (draw: Draw) => number;
  /** Draws without a place, in order; what is placed at their beginning is cut off now and then. */
  private waiting: Draw[];
  private readonly placed = new Set<Draw>();
  /** Draws that had to leave their place. */
  private readonly homeless: Draw[] = [];

  constructor(draws: readonly Draw[], stretch: Stretch, pinned: ReadonlyMap<Draw, number>) {
    this.stretch = stretch;
    this.slots = pinned;
    this.pins = draws.filter((draw) => pinned.has(draw)).sort((a, b) => pinned.get(a)! - pinned.get(b)!);
    this.waiting = draws.filter((draw) => !pinned.has(draw));
    this.ceiling = ceilings(draws, pinned, stretch.to);
  }

  fill(): number | null {
    let next = this.stretch.from;
    let below: Draw | null = null;
    for (const [index, pin] of this.pins.entries()) {
      const to = this.slots.get(pin)!;
      pin.slot = to;
      this.settle({ from: next, to, below, above: pin }, this.pins[index + 1] ?? null);
      below = pin;
      next = to + pin.count;
    }
    const rest = this.waiting.filter((draw) => !this.placed.has(draw));
    const { to } = this.stretch;
    if (to === null) {
      next = count(rest, next, 'COUNTED');
      return next === null ? null : this.house(next, Number.POSITIVE_INFINITY);
    }
    if (next === null) count(rest, to - total(rest), 'BETWEEN');
    else this.fit({ from: next, to, below, above: null }, rest);
    return to;
  }

  private settle(gap: Gap, following: Draw | null): void {
    const above = gap.above!;
    const { must, may } = this.around(gap, above);
    if (gap.from === null) {
      count(must, gap.to - total(must), 'BETWEEN');
      for (const draw of must) this.placed.add(draw);
      return;
    }
    let room = gap.to - gap.from - total(must);
    // With nothing further on to check it by, an uncertain count explains more than a change of places.
    const bends = room > 0 && space(must, gap.below, -room) >= room && this.fitsBehind(may, above, following);
    for (const draw of bends ? [] : may) {
      if (draw.count > room) continue;
      must.push(draw);
      room -= draw.count;
    }
    must.sort((a, b) => a.order - b.order);
    for (const draw of must) this.placed.add(draw);
    this.fit(gap, must);
  }

  /** Draws that lie below a pinned one, and those that may: they ran at the same time. */
  private around(gap: Gap, above: Draw): { readonly must: Draw[]; readonly may: Draw[] } {
    const must: Draw[] = [];
    const may: Draw[] = [];
    let seen = 0;
    for (const draw of this.waiting) {
      if (draw.start > above.end) break;
      seen += 1;
      if (this.placed.has(draw)) continue;
      if (this.ceiling(draw) <= gap.to) must.push(draw);
      else if (gap.below === null || gap.below.end >= draw.start || draw.start <= above.start) may.push(draw);
    }
    if (seen > SWEEP) this.waiting = this.waiting.filter((draw) => !this.placed.has(draw));
    return { must, may };
  }

  /** Whether the draws that may lie below a pinned one can as well lie between it and the next. */
  private fitsBehind(may: readonly Draw[], above: Draw, following: Draw | null): boolean {
    const end = following === null ? this.stretch.to : this.slots.get(following)!;
    if (end === null) return true;
    const from = this.slots.get(above)! + above.count;
    let needed = total(may);
    for (const draw of this.waiting) {
      if (following !== null && draw.start > following.end) break;
      if (!this.placed.has(draw) && draw.start > above.end && this.ceiling(draw) <= end) needed += draw.count;
    }
    return needed <= end - from;
  }

  /** Settles draws in a gap, in order. */
  private fit(gap: Gap, draws: Draw[]): void {
    const from = gap.from!;
    const excess = total(draws) - (gap.to - from);
    if (excess === 0) {
      count(draws, from, 'BETWEEN');
      return;
    }
    const bent = bend(gap.below === null ? draws : [gap.below, ...draws], excess);
    // A count of the pinned draw below that was bent moves what follows it.
    const start = gap.below === null ? from : Math.max(from, this.slots.get(gap.below)! + gap.below.count);
    let left = excess + bent.by;
    // More draws than values: the last ones must find others, which are nobody's.
    while (left > 0 && draws.length > 0) {
      const last = draws.pop()!;
      this.homeless.push(last);
      left -= last.count;
    }
    const next = count(draws, start, left === 0 && bent.ways <= 1 ? 'BETWEEN' : 'UNSETTLED')!;
    this.house(next, gap.to);
  }

  /** Gives values that nothing else takes to draws that had to leave their place; returns what comes next. */
  private house(from: number, to: number): number {
    let next = from;
    while (this.homeless.length > 0 && next + this.homeless[0]!.count <= to) {
      const draw = this.homeless.shift()!;
      count([draw], next, 'UNSETTLED');
      next += draw.count;
    }
    return next;
  }
}

/** Placed draws that may stand in the way of a sweep. */
const SWEEP = 256;

function total(draws: readonly Draw[]): number {
  return draws.reduce((sum, draw) => sum + draw.count, 0);
}

/** Places draws one after another; returns what comes next. */
function count(
  draws: readonly Draw[],
  from: number | null,
  certainty: 'BETWEEN' | 'COUNTED' | 'UNSETTLED',
): number | null {
  let next = from;
  for (const draw of draws) {
    draw.slot = next;
    draw.certainty = next === null ? 'UNSETTLED' : certainty;
    if (next !== null) next += draw.count;
  }
  return next;
}

/** How far uncertain counts can be bent down (`excess` above 0) or up. */
function space(draws: readonly Draw[], below: Draw | null, excess: number): number {
  const all = below === null ? draws : [below, ...draws];
  return all.reduce((sum, draw) => sum + (excess > 0 ? draw.count - draw.min : draw.max - draw.count), 0);
}

/** Bends uncertain counts so that `excess` values fewer (or more, when negative) are drawn; gives the change. */
function bend(draws: readonly Draw[], excess: number): { readonly by: number; readonly ways: number } {
  let by = 0;
  let ways = 0;
  for (const draw of draws) {
    const room = excess > 0 ? draw.count - draw.min : draw.max - draw.count;
    if (room <= 0) continue;
    ways += 1;
    const change = Math.min(room, Math.abs(excess + by)) * (excess > 0 ? -1 : 1);
    draw.count += change;
    by += change;
  }
  return { by, ways };
}
