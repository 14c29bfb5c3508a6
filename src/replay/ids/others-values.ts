import { type Claims, firstAbove, type Shown } from './claims.ts';
import { type Counting, type Counts, NEIGHBOURS } from './counts.ts';
import type { Draw } from './draw.ts';

/** Draws that must bear out that values are missing. */
const WITNESSES = 5;

/**
 * Tells values that clients read of rows of others: those which counting gives to another draw that was made before a later
 * transaction showed them. Only where nothing puts the counts in doubt, and nothing bears out that values are missing.
 */
export class OthersValues {
  private readonly draws: readonly Draw[];
  private readonly counts: Counts;
  private readonly claims: Claims;

  constructor(draws: readonly Draw[], counts: Counts, claims: Claims) {
    this.draws = draws;
    this.counts = counts;
    this.claims = claims;
  }

  /** Whether a value that was shown behind a draw is such a one. */
  has({ slot, later }: Shown, index: number, { next: expect, doubtful, growth }: Counting): boolean {
    const { draws, counts } = this;
    const draw = draws[index]!;
    if (doubtful > 0 || growth > 0) return false;
    const last = expect + Math.max(draw.count, 1) - 1;
    // Draws at the same time may have changed places.
    if (slot >= expect - counts.overlapping(index, -1) && slot <= last + counts.overlapping(index, 1)) return false;
    const other = counts.drawOf(slot - expect + counts.before[index]!, later);
    if (other === null || !counts.areCertain(index, other)) return false;
    return (
      draws[other]?.group !== draw.group && !this.isBorneOut(index, slot > last ? slot - last : slot - expect, expect)
    );
  }

  /**
   * Whether the draws that follow show what they give when all are moved so far, rather than what they give by counting or what
   * others give; and one of them by a value that no other draw could have given by then.
   */
  private isBorneOut(index: number, shift: number, expect: number): boolean {
    const { draws, counts, claims } = this;
    const toCounted = counts.before[index]! - expect;
    const oldest = Math.min(expect, expect + shift);
    let agree = 0;
    let disagree = shift > 0 && claims.on(expect).length > 0 ? 1 : 0;
    let isProven = false;
    for (let at = index + 1; at < draws.length && at - index < 4 * NEIGHBOURS; at++) {
      if (agree + disagree >= WITNESSES && (isProven || agree <= disagree)) break;
      const { shown } = claims.of(draws[at]!);
      if (firstAbove(shown, oldest - 1) === shown.length) continue;
      const near = counts.overlapping(at, 1) + counts.overlapping(at, -1);
      const first = counts.before[at]! - toCounted - near;
      const last = counts.end(at) - toCounted + near;
      const moved = shown.slice(firstAbove(shown, first + shift - 1), firstAbove(shown, last + shift));
      if (moved.length > 0 && firstAbove(shown, first - 1) < firstAbove(shown, last)) continue;
      isProven ||= moved.some((one) => counts.drawOf(one.slot + toCounted, one.later) === null);
      if (agree + disagree >= WITNESSES) continue;
      if (moved.length > 0) agree += 1;
      else disagree += 1;
    }
    return isProven && agree > disagree;
  }
}
