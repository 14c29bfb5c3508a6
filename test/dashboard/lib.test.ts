import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judged, judgedBy } from '../../src/dashboard/compare/judged.ts';
import { delta, duration, moment } from '../../src/dashboard/lib/format.ts';
import { clock, formatMicros, parseMicros, ticks } from '../../src/dashboard/lib/time.ts';
import { NO_EVENTS, type RunEvent, withEvents } from '../../src/dashboard/run/event-log.ts';
import { pointsOf, ratesOf, type SeriesPoint, withPoint } from '../../src/dashboard/run/series.ts';

describe('times', () => {
  test('a microsecond survives being written and read', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 7_258_118_400_000_000 }), (value) => {
        expect(parseMicros(formatMicros(value))).toBe(value);
      }),
    );
  });

  test.each([
    ['2026-11-23 10:00:00.5', '2026-11-23T10:00:00.500000Z'],
    ['2026-11-23T10:00', '2026-11-23T10:00:00.000000Z'],
    ['2026-11-23T10:00:00.000001+02:00', '2026-11-23T08:00:00.000001Z'],
  ])('%s is read as %s', (text, meant) => {
    expect(formatMicros(parseMicros(text)!)).toBe(meant);
  });

  test.each(['', 'yesterday', '2026-13-01 00:00', '10:00:00'])('%j is no time', (text) => {
    expect(parseMicros(text)).toBeNull();
  });

  test('microseconds are shown where there are any', () => {
    expect(clock('2026-11-23T16:28:38.040000Z')).toBe('16:28:38.040');
    expect(clock('2026-11-23T16:28:38.040002Z')).toBe('16:28:38.040002');
  });

  test('an axis has round times inside of its span, and not more than asked for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1e15, max: 2e15 }), fc.integer({ min: 1000, max: 3e13 }), (from, length) => {
        const marks = ticks({ from, to: from + length }, 6);
        expect(marks.length).toBeLessThanOrEqual(7);
        for (const { at } of marks) expect(at >= from && at <= from + length).toBe(true);
      }),
    );
  });
});

describe('figures', () => {
  test.each([
    [0, '0 ms'],
    [0.001, '<0.01 ms'],
    [0.35, '0.35 ms'],
    [99_900, '99.9 s'],
    [125_000, '2 min 05 s'],
  ])('a duration of %d ms is %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  test.each([
    [0, '0 s'],
    [0.025, '25 ms'],
    [1.25, '1.25 s'],
    [2.5, '2.5 s'],
    [25, '25 s'],
    [100, '1:40'],
    [605, '10:05'],
    [7205, '2:00:05'],
  ])('second %d of a run is %s on an axis', (seconds, text) => {
    expect(moment(seconds)).toBe(text);
  });

  test('what is hardly anything is less by 99 %, nothing by 100 %', () => {
    expect(delta(1, 0.0001)).toBe('−99 %');
    expect(delta(1, 0)).toBe('−100 %');
  });
});

describe('two runs side by side', () => {
  test.each([
    [19, 'p50', 2],
    [20, 'p95', 9],
  ] as const)('a statement of %d calls is shown by its %s, by which it is judged', (sent, percentile, value) => {
    const pair = { a: { sent, replayed: { p50: 2, p95: 9 } }, b: { sent: 500, replayed: { p50: 3, p95: 4 } } };
    expect(judgedBy(pair)).toBe(percentile);
    expect(judged(pair, 'a')).toBe(value);
  });
});

describe('the rates of a run', () => {
  const feed = (counts: readonly number[], every: number) =>
    counts.reduce<readonly SeriesPoint[]>(
      (points, succeeded, index) => withPoint(points, { at: index * every, succeeded, failed: 0 }),
      [],
    );

  test('add up to its statements, however many points were dropped', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5000), { minLength: 2, maxLength: 3000 }), (steps) => {
        let sum = 0;
        const counts = steps.map((step) => {
          sum += step;
          return sum;
        });
        const points = feed(counts, 250);
        const { x, succeeded } = ratesOf(points);
        const begin = (points[0]?.at ?? 0) / 1000;
        const total = succeeded.reduce(
          (all, rate, index) => all + rate * ((x[index] ?? 0) - (x[index - 1] ?? begin)),
          0,
        );
        expect(total + (points[0]?.succeeded ?? 0)).toBeCloseTo(sum, 3);
        expect(points.length).toBeLessThanOrEqual(401);
      }),
    );
  });

  test('are those of the intervals of its timeline', () => {
    const intervals = [
      { succeeded: 50, failed: 0 },
      { succeeded: 0, failed: 0 },
      { succeeded: 5, failed: 10 },
    ];
    expect(ratesOf(pointsOf({ intervalMs: 500, intervals }))).toEqual({
      x: [0.5, 1, 1.5],
      succeeded: [100, 0, 10],
      failed: [0, 0, 20],
    });
  });

  test('are the mean where the network was away', () => {
    const points = [
      { at: 0, succeeded: 0, failed: 0 },
      { at: 1000, succeeded: 100, failed: 0 },
      { at: 11_000, succeeded: 600, failed: 50 },
    ];
    expect(ratesOf(points)).toEqual({ x: [1, 11], succeeded: [100, 50], failed: [0, 5] });
  });
});

describe('the events of a run', () => {
  const at = '2026-11-23T16:28:37.426000Z';
  const state = (seq: number): RunEvent => ({ __typename: 'StateEvent', seq, at, state: 'RUNNING', reason: null });
  const stall = (seq: number): RunEvent => ({
    __typename: 'NoticeEvent',
    seq,
    at,
    code: 'STALL',
    noticeSessionId: null,
    noticeMessage: 'waits',
  });

  test('of thousands of one kind the newest are kept, all are counted, and none of another is pushed out', () => {
    let log = withEvents(NO_EVENTS, [state(1)]);
    for (let seq = 2; seq < 5002; seq += 100) {
      log = withEvents(
        log,
        Array.from({ length: 100 }, (_, index) => stall(seq + index)),
      );
    }
    const [first, ...stalls] = log.events;
    expect(first?.seq).toBe(1);
    expect(log.counts).toEqual({ STATE: 1, STALL: 5000 });
    expect(stalls.length).toBeLessThan(100);
    expect(stalls.map(({ seq }) => seq)).toEqual(
      Array.from({ length: stalls.length }, (_, index) => 5002 - stalls.length + index),
    );
  });
});
