import type { Percentiles } from './summary.ts';

/** Width of a bucket: each ends 2 % above where it begins, so its middle is within 1 % of all it holds. */
const GAMMA = 1.02;
const PER_LOG = 1 / Math.log(GAMMA);
/** A bucket's middle, relative to its upper end. */
const MIDDLE = 2 / (GAMMA + 1);
/** Values up to this count as 0: clocks and logs resolve a microsecond. In milliseconds. */
const SMALLEST = 0.001;
/** Buckets of one page; pages are made when a value falls into them. */
const PAGE_BITS = 5;
const PAGE_SIZE = 1 << PAGE_BITS;
/** The last bucket ends at 29 hours; longer ones count there and show as the largest value seen. */
const LAST = 1280;

/**
 * Durations in buckets of logarithmic width: percentiles with at most 1 % of relative error from 1 µs up. `add`
 * is O(1). Memory follows the spread: 128 bytes for each factor of 1.9 that the values span, so four decades
 * take 2 kB and everything at most 5 kB.
 */
export class Histogram {
  #count = 0;
  #sum = 0;
  #zeros = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;
  readonly #pages: (Uint32Array | undefined)[] = [];

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
      const index = Math.min(LAST, Math.floor(Math.log(ms / SMALLEST) * PER_LOG));
      const page = this.#pages[index >> PAGE_BITS] ?? this.#newPage(index >> PAGE_BITS);
      page[index & (PAGE_SIZE - 1)]! += 1;
      this.#sum += ms;
    }
    this.#count += 1;
  }

  #newPage(number: number): Uint32Array {
    // No holes: a holey array would slow every later look-up.
    while (this.#pages.length <= number) this.#pages.push(undefined);
    const page = new Uint32Array(PAGE_SIZE);
    this.#pages[number] = page;
    return page;
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
    for (let number = 0; number < this.#pages.length && found.length < quantiles.length; number++) {
      const page = this.#pages[number];
      if (page === undefined) continue;
      for (let slot = 0; slot < PAGE_SIZE && found.length < quantiles.length; slot++) {
        if (page[slot] === 0) continue;
        seen += page[slot]!;
        const index = (number << PAGE_BITS) + slot;
        while (found.length < quantiles.length && wanted() <= seen) found.push(this.#valueOf(index));
      }
    }
    return found;
  }

  /** How many values are at most each bound (milliseconds, ascending), as exact as the percentiles are. */
  countsUpTo(bounds: readonly number[]): number[] {
    const counts = bounds.map(() => this.#zeros);
    this.#pages.forEach((page, number) => {
      page?.forEach((count, slot) => {
        if (count === 0) return;
        const value = this.#valueOf((number << PAGE_BITS) + slot);
        for (let at = bounds.length - 1; at >= 0 && value <= bounds[at]!; at--) counts[at]! += count;
      });
    });
    return counts;
  }

  #valueOf(index: number): number {
    if (index === LAST) return this.#max;
    const middle = SMALLEST * GAMMA ** (index + 1) * MIDDLE;
    return Math.min(this.#max, Math.max(this.#min, middle));
  }

  /** The 50th, 95th and 99th percentile in milliseconds; null while empty. */
  percentiles(): Percentiles {
    const [p50 = null, p95 = null, p99 = null] = this.quantiles([0.5, 0.95, 0.99]);
    return { p50, p95, p99 };
  }
}
