import { type Draw, type GivenId, isUncertain, type Stretch } from './draw.ts';
import { firstWhere } from './first-where.ts';
import { isTakenFrom } from './given-ids.ts';

/** A value that was shown behind draws. */
export interface Shown {
  readonly slot: number;
  readonly strong: boolean;
  /** The order of the last draw by the time that another transaction showed it; null: their own did. */
  readonly later: number | null;
  /** A client had given it to a row itself. */
  readonly given: GivenId | null;
  /** Only a key showed it that was never checked: there may have been no such row. */
  readonly isUnchecked: boolean;
}

/** A group's shown values, and where its draws stand among all: each value may be any one's. */
export interface Claim {
  readonly asShown: readonly Shown[];
  /** In the order of values. */
  readonly shown: readonly Shown[];
  /** Values that were shown behind later groups of the session. */
  readonly perhaps: ReadonlySet<number>;
  readonly places: number[];
  /** Of those draws whose count is certain. */
  readonly certain: number[];
}

/** What was shown behind the draws of a stretch. */
export class Claims {
  private readonly stretch: Stretch;
  private readonly byGroup = new Map<Draw['group'], Claim>();
  private readonly bySlot = new Map<number, Claim[]>();

  constructor(draws: readonly Draw[], stretch: Stretch) {
    this.stretch = stretch;
    draws.forEach((draw, index) => {
      const claim = this.of(draw);
      claim.places.push(index);
      if (!isUncertain(draw)) claim.certain.push(index);
    });
    for (const claim of [...this.byGroup.values()].sort(byReach)) {
      for (const { slot, given } of claim.shown) {
        const own = given === null ? claim : withoutTaken(claim, given, draws);
        const list = this.bySlot.get(slot);
        if (own.places.length === 0) continue;
        if (list === undefined) this.bySlot.set(slot, [own]);
        else list.push(own);
        if (own !== claim) list?.sort(byReach);
      }
    }
  }

  of({ group }: Draw): Claim {
    let claim = this.byGroup.get(group);
    if (claim === undefined) {
      const ahead = [...group.ahead].filter(([value]) => !group.shown.has(value));
      const asShown = (group.blind ? [] : [...group.shown, ...ahead]).flatMap(([value, strong]) => {
        const slot = this.stretch.toSlot(value);
        if (slot === null) return [];
        const later = group.shownLater.get(value) ?? null;
        const given = group.given.get(value) ?? null;
        return [{ slot, strong, later, given, isUnchecked: group.deferred.get(value)?.held === false }];
      });
      const perhaps = new Set<number>();
      for (const value of group.perhaps) {
        const slot = this.stretch.toSlot(value);
        if (slot !== null) perhaps.add(slot);
      }
      claim = { asShown, shown: [...asShown].sort((a, b) => a.slot - b.slot), perhaps, places: [], certain: [] };
      this.byGroup.set(group, claim);
    }
    return claim;
  }

  /** Those on a shown value, those that reach furthest last. */
  on(slot: number): readonly Claim[] {
    return this.bySlot.get(slot) ?? NONE;
  }
}

const NONE: readonly Claim[] = [];

function byReach(one: Claim, other: Claim): number {
  return one.places.at(-1)! - other.places.at(-1)!;
}

/** A claim on a value without the draws that cannot have given it. */
function withoutTaken(claim: Claim, given: GivenId, draws: readonly Draw[]): Claim {
  const left = (places: readonly number[]) => places.filter((at) => isTakenFrom(draws[at]!, given) === null);
  return { ...claim, places: left(claim.places), certain: left(claim.certain) };
}

/** Index of the first shown value above a slot. */
export function firstAbove(shown: readonly Shown[], slot: number): number {
  return firstWhere(shown.length, (at) => shown[at]!.slot > slot);
}
