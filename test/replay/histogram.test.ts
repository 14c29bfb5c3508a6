import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram } from '../../src/replay/histogram.ts';

const QUANTILES = [0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 1];

describe('histogram', () => {
  it('is within one per cent of the nearest-rank quantile, from a microsecond to 37 hours', () => {
    const durations = fc.array(
      fc.oneof(
        fc.double({ min: Math.log(0.0011), max: Math.log(1.34e8), noNaN: true }).map(Math.exp),
        // The ends of the octaves.
        fc.integer({ min: -9, max: 26 }).chain((n) => fc.constantFrom(2 ** n, 2 ** n * (1 - Number.EPSILON))),
      ),
      {
        minLength: 1,
        maxLength: 300,
      },
    );
    fc.assert(
      fc.property(durations, (values) => {
        const histogram = new Histogram();
        for (const value of values) histogram.add(value);
        const sorted = [...values].sort((a, b) => a - b);
        histogram.quantiles(QUANTILES).forEach((found, n) => {
          const exact = sorted[Math.max(1, Math.ceil(QUANTILES[n]! * sorted.length)) - 1]!;
          expect(Math.abs(found! - exact) / exact).toBeLessThanOrEqual(0.01);
        });
        expect(histogram.count).toBe(values.length);
      }),
    );
  });

  it('that has taken in another is as if all had been added to it', () => {
    const values = fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }));
    fc.assert(
      fc.property(values, values, (some, others) => {
        const [own, other, whole] = [new Histogram(), new Histogram(), new Histogram()];
        for (const value of some) for (const histogram of [own, whole]) histogram.add(value);
        for (const value of others) for (const histogram of [other, whole]) histogram.add(value);
        own.addAll(other);
        expect(own.quantiles(QUANTILES)).toEqual(whole.quantiles(QUANTILES));
        expect(own.count).toBe(whole.count);
        expect(own.sum).toBeCloseTo(whole.sum, 3);
      }),
    );
  });

  it('counts what is up to a bound, within the error of its percentiles, and sums what was added', () => {
    const histogram = new Histogram();
    for (const value of [0, 0.5, 3, 3, 40, 700]) histogram.add(value);
    expect(histogram.countsUpTo([1, 10, 100, 1000])).toEqual([2, 4, 5, 6]);
    expect(histogram.sum).toBeCloseTo(746.5);
    expect(new Histogram().countsUpTo([1, 10])).toEqual([0, 0]);
  });

  it('is null while nothing was added', () => {
    expect(new Histogram().percentiles()).toEqual({ p50: null, p95: null, p99: null });
  });

  it('gives a single value as it is', () => {
    const histogram = new Histogram();
    histogram.add(12.3456);
    expect(histogram.percentiles()).toEqual({ p50: 12.3456, p95: 12.3456, p99: 12.3456 });
  });

  it('counts zero, what is below a microsecond and negative values as 0, and leaves out NaN', () => {
    const histogram = new Histogram();
    for (const value of [0, 0.0005, -3, Number.NaN]) histogram.add(value);
    expect(histogram.count).toBe(3);
    expect(histogram.percentiles()).toEqual({ p50: 0, p95: 0, p99: 0 });
    histogram.add(5);
    expect(histogram.percentiles()).toEqual({ p50: 0, p95: 5, p99: 5 });
  });

  it('counts durations beyond its last bucket and shows the longest', () => {
    const histogram = new Histogram();
    histogram.add(1e12);
    histogram.add(2e12);
    expect(histogram.quantiles([0, 1])).toEqual([2e12, 2e12]);
  });
});
