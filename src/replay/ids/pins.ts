import { ceilings } from './ceilings.ts';
import { Claims, firstAbove, type Shown } from './claims.ts';
import { type Counting, Counts, NEIGHBOURS } from './counts.ts';
import { type Draw, isUncertain, type Stretch } from './draw.ts';
import { firstWhere } from './first-where.ts';
import { isTakenFrom } from './given-ids.ts';
import { OthersValues } from './others-values.ts';

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

class Pins {
  private readonly draws: readonly Draw[];
  private readonly stretch: Stretch;
  private readonly counts: Counts;
  private readonly claims: Claims;
  /** Null where counting has nothing to begin from. */
  private readonly others: OthersValues | null;
  private readonly pinned = new Map<Draw, number>();
  private readonly taken = new Set<number>();
  private ceiling: (draw: Draw) => number;

  constructor(draws: readonly Draw[], stretch: Stretch) {
    this.draws = draws;
    this.stretch = stretch;
    this.ceiling = ceilings(draws, this.pinned, stretch.to);
    this.counts = new Counts(draws);
    this.claims = new Claims(draws, stretch);
    this.others = stretch.from === null ? null : new OthersValues(draws, this.counts, this.claims);
  }

  find(): ReadonlyMap<Draw, number> {
    let start = this.stretch.from;
    if (start === null) start = this.firstShown();
    else if (this.stretch.floor === null) start += this.shiftBack(start);
    if (start !== null) {
      // First those that were alone in front of what was shown; the rest then has bounds to fit into.
      this.pass(start, (draw) => this.claims.of(draw).places.length === 1);
      this.ceiling = ceilings(this.draws, this.pinned, this.stretch.to);
      this.pass(start, (draw) => this.claims.of(draw).places.length > 1);
    }
    return this.pinned;
  }

