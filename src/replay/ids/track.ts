import { Fifo } from '../fifo.ts';
import type { Sequence } from './catalog.ts';
import { type Draw, isShown } from './draw.ts';
import { isTakenFrom } from './given-ids.ts';
import { type Mark, Segment, toSlot } from './segment.ts';

/** Draws that are not settled yet, and the mark behind them. */
interface Run {
  readonly draws: Draw[];
  readonly mark: Mark;
}

/** Segments that marks have ended and answers of the target may still move. */
const MOST_LEFT = 1_000;

/** Follows one sequence through the record and settles what its draws gave. */
export class Track {
  readonly sequence: Sequence;
  /** What is not settled yet, in order. */
  private readonly runs = new Fifo<Run>();
  private tail: Draw[] = [];
  private current: Segment;
  /** Earlier ones, the oldest first. */
  private left: Segment[] = [];
  /** What was sent to the target, which will tell how many values it drew, or where the sequence stands. */
  private readonly underWay = new Map<Draw | Mark, (() => void)[]>();
  /** Values that no statement of the record accounts for. */
  missing = 0;
  /** How often the record has moved the sequence. */
  stretch = 0;
  /** Order of what was added last. */
  latest = 0;
  /** What statements may have drawn that may draw from any sequence, as far as nobody has looked. */
  private unseen: Draw[] = [];

  /** @param known the target's place is where the record begins */
  constructor(sequence: Sequence, known: boolean) {
    this.sequence = sequence;
    const next = known && sequence.next !== null ? 0 : null;
    this.current = new Segment(0, sequence.increment, sequence.next, { next, floor: null });
  }

  /** All that was added is settled, and nothing is asked of the target. */
  get isSettled(): boolean {
    return this.runs.length === 0 && this.tail.length === 0 && this.underWay.size === 0;
  }

  add(draw: Draw): void {
    this.tail.push(draw);
    this.latest = draw.order;
  }

  /** What a statement may draw that may draw from any sequence: see `seen`. */
  addUnseen(draw: Draw): void {
    draw.group.draws.push(draw);
    this.add(draw);
    this.unseen.push(draw);
  }

  /** The record moves the sequence (setval, RESTART); null: to an unknown place, which the target will tell where it is asked. */
  move(order: number, next: bigint | null, asked = false): Mark {
    this.stretch += 1;
    const mark: Mark = { order, next, continues: false, step: this.sequence.increment };
    return this.mark(asked ? { ...mark, asked } : mark);
  }

  /** The record gives the sequence other steps. */
  changeStep(order: number): void {
    this.stretch += 1;
    this.mark({ order, next: null, continues: false, step: this.sequence.increment, keepsLast: true });
  }

  /** The record reaches the point at which the target's place is its own. */
  reach(order: number): void {
    if (this.sequence.next !== null)
      this.mark({ order, next: this.sequence.next, continues: true, step: this.sequence.increment });
  }

  private mark(mark: Mark): Mark {
    this.latest = mark.order;
    this.runs.push({ draws: this.tail, mark });
    this.tail = [];
    return mark;
  }

  /**
   * Settles draws, knowing all that were added: those up to `must`, and of the rest up to `may` as many as can be
   * told apart from what follows.
   */
  settle(must: number, may: number): void {
    for (;;) {
      const { draws, mark } = this.following();
      const passes = mark !== null && mark.order <= may;
      const cut = passes ? draws.length : cutOf(draws, must, may);
      if (cut === 0 && !passes) return;
      const next = this.current.solve(draws, mark);
      this.missing += this.current.keep(draws.slice(0, cut));
      draws.splice(0, cut);
      if (!passes || mark === null) return;
      this.runs.shift();
      this.pass(mark, next);
    }
  }

  /** What comes next. */
  private following(): { readonly draws: Draw[]; readonly mark: Mark | null } {
    return this.runs.first ?? { draws: this.tail, mark: null };
  }

  /** First value of a settled draw; null: it is not known, and the sequence is better left alone. */
  valueOf(draw: Draw): bigint | null {
    return draw.slot === null || draw.origin === null ? null : this.toValue(draw.origin, draw.slot, draw.step);
  }

  /**
   * Counted on from a draw whose own count nothing tells (it failed, was rolled back, or could not be asked for), or shown behind
   * such a one by what may as well be another's.
   */
  isDoubtful(draw: Draw): boolean {
    return (draw.certainty === 'COUNTED' || draw.isUnproven) && this.segmentOf(draw).isDoubtful(draw);
  }

  /** Where the sequence stood at the end of the record follows from a draw of which nothing tells how many values, or which, it took. */
  get endsInDoubt(): boolean {
    return this.current.standing.isOpen === true || this.current.isDoubtful({ order: Number.POSITIVE_INFINITY });
  }

  /** What the sequence gave next at the end of the record; null: unknown. */
  end(): bigint | null {
    const { standing, origin, step } = this.current;
    return standing.next === null || origin === null ? null : this.toValue(origin, standing.next, step);
  }

