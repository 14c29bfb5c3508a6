import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ReplaySummary } from '../../src/replay/summary.ts';
import { type ShopService, scrape, startShop } from './support.ts';

let shop: ShopService;

beforeAll(async () => {
  shop = await startShop();
});
afterAll(() => shop.close());

const byStatus = (samples: ReadonlyMap<string, number>) => {
  const of = (status: string) => samples.get(`reprise_replay_statements_total{status="${status}"}`) ?? Number.NaN;
  return {
    succeeded: of('succeeded'),
    failed: of('failed'),
    cascades: of('cascade'),
    skipped: of('skipped'),
    unknown: of('unknown'),
  };
};

const outcomes = ({ succeeded, failed, cascades, skipped, unknown }: ReplaySummary) => ({
  succeeded,
  failed,
  cascades,
  skipped,
  unknown,
});

test('the journal is measured with what it holds, and what this process brought is counted', async () => {
  const samples = await scrape(shop.url);
  expect(samples.get('reprise_journal_entries')).toBe(8233);
  expect(samples.get('reprise_journal_entries_appended_total')).toBe(8233);
  expect(samples.get('reprise_journal_losses_total{reason="unparsable_line"}')).toBe(0);
  expect(samples.get('reprise_journal_size_bytes{part="journal"}')).toBeGreaterThan(1_000_000);
  expect(samples.get('reprise_journal_size_bytes{part="replays"}')).toBeGreaterThan(0);
  expect(samples.get('reprise_journal_up')).toBe(1);
});

test('every outcome, end and lag of the runs of a service is counted once', async () => {
  const before = await scrape(shop.url);
  expect(byStatus(before)).toEqual({ succeeded: 0, failed: 0, cascades: 0, skipped: 0, unknown: 0 });

  const hurried = await shop.replay();
  const paced = await shop.replay(100);
  const samples = await scrape(shop.url);

  const [a, b] = [outcomes(hurried.summary), outcomes(paced.summary)];
  const sum = Object.fromEntries(Object.entries(a).map(([name, count]) => [name, count + b[name as keyof typeof b]]));
  expect(byStatus(samples)).toEqual(sum);
  expect(samples.get('reprise_replays_ended_total{state="completed"}')).toBe(2);
  expect(samples.get('reprise_replays_ended_total{state="failed"}')).toBe(0);
  expect(samples.get('reprise_replays_active{state="running"}')).toBe(0);
  expect(samples.get('reprise_feed_depth_events')).toBe(0);
  const { lagByCause } = paced.summary;
  const lagMs = Object.values(lagByCause).reduce((total, ms) => total + ms, 0);
  expect(samples.get('reprise_replay_lag_seconds_sum')).toBeCloseTo(lagMs / 1000, 3);
  const lagged = samples.get('reprise_replay_lag_seconds_count') ?? 0;
  expect(lagged).toBeGreaterThan(100);
  expect(samples.get('reprise_replay_lag_seconds_bucket{le="+Inf"}')).toBe(lagged);
  const buckets = [...samples].filter(([name]) => name.startsWith('reprise_replay_lag_seconds_bucket'));
  const bounds = buckets
    .map(([name]) => Number(/le="([\d.]+)"/.exec(name)?.[1] ?? Number.POSITIVE_INFINITY))
    .slice(0, -1);
  // A lag of 17 s was shown as 54 s, within a bucket from 10 s to 60 s.
  for (const [at, bound] of bounds.slice(1).entries()) expect(bound / (bounds[at] ?? 0)).toBeLessThanOrEqual(2.5);
  expect(buckets.map(([, count]) => count)).toEqual(buckets.map(([, count]) => count).sort((x, y) => x - y));
});

test('a run under way shows as running and counts what it has done', async () => {
  const before = byStatus(await scrape(shop.url));
  const { id } = await shop.begin(0.1);
  for await (const event of shop.engine.stream(id, 0)) if (event.kind === 'OUTCOME') break;
  const running = await scrape(shop.url);
  expect(running.get('reprise_replays_active{state="running"}')).toBe(1);
  const total = (counts: Record<string, number>) => Object.values(counts).reduce((sum, count) => sum + count, 0);
  expect(total(byStatus(running))).toBeGreaterThan(total(before));
  await shop.engine.pause(id);
  expect((await scrape(shop.url)).get('reprise_replays_active{state="paused"}')).toBe(1);
  await shop.engine.cancel(id);
  const after = await scrape(shop.url);
  expect(after.get('reprise_replays_ended_total{state="cancelled"}')).toBe(1);
  expect(after.get('reprise_replays_active{state="paused"}')).toBe(0);
});

test('losses are counted by their reason, and what retention takes away is counted', async () => {
  const kept = await startShop({ REPRISE_RETENTION_DAYS: '1' });
  const loss = { reason: 'UNPARSABLE_LINE', count: 3, from: null, to: null, source: null, detail: null } as const;
  await kept.journal.append({ losses: [loss, { ...loss, count: 2 }] });
  await kept.journal.evict(Date.UTC(2100, 0, 1) * 1000);
  const samples = await scrape(kept.url);
  expect(samples.get('reprise_journal_losses_total{reason="unparsable_line"}')).toBe(5);
  expect(samples.get('reprise_journal_entries_evicted_total')).toBe(8233);
  expect(samples.get('reprise_journal_entries')).toBe(0);
  await kept.close();
});

test('the process tells of its event loop, CPU and heap', async () => {
  const samples = await scrape(shop.url);
  for (const name of [
    'nodejs_eventloop_lag_p99_seconds',
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
    'nodejs_heap_size_used_bytes',
  ])
    expect(samples.has(name), name).toBe(true);
});

test('no label tells of a run, a statement or a session', async () => {
  const labels = [...(await scrape(shop.url)).keys()].flatMap((name) =>
    [...name.matchAll(/(\w+)="/g)].map((m) => m[1]),
  );
  expect(
    [...new Set(labels)].filter((label) => !/^(kind|space|type|version|major|minor|patch)$/.test(label ?? '')).sort(),
  ).toEqual(
    ['le', 'outcome', 'part', 'reason', 'route', 'state', 'status', 'transport', 'verdict'].filter((label) =>
      labels.includes(label),
    ),
  );
});