  /** With nothing else to start from, the first draw that a value was shown behind gave the highest of them. */
  private firstShown(): number | null {
    const to = this.stretch.to ?? Number.POSITIVE_INFINITY;
    for (const [index, draw] of this.draws.entries()) {
      const { shown, places } = this.claims.of(draw);
      const last = shown.slice(0, firstAbove(shown, to)).findLast(({ given }) => isTakenFrom(draw, given) === null);
      if (last === undefined) continue;
      const siblings = places.reduce((sum, place) => sum + this.draws[place]!.count, 0);
      return last.slot - Math.max(siblings - 1, 0) - this.counts.before[index]!;
    }
    return this.stretch.to === null ? null : this.stretch.to - this.counts.all;
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
      for (const { slot, later, given } of this.claims.of(draw).asShown) {
        if (isTakenFrom(draw, given) !== null) continue;
        const counted = slot - start;
        if (counted >= 0 && counted < this.counts.before[index]! && this.counts.drawOf(counted, later) !== null)
          continue;
        const shift = counted - this.counts.before[index]!;
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
      if (first <= state.next || first > state.next + this.counts.overlapping(index, 1)) state.next = this.endOf(draw);
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
    const { shown } = this.claims.of(draw);
    if (shown.length === 0) return null;
    const length = Math.max(draw.count, 1);
    const { next: expect, doubtful, growth } = state;
    // Before anything was pinned, only doubtful counts and draws at the same time speak for a value below.
    const low =
      state.floor > Number.NEGATIVE_INFINITY
        ? state.floor
        : expect - state.doubtful - 2 * this.counts.overlapping(index, -1);
    const ceiling = this.ceiling(draw);
    const from = firstAbove(shown, low - 1);
    const to = firstAbove(shown, ceiling - 1);
    const isSure = doubtful + growth === 0 && this.stretch.from !== null && this.counts.overlapping(index, 1) === 0;
    const mine = (one: Shown) =>
      !this.taken.has(one.slot) &&
      !isTaken(draw, one, distanceTo(one.slot, expect, length)) &&
      this.isNearest(index, one.slot, expect, isSure) &&
      this.others?.has(one, index, state) !== true;
    const nearest = this.nearestOf(index, expect, { from, to }, mine);
    if (nearest === null) return null;
    // A jump further than uncertain counts, pinned draws and those that ran at the same time explain needs witnesses.
    const explained = expect + length - 1 + growth + this.counts.overlapping(index, 1);
    const isBeyond = (slot: number) =>
      nearest.slot > slot && nearest.slot - this.takenBetween(expect, nearest.slot) > slot;
    if (isBeyond(explained + SLACK)) {
      if (!this.bearsOut(index, nearest, expect)) return null;
    } else {
      // No key vouches for it, and counting gives another, as it would where a client has made it up.
      const isOdd = !nearest.strong && isBeyond(explained);
      const isGuessed = this.stretch.from === null && this.pinned.size === 0;
      const isDoubted =
        (isGuessed || doubtful + growth > 0) && (!nearest.strong || this.mayBeOthers(index, nearest.later));
      if (isOdd || isDoubted) {
        const { agree, disagree } = this.witnesses(index, nearest, expect);
        if (isOdd && (disagree > agree || (nearest.isUnchecked && agree === disagree))) return null;
        draw.isUnproven = agree === 0;
      }
    }
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
    const { perhaps } = this.claims.of(draw);
    const doubts = isUncertain(draw) || doubtful > 0 || growth > 0 || floor === Number.NEGATIVE_INFINITY;
    if (perhaps.size === 0 || doubts || next + draw.count > this.ceiling(draw)) return null;
    if (this.counts.overlapping(index, 1) + this.counts.overlapping(index, -1) > 0) return null;
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
    const { shown } = this.claims.of(this.draws[index]!);
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
    const { places, certain } = this.claims.of(draw);
    const others = isUncertain(draw) ? places : certain;
    const end = this.counts.end(index);
    const next = others[firstWhere(others.length, (at) => others[at]! > index && this.counts.end(others[at]!) > end)];
    if (next === undefined) return Number.POSITIVE_INFINITY;
    return expect + (this.counts.before[next]! + end) / 2 - this.counts.before[index]!;
  }

  private takenBetween(from: number, to: number): number {
    let count = 0;
    for (let slot = from; slot < to && slot < from + 16 * NEIGHBOURS; slot++) if (this.taken.has(slot)) count += 1;
    return count;
  }

  /**
   * No later draw that the value may belong to is counted nearer to it. Draws of triggers and functions, whose
   * values clients seldom see, stand back behind a plain one.
   */
  private isNearest(index: number, slot: number, expect: number, isSure: boolean): boolean {
    const draw = this.draws[index]!;
    const own = distanceTo(slot, expect, Math.max(draw.count, 1));
    // Later draws are counted above, and so further from what lies below.
    if (own === 0 || slot < expect) return true;
    const counted = slot - expect + this.counts.before[index]!;
    const claims = this.claims.on(slot);
    for (let at = claims.length - 1; at >= 0 && claims[at]!.places.at(-1)! > index; at--) {
      const { places, certain } = claims[at]!;
      // Of several in a group, those that come later are not pinned yet.
      if (places.length === 1 && this.pinned.has(this.draws[places[0]!]!)) continue;
      // Counts that nobody knows rather than values that are missing.
      if (isSure && this.counts.mayGive(places, slot - expect, index)) return false;
      if (this.distanceToLater(isUncertain(draw) ? places : certain, index, counted) < own) return false;
    }
    return true;
  }

  /** How far a value lies from the nearest of those draws that come behind another one, by counting through all of them. */
  private distanceToLater(places: readonly number[], index: number, counted: number): number {
    const from = firstWhere(places.length, (at) => places[at]! > index);
    const above = firstWhere(places.length, (at) => at >= from && this.counts.before[places[at]!]! > counted);
    let distance = above < places.length ? this.counts.before[places[above]!]! - counted : Number.POSITIVE_INFINITY;
    if (above > from) distance = Math.min(distance, Math.max(counted - this.counts.end(places[above - 1]!), 0));
    return distance;
  }

  /** Whether a draw of another group, without a place, may have given a value that a later transaction showed. */
  private mayBeOthers(index: number, later: number | null): boolean {
    if (later === null) return false;
    const { group } = this.draws[index]!;
    for (const step of [-1, 1])
      for (let at = index + step; Math.abs(at - index) < 4 * NEIGHBOURS; at += step) {
        const other = this.draws[at];
        if (other === undefined || other.order > later || this.pinned.has(other)) break;
        if (other.group !== group && !other.isLost) return true;
      }
    return false;
  }

  /** How many of the draws that follow show just what they give when this one gave a value, and how many what they give else. */
  private witnesses(
    index: number,
    shown: Shown,
    expect: number,
  ): { readonly agree: number; readonly disagree: number } {
    const end = expect + Math.max(this.draws[index]!.count, 1) - 1;
    const jump = shown.slot > end ? shown.slot - end : Math.min(shown.slot - expect, 0);
    let agree = 0;
    let disagree = 0;
    for (
      let at = index + 1;
      at < this.draws.length && agree + disagree < WITNESSES && at - index < 4 * NEIGHBOURS;
      at++
    ) {
      const draw = this.draws[at]!;
      // What comes behind one of unknown count says nothing of what comes before.
      if (isUncertain(draw)) break;
      const near = this.counts.overlapping(at, 1) + this.counts.overlapping(at, -1);
      const first = expect + this.counts.before[at]! - this.counts.before[index]! - near;
      const last = expect + this.counts.end(at) - this.counts.before[index]! + near;
      const { shown: others } = this.claims.of(draw);
      const shows = (by: number) =>
        others
          .slice(firstAbove(others, first + by - 1), firstAbove(others, last + by))
          .some((other) => other.slot !== shown.slot && !isTaken(draw, other, 0));
      const [moved, unmoved] = [shows(jump), jump !== 0 && shows(0)];
      if (moved && !unmoved) agree += 1;
      else if (unmoved && !moved) disagree += 1;
    }
    return { agree, disagree };
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
      const counted = expect + this.counts.before[at]! - this.counts.before[index]!;
      const near = 2 + this.counts.overlapping(at, 1) + this.counts.overlapping(at, -1);
      const draw = this.draws[at]!;
      const { shown: others } = this.claims.of(draw);
      // A value bears itself out in no statement that names it again.
      const showsNear = (slot: number) =>
        others
          .slice(firstAbove(others, slot - near - 1), firstAbove(others, slot + near))
          .some((other) => other.slot !== shown.slot && !isTaken(draw, other, distanceTo(other.slot, slot, 1)));
      if (showsNear(counted + jump)) agree += 1;
      else if (showsNear(counted)) disagree += 1;
    }
    return shown.strong ? agree >= disagree : agree > 0 && disagree === 0;
  }
}

/** Whether a shown value is none of a draw, so far from where that counts, since a client gave it to another row itself. */
function isTaken(draw: Draw, { given }: Shown, distance: number): boolean {
  const taken = isTakenFrom(draw, given);
  return taken === 'SURELY' || (taken === 'PERHAPS' && distance > 0);
}

function distanceTo(slot: number, first: number, length: number): number {
  if (slot < first) return first - slot;
  return slot > first + length - 1 ? slot - (first + length - 1) : 0;
}
