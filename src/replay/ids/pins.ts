import { ceilings } from './ceilings.ts';
import type { Draw, Stretch } from './draw.ts';
import { firstWhere } from './first-where.ts';

/** Draws looked at on either side for spans that meet. */
const NEIGHBOURS = 64;
/** Values that a statement or two which the record misses may have drawn. */
const SLACK = 8;
/** Values that a draw of unknown count is believed to have taken without further evidence. */
const MOST_GROWTH = 64;
/** Draws that must bear a jump out. */
const WITNESSES = 3;

/**
 * First values of the draws that later statements have shown. Also tells where the stretch begins when nothing
 * else does.
 */
export function pinShown(draws: readonly Draw[], stretch: Stretch): ReadonlyMap<Draw, number> {
  return new Pins(draws, stretch).find();
}

interface Shown {
  readonly slot: number;
  readonly strong: boolean;
}

/** A group's shown values, and where its draws stand among all: each value may be any one's. */
interface Claim {
  readonly asShown: readonly Shown[];
  /** In the order of values. */
  readonly shown: readonly Shown[];
  /** Values that were shown behind later groups of the session. */
  readonly perhaps: ReadonlySet<number>;
  readonly places: number[];
  /** Of those draws whose count is certain. */
  readonly certain: number[];
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

class Pins {
  private readonly draws: readonly Draw[];
  private readonly stretch: Stretch;
  /** Values counted before each draw. */
  private readonly before: number[] = [];
  private readonly pinned = new Map<Draw, number>();
  private readonly taken = new Set<number>();
  private ceiling: (draw: Draw) => number;
  private readonly claims = new Map<Draw['group'], Claim>();
  /** Claims on a shown value, those that reach furthest last. */
  private readonly claimants = new Map<number, Claim[]>();
  /** `overlapping` of each draw, once it was counted. */
  private readonly overlaps = { before: [] as number[], behind: [] as number[] };

  constructor(draws: readonly Draw[], stretch: Stretch) {
    this.draws = draws;
    this.stretch = stretch;
    this.ceiling = ceilings(draws, this.pinned, stretch.to);
    let count = 0;
    draws.forEach((draw, index) => {
      this.before.push(count);
      count += draw.count;
      const claim = this.claimOf(draw);
      claim.places.push(index);
      if (!isUncertain(draw)) claim.certain.push(index);
    });
    for (const claim of [...this.claims.values()].sort((one, other) => one.places.at(-1)! - other.places.at(-1)!)) {
      for (const { slot } of claim.shown) {
        const list = this.claimants.get(slot);
        if (list === undefined) this.claimants.set(slot, [claim]);
        else list.push(claim);
      }
    }
  }

  find(): ReadonlyMap<Draw, number> {
    let start = this.stretch.from;
    if (start === null) start = this.firstShown();
    else if (this.stretch.floor === null) start += this.shiftBack(start);
    if (start !== null) {
      // First those that were alone in front of what was shown; the rest then has bounds to fit into.
      this.pass(start, (draw) => this.claimOf(draw).places.length === 1);
      this.ceiling = ceilings(this.draws, this.pinned, this.stretch.to);
      this.pass(start, (draw) => this.claimOf(draw).places.length > 1);
    }
    return this.pinned;
  }

  private claimOf({ group }: Draw): Claim {
    let claim = this.claims.get(group);
    if (claim === undefined) {
      const asShown = [...(group.blind ? [] : group.shown)].flatMap(([value, strong]) => {
        const slot = this.stretch.toSlot(value);
        return slot === null ? [] : [{ slot, strong }];
      });
      const perhaps = new Set<number>();
      for (const value of group.perhaps) {
        const slot = this.stretch.toSlot(value);
        if (slot !== null) perhaps.add(slot);
      }
      claim = { asShown, shown: [...asShown].sort((a, b) => a.slot - b.slot), perhaps, places: [], certain: [] };
      this.claims.set(group, claim);
    }
    return claim;
  }

  /** With nothing else to start from, the first draw that a value was shown behind gave the highest of them. */
  private firstShown(): number | null {
    const to = this.stretch.to ?? Number.POSITIVE_INFINITY;
    for (const [index, draw] of this.draws.entries()) {
      const { shown, places } = this.claimOf(draw);
      const last = shown[firstAbove(shown, to) - 1];
      if (last === undefined) continue;
      const siblings = places.reduce((sum, place) => sum + this.draws[place]!.count, 0);
      return last.slot - Math.max(siblings - 1, 0) - this.before[index]!;
    }
    return this.stretch.to === null ? null : this.stretch.to - this.counted();
  }

  private counted(): number {
    const last = this.draws.length - 1;
    return last < 0 ? 0 : this.before[last]! + this.draws[last]!.count;
  }

