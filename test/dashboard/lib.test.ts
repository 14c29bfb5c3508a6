import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { JournalEntriesDocument } from '../../src/client/index.ts';
import { coarseForm } from '../../src/dashboard/lib/normalised.ts';
import { clock, formatMicros, parseMicros, ticks } from '../../src/dashboard/lib/time.ts';
import { ratesOf, type SeriesPoint, withPoint } from '../../src/dashboard/run/series.ts';
import { normaliseStatement } from '../../src/journal/normalise.ts';
import { type Dashboard, SHOP, startDashboard } from './support.ts';

describe('a statement and its normalised text have one coarse form', () => {
  let dashboard: Dashboard;
  beforeAll(async () => {
    dashboard = await startDashboard();
  });
  afterAll(() => dashboard?.close());

  test('for every statement of the shop', async () => {
    let after: string | null = null;
    const seen = new Set<string>();
    do {
      const { journalEntries }: { journalEntries: EntryPage } = await dashboard.client.request(JournalEntriesDocument, {
        window: SHOP,
        filter: null,
        first: 1000,
        after,
      });
      for (const { statement } of journalEntries.nodes) seen.add(statement);
      after = journalEntries.pageInfo.hasNextPage ? journalEntries.pageInfo.endCursor : null;
    } while (after !== null);
    expect(seen.size).toBeGreaterThan(50);
    const wrong = [...seen].filter((statement) => coarseForm(statement) !== coarseForm(normaliseStatement(statement)));
    expect(wrong).toEqual([]);
  });

  test.each([
    "SELECT * FROM a WHERE x IN (1, 2, 3) AND y = 'it''s' -- why",
    "INSERT INTO t (a, b) VALUES ($1, $2), (3, 'x'), (-4, NULL)",
    'SELECT "Name", "plain" FROM "T" WHERE "a" = -1.5e-3 /* twice */ LIMIT 10;',
    "SELECT E'a\\'b', $tag$ body $tag$, ARRAY[1, 2], '{}'::jsonb, now() - interval '1 day'",
    'select  count( * )\nfrom t where b is not null and c = true',
    'UPDATE t SET a = a + 1, b = f(1, g(2)) WHERE id = 7',
    "SELECT 'x'::text, ($1::int[])[1], a->>'k' FROM t WHERE (a, b) = (1, 2)",
  ])('for %s', (statement) => {
    expect(coarseForm(statement)).toBe(coarseForm(normaliseStatement(statement)));
  });

  test('statements of other shapes have other forms', () => {
    expect(coarseForm('SELECT a FROM t WHERE b = 1')).not.toBe(coarseForm('SELECT a FROM t WHERE c = 1'));
    expect(coarseForm('SELECT a FROM t')).not.toBe(coarseForm('SELECT a FROM u'));
    expect(coarseForm('SELECT "A" FROM t')).not.toBe(coarseForm('SELECT a FROM t'));
  });
});

interface EntryPage {
  readonly nodes: readonly { readonly statement: string }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

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

  test('are the mean where the network was away', () => {
    const points = [
      { at: 0, succeeded: 0, failed: 0 },
      { at: 1000, succeeded: 100, failed: 0 },
      { at: 11_000, succeeded: 600, failed: 50 },
    ];
    expect(ratesOf(points)).toEqual({ x: [1, 11], succeeded: [100, 50], failed: [0, 5] });
  });
});
