import { type Draw, isUncertain } from './draw.ts';
import { firstWhere } from './first-where.ts';

/** Draws looked at on either side for spans that meet. */
export const NEIGHBOURS = 64;

/** Where counting through the draws has come to. */
export interface Counting {
  /** What the next draw gives by counting. */
  next: number;
  /** What it cannot be below: pinned draws had ended before it started. */
  floor: number;
  /** Counted since the last pinned draw, but perhaps not drawn; and perhaps drawn, but not counted. */
  doubtful: number;
  growth: number;
}

/** What counting through all draws of a stretch says, and which of them ran at the same time. */
export class Counts {
  /** Values counted before each draw. */
  readonly before: number[] = [];
  /** Uncertain draws before each. */
  private readonly uncertain: number[] = [];
  /** The fewest values before each. */
  private readonly least: number[] = [];
  private readonly draws: readonly Draw[];
  /** `overlapping` of each draw, once it was counted. */
  private readonly overlaps = { before: [] as number[], behind: [] as number[] };

  constructor(draws: readonly Draw[]) {
    this.draws = draws;
    let count = 0;
    let uncertain = 0;
    let least = 0;
    for (const draw of draws) {
      this.before.push(count);
      this.uncertain.push(uncertain);
      this.least.push(least);
      least += draw.min;
      count += draw.count;
      if (isUncertain(draw)) uncertain += 1;
    }
  }

  get all(): number {
    const last = this.draws.length - 1;
    return last < 0 ? 0 : this.before[last]! + this.draws[last]!.count;
  }

  /** The last value of a draw. */
  end(index: number): number {
    return this.before[index]! + Math.max(this.draws[index]!.count, 1) - 1;
  }

  /** Whether no draw is uncertain from one index to another, either way; -1: the beginning. */
  areCertain(one: number, other: number): boolean {
    const [from, to] = one < other ? [one, other] : [other, one];
    return this.uncertain[to] === (from < 0 ? 0 : this.uncertain[from]) && !isUncertain(this.draws[to]!);
  }

  /** Whether one of some draws may have given what lies so far behind the first value of another, for unknown counts between them. */
  mayGive(places: readonly number[], distance: number, index: number): boolean {
    const first = places[firstWhere(places.length, (at) => this.uncertain[places[at]!]! > this.uncertain[index]!)];
    return first !== undefined && distance >= this.least[first]! - this.least[index]!;
  }

  /**
   * The draw that counting gives a value which a later transaction showed; -1: one before all of these; null: none that had
   * started by then.
   */
  drawOf(counted: number, later: number | null): number | null {
    if (later === null) return null;
    const at = firstWhere(this.draws.length, (place) => this.before[place]! > counted) - 1;
    const draw = this.draws[at];
    if (draw === undefined) return at;
    return counted >= this.before[at]! + draw.count || draw.order > later ? null : at;
  }

  /** Values of the neighbours on one side (-1 before, 1 behind) that ran at the same time. */
  overlapping(index: number, side: 1 | -1): number {
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
}