  /**
   * The target's sequence may stand behind the record's (a copy taken later). Values below it are taken for
   * rows older than the draw, unless draws of at least two transactions, or groups of autocommit draws, agree on how
   * far the record's sequence was behind: what a single one shows may be neighbours among the older rows.
   */
  private shiftBack(start: number): number {
    const votes = new Map<number, { count: number; readonly voters: Set<Draw['group'] | string> }>();
    let atPlace = 0;
    for (const [index, draw] of this.draws.slice(0, NEIGHBOURS).entries()) {
      for (const { slot } of this.claimOf(draw).asShown) {
        const shift = slot - (start + this.before[index]!);
        if (shift >= 0) {
          if (shift <= 2) atPlace += 1;
          continue;
        }
        const vote = votes.get(shift) ?? { count: 0, voters: new Set() };
        vote.count += 1;
        vote.voters.add(draw.group.transaction ?? draw.group);
        votes.set(shift, vote);
      }
    }
    let best = { shift: 0, count: 0 };
    for (const [shift, { count, voters }] of votes) if (voters.size >= 2 && count > best.count) best = { shift, count };
    return best.count > atPlace ? best.shift : 0;
  }

  /** Counts through all draws and pins those that `takes`. */
  private pass(start: number, takes: (draw: Draw) => boolean): void {
    const state: Counting = {
      next: start,
      floor: this.stretch.floor ?? Number.NEGATIVE_INFINITY,
      doubtful: 0,
      growth: 0,
    };
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
        const first = (takes(draw) ? this.shownFirst(index, state) : null) ?? this.shownLater(index, state);
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
      // One whose end is unknown is never seen to have ended.
      if (draw.end < Number.POSITIVE_INFINITY) running.push(draw);
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

  /** Where a draw began by what was shown behind it; null: nothing shown belongs to it. */
  private shownFirst(index: number, state: Counting): number | null {
    const draw = this.draws[index]!;
    const { shown } = this.claimOf(draw);
    if (shown.length === 0) return null;
    const length = Math.max(draw.count, 1);
    const { next: expect, growth } = state;
    // Before anything was pinned, only doubtful counts and draws at the same time speak for a value below.
    const low =
      state.floor > Number.NEGATIVE_INFINITY ? state.floor : expect - state.doubtful - 2 * this.overlapping(index, -1);
    const ceiling = this.ceiling(draw);
    const from = firstAbove(shown, low - 1);
    const to = firstAbove(shown, ceiling - 1);
    const mine = ({ slot }: Shown) => !this.taken.has(slot) && this.isNearest(index, slot, expect);
    const nearest = this.nearestOf(index, expect, { from, to }, mine);
    if (nearest === null) return null;
    // A jump further than uncertain counts, pinned draws and those that ran at the same time explain needs witnesses.
    const far = expect + length - 1 + growth + this.overlapping(index, 1) + SLACK;
    if (
      nearest.slot > far &&
      nearest.slot - this.takenBetween(expect, nearest.slot) > far &&
      !this.bearsOut(index, nearest, expect)
    )
      return null;
    if (length === 1) return nearest.slot;
    const within = shown
      .slice(
        Math.max(from, firstAbove(shown, nearest.slot - length)),
        Math.min(to, firstAbove(shown, nearest.slot + length - 1)),
      )
      .filter(mine);
    const distance = (slot: number) => distanceTo(slot, expect, length);
    within.sort((a, b) => distance(a.slot) - distance(b.slot) || a.slot - b.slot);
    let lowest = nearest.slot;
    let highest = nearest.slot;
    for (const { slot } of within) {
      if (Math.max(highest, slot) - Math.min(lowest, slot) >= length) continue;
      lowest = Math.min(lowest, slot);
      highest = Math.max(highest, slot);
    }
    return Math.min(Math.max(expect, highest - length + 1), lowest);
  }

  /**
   * Where a draw began by what its session showed only behind later ones: for these it would be a value from before them. Only
   * what counting says without any doubt is taken for it.
   */
  private shownLater(index: number, { next, floor, doubtful, growth }: Counting): number | null {
    const draw = this.draws[index]!;
    const { perhaps } = this.claimOf(draw);
    const doubts = isUncertain(draw) || doubtful > 0 || growth > 0 || floor === Number.NEGATIVE_INFINITY;
    if (perhaps.size === 0 || doubts || next + draw.count > this.ceiling(draw)) return null;
    if (this.overlapping(index, 1) + this.overlapping(index, -1) > 0) return null;
    for (let slot = next; slot < next + Math.min(draw.count, MOST_GROWTH); slot++)
      if (perhaps.has(slot) && !this.taken.has(slot)) return next;
    return null;
  }

  /** Of the values shown behind a draw that may be its own, the one nearest to what it gives by counting. */
  private nearestOf(
    index: number,
    expect: number,
    possible: { readonly from: number; readonly to: number },
    mine: (shown: Shown) => boolean,
  ): Shown | null {
    const { shown } = this.claimOf(this.draws[index]!);
    const last = expect + Math.max(this.draws[index]!.count, 1) - 1;
    const at = Math.min(Math.max(firstAbove(shown, expect - 1), possible.from), possible.to);
    let before = at - 1;
    while (before >= possible.from && !mine(shown[before]!)) before -= 1;
    const below = before < possible.from ? null : shown[before]!;
    const reach = Math.max(last, this.reach(index, expect));
    const to = below === null ? reach : Math.min(reach, last + (expect - below.slot) - 1);
    for (let behind = at; behind < possible.to && shown[behind]!.slot <= to; behind++)
      if (mine(shown[behind]!)) return shown[behind]!;
    return below;
  }

  /** From where on values lie nearer to a later draw of the group, whatever they are: see `isNearest`. */
  private reach(index: number, expect: number): number {
    const draw = this.draws[index]!;
    const { places, certain } = this.claimOf(draw);
    const others = isUncertain(draw) ? places : certain;
    const end = this.countedEnd(index);
    const next = others[firstWhere(others.length, (at) => others[at]! > index && this.countedEnd(others[at]!) > end)];
    if (next === undefined) return Number.POSITIVE_INFINITY;
    return expect + (this.before[next]! + end) / 2 - this.before[index]!;
  }

  /** The last value of a draw by counting through all of them. */
  private countedEnd(index: number): number {
    return this.before[index]! + Math.max(this.draws[index]!.count, 1) - 1;
  }

  private takenBetween(from: number, to: number): number {
    let count = 0;
    for (let slot = from; slot < to && slot < from + 16 * NEIGHBOURS; slot++) if (this.taken.has(slot)) count += 1;
    return count;
  }

  /** Values of the neighbours on one side (-1 before, 1 behind) that ran at the same time. */
  private overlapping(index: number, side: 1 | -1): number {
    const known = side > 0 ? this.overlaps.behind : this.overlaps.before;
    known[index] ??= this.countOverlapping(index, side);
    return known[index];
  }

  private countOverlapping(index: number, side: 1 | -1): number {
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
    // Later draws are counted above, and so further from what lies below.
    if (own === 0 || slot < expect) return true;
    const counted = slot - expect + this.before[index]!;
    const claims = this.claimants.get(slot) ?? [];
    for (let at = claims.length - 1; at >= 0 && claims[at]!.places.at(-1)! > index; at--) {
      const { places, certain } = claims[at]!;
      // Of several in a group, those that come later are not pinned yet.
      if (places.length === 1 && this.pinned.has(this.draws[places[0]!]!)) continue;
      if (this.distanceToLater(isUncertain(draw) ? places : certain, index, counted) < own) return false;
    }
    return true;
  }

  /** How far a value lies from the nearest of those draws that come behind another one, by counting through all of them. */
  private distanceToLater(places: readonly number[], index: number, counted: number): number {
    const from = firstWhere(places.length, (at) => places[at]! > index);
    const above = firstWhere(places.length, (at) => at >= from && this.before[places[at]!]! > counted);
    let distance = above < places.length ? this.before[places[above]!]! - counted : Number.POSITIVE_INFINITY;
    if (above > from) distance = Math.min(distance, Math.max(counted - this.countedEnd(places[above - 1]!), 0));
    return distance;
  }

  /** Whether the draws that follow show values further on too. */
  private bearsOut(index: number, shown: Shown, expect: number): boolean {
    const jump = shown.slot - expect;
    let agree = 0;
    let disagree = 0;
    for (
      let at = index + 1;
      at < this.draws.length && agree + disagree < WITNESSES && at - index < 4 * NEIGHBOURS;
      at++
    ) {
      const counted = expect + this.before[at]! - this.before[index]!;
      const near = 2 + this.overlapping(at, 1) + this.overlapping(at, -1);
      const showsNear = ({ shown: others }: Claim, slot: number) =>
        firstAbove(others, slot - near - 1) < firstAbove(others, slot + near);
      const claim = this.claimOf(this.draws[at]!);
      if (showsNear(claim, counted + jump)) agree += 1;
      else if (showsNear(claim, counted)) disagree += 1;
    }
    return shown.strong ? agree >= disagree : agree > 0 && disagree === 0;
  }
}

/** Index of the first shown value above a slot. */
function firstAbove(shown: readonly Shown[], slot: number): number {
  return firstWhere(shown.length, (at) => shown[at]!.slot > slot);
}

function isUncertain(draw: Draw): boolean {
  return draw.min < draw.max;
}

function distanceTo(slot: number, first: number, length: number): number {
  if (slot < first) return first - slot;
  return slot > first + length - 1 ? slot - (first + length - 1) : 0;
}