  /** A value that came to light after its draw was settled; what another transaction shows may be of another draw. */
  shownLate(draw: Draw): boolean {
    const { origin } = draw;
    if (isShown(draw) || origin === null || draw.slot === null || draw.group.draws.length !== 1 || draw.group.blind)
      return false;
    for (const [value, strong] of [...draw.group.shown].slice(draw.weighed)) {
      const slot = toSlot(origin, draw.step, value);
      const isOwn = strong && !draw.group.shownLater.has(value);
      if (isTakenFrom(draw, draw.group.given.get(value) ?? null) !== null) continue;
      if (slot === null || (!isOwn && slot !== draw.slot) || Math.abs(slot - draw.slot) > LATE_RANGE) continue;
      draw.certainty = slot === draw.slot ? 'CONFIRMED' : 'CORRECTED';
      draw.slot = slot;
      return true;
    }
    return false;
  }

  /** An uncertain draw is on its way to the target, which will tell its count, or what moves the sequence, and it will tell where to. */
  sent(item: Draw | Mark): void {
    this.underWay.set(item, []);
  }

  /** The target told how many values a draw took; null: it could not. */
  observed(draw: Draw, count: number | null): void {
    if (count !== null) {
      const segment = this.segmentOf(draw);
      segment.correct(draw, count, ...this.behind(segment));
      this.sweep();
    }
    this.answered(draw);
  }

  /** The target told what the sequence gives next behind what moved it; null: it could not. */
  placed(mark: Mark, next: bigint | null): void {
    if (next !== null) {
      // Of two that one statement leaves behind, the later counts.
      const segment = this.beganBefore(mark.order + 1);
      segment.place(mark, next, ...this.behind(segment));
      this.sweep();
    }
    this.answered(mark);
  }

  /** The target told that a draw moved the sequence back. */
  moved(draw: Draw, next: bigint): void {
    const segment = this.segmentOf(draw);
    const behind = segment.splitBehind(draw, next, ...this.behind(segment));
    if (behind !== null && segment === this.current) {
      this.left.push(segment);
      this.current = behind;
    } else if (behind !== null) this.left.splice(this.left.indexOf(segment) + 1, 0, behind);
    this.sweep();
    this.answered(draw);
  }

  /**
   * Ahead of a draw that is about to be sent, the target shows that so many values were drawn that nothing tells of, and
   * `next` comes next. False where no statement of the record before the draw may have drawn them.
   */
  seen(before: Draw, count: number, next: bigint): boolean {
    const earlier = this.unseen.filter(({ order }) => order < before.order);
    this.unseen = this.unseen.filter(({ order }) => order >= before.order);
    const last = earlier.pop();
    for (const draw of earlier) this.observed(draw, 0);
    if (last === undefined) return false;
    if (count < 0) this.moved(last, next);
    else this.observed(last, count);
    return true;
  }

  private answered(item: Draw | Mark): void {
    const waiters = this.underWay.get(item);
    this.underWay.delete(item);
    for (const resume of waiters ?? []) resume();
  }

  /**
   * Resolves when nothing before this draw is under way that may move it; null: nothing is.
   * @param maybe it goes on behind what others were given, wherever they stand in the record
   */
  ready(draw: Draw, maybe: boolean): Promise<void> | null {
    // What was shown, too, may turn out to be another one's, once counts before are known.
    if (this.underWay.size === 0) return null;
    const waits: Promise<void>[] = [];
    for (const [other, waiters] of this.underWay) {
      if (maybe || other.order < draw.order) waits.push(new Promise((resolve) => waiters.push(resolve)));
    }
    return waits.length === 0 ? null : Promise.all(waits).then(() => {});
  }

  /** A statement's draws come before what it moves. */
  private segmentOf({ order }: Draw): Segment {
    return this.beganBefore(order);
  }

  private beganBefore(order: number): Segment {
    if (this.current.from < order) return this.current;
    return this.left.findLast(({ from }) => from < order) ?? this.current;
  }

  /** What of a segment is not settled. */
  private behind(segment: Segment): [readonly Draw[], Mark | null] {
    if (segment !== this.current) return [[], null];
    const { draws, mark } = this.following();
    return [draws, mark];
  }

  private pass(mark: Mark, next: number | null): void {
    const { current } = this;
    if (mark.continues) {
      this.current = new Segment(mark.order, mark.step, current.origin, { ...current.standing, next });
    } else {
      // Whether a value that is known from the target alone was drawn, nobody knows.
      const last =
        mark.keepsLast !== true || !next || current.origin === null
          ? null
          : current.origin + BigInt(next - 1) * current.step;
      const origin = last === null ? mark.next : last + mark.step;
      const standing = origin === null ? { next: null, floor: null } : { next: 0, floor: 0 };
      this.current = new Segment(mark.order, mark.step, origin, standing, mark.asked === true ? mark : null);
    }
    if (current.isOpen) this.left.push(current);
    if (this.left.length > MOST_LEFT) this.left = this.left.slice(-MOST_LEFT / 2);
  }

  /** Lets go of segments that nothing moves any more. */
  private sweep(): void {
    if (this.left.some(({ isOpen }) => !isOpen)) this.left = this.left.filter(({ isOpen }) => isOpen);
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
