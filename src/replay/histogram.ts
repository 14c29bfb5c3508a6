import type { Percentiles } from './summary.ts';

/** Equal parts of each octave: a part is at most 2 % of where it begins, so its middle is within 1 % of all it holds. */
const PARTS = 50;
/** Values up to this count as 0: clocks and logs resolve a microsecond. In milliseconds. */
const SMALLEST = 0.001;
/** What a double of the first octave, 2^-10 ms to 2^-9 ms, holds as its exponent. */
const FIRST_EXPONENT = 1023 - 10;
/** Octaves told apart, up to 37 hours; what is longer counts in one more and shows as the largest value seen. */
const OCTAVES = 37;

/** A double and its upper half: sign, exponent (11 bits) and the upper 20 bits of its fraction. */
const DOUBLE = new Float64Array(1);
const HALVES = new Uint32Array(DOUBLE.buffer);
DOUBLE[0] = 1;
const UPPER = HALVES[0] === 0 ? 1 : 0;

/**
 * Durations in buckets that are narrow where they are short: percentiles with at most 1 % of relative error from 1 µs
 * up. `add` is O(1). Memory follows the spread: 200 bytes for each octave that the values span, so four decades take
 * 3 kB and everything at most 8 kB.
 */
export class Histogram {
  #count = 0;
  #sum = 0;
  #zeros = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;
  /** Counts of an octave's parts, made when a value falls into it. */
  readonly #octaves: (Uint32Array | undefined)[] = [];

  /** How many values were added. */
  get count(): number {
    return this.#count;
  }

  /** Of all values, in milliseconds. */
  get sum(): number {
    return this.#sum;
  }

  /** Adds a value in milliseconds. Negative ones count as 0; NaN is ignored. */
  add(ms: number): void {
    if (ms > this.#max) this.#max = ms;
    if (!(ms > SMALLEST)) {
      if (Number.isNaN(ms)) return;
      this.#zeros += 1;
    } else {
      if (ms < this.#min) this.#min = ms;
      // The bits of a double are its octave and its place in it: reading them takes a third of a logarithm's time.
      DOUBLE[0] = ms;
      const upper = HALVES[UPPER]!;
      const octave = Math.min(OCTAVES, (upper >>> 20) - FIRST_EXPONENT);
      const parts = this.#octaves[octave] ?? this.#newOctave(octave);
      parts[((upper & 0xfffff) * PARTS) >>> 20]! += 1;
      this.#sum += ms;
    }
    this.#count += 1;
  }

  /** Takes in the values of another. */
  addAll(other: Histogram): void {
    this.#count += other.#count;
    this.#sum += other.#sum;
    this.#zeros += other.#zeros;
    this.#min = Math.min(this.#min, other.#min);
    this.#max = Math.max(this.#max, other.#max);
    other.#octaves.forEach((parts, octave) => {
      if (parts === undefined) return;
      const own = this.#octaves[octave] ?? this.#newOctave(octave);
      parts.forEach((count, part) => {
        own[part]! += count;
      });
    });
  }

  #newOctave(octave: number): Uint32Array {
    // No holes: a holey array would slow every later look-up.
    while (this.#octaves.length <= octave) this.#octaves.push(undefined);
    const parts = new Uint32Array(PARTS);
    this.#octaves[octave] = parts;
    return parts;
  }

  /**
   * The value at each quantile (0 … 1, ascending), in milliseconds, by nearest rank; all null while empty.
   */
  quantiles(quantiles: readonly number[]): (number | null)[] {
    if (this.#count === 0) return quantiles.map(() => null);
    const found: number[] = [];
    const wanted = (): number => Math.max(1, Math.ceil((quantiles[found.length] ?? 0) * this.#count));
    let seen = this.#zeros;
    while (found.length < quantiles.length && wanted() <= seen) found.push(0);
    for (let octave = 0; octave < this.#octaves.length && found.length < quantiles.length; octave++) {
      const parts = this.#octaves[octave];
      if (parts === undefined) continue;
      for (let part = 0; part < PARTS && found.length < quantiles.length; part++) {
        if (parts[part] === 0) continue;
        seen += parts[part]!;
        const index = octave * PARTS + part;
        while (found.length < quantiles.length && wanted() <= seen) found.push(this.#valueOf(index));
      }
    }
    return found;
  }

  /** How many values are at most each bound (milliseconds, ascending), as exact as the percentiles are. */
  countsUpTo(bounds: readonly number[]): number[] {
    const counts = bounds.map(() => this.#zeros);
    this.#octaves.forEach((parts, octave) => {
      parts?.forEach((count, part) => {
        if (count === 0) return;
        const value = this.#valueOf(octave * PARTS + part);
        for (let at = bounds.length - 1; at >= 0 && value <= bounds[at]!; at--) counts[at]! += count;
      });
    });
    return counts;
  }

  #valueOf(index: number): number {
    if (index >= OCTAVES * PARTS) return this.#max;
    const from = 1 + (index % PARTS) / PARTS;
    const to = from + 1 / PARTS;
    // The harmonic mean: its relative error is the same at both ends.
    const middle = 2 ** (Math.floor(index / PARTS) + FIRST_EXPONENT - 1023) * ((2 * from * to) / (from + to));
    return Math.min(this.#max, Math.max(this.#min, middle));
  }

  /** The 50th, 95th and 99th percentile in milliseconds; null while empty. */
  percentiles(): Percentiles {
    const [p50 = null, p95 = null, p99 = null] = this.quantiles([0.5, 0.95, 0.99]);
    return { p50, p95, p99 };
  }
}
