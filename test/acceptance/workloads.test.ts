import { isDeepStrictEqual } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Entry } from '../../src/journal/entry.ts';
import type { Window } from '../../src/journal/window.ts';
import type { Divergence, OutcomeEvent } from '../../src/replay/event.ts';
import type { Ordering } from '../../src/replay/request.ts';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';
import { readShop, shopAfter } from './shop-model.ts';
import { compareFingerprint, importWorkload, schemaOf } from './workload.ts';

// The runs of a log go beside each other: each has a target of its own, and waits for that most of the time.
describe('the pgbench log', () => {
  const bench = useBench();
  let window: Window;
  beforeAll(async () => {
    ({ window } = await importWorkload(bench.journal, 'pgbench'));
  });

  it.concurrent.for<Ordering>(['TIMESTAMP', 'COMMIT', 'SESSION'])(
    'replayed in %s ordering makes every table what it was on the source',
    { timeout: 400_000 },
    async (ordering, { onTestFinished }) => {
      const target = await bench.target(await schemaOf('pgbench'), onTestFinished);
      const { replay, events, outcomes } = await bench.run(target, { window, ordering });
      expect(replay).toMatchObject({ state: 'COMPLETED', summary: { planned: 27_208, succeeded: 27_208, failed: 0 } });
      expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
      expect(new Set(outcomes.map((outcome) => outcome.ordinal)).size).toBe(27_208);
      expect(await compareFingerprint('pgbench', target)).toEqual({
        accounts: true,
        branches: true,
        history: true,
        tellers: true,
      });
    },
  );
});

describe('the shop log', () => {
  const bench = useBench();
  let window: Window;
  beforeAll(async () => {
    ({ window } = await importWorkload(bench.journal, 'shop'));
  });

  it.concurrent.for<Ordering>(['TIMESTAMP', 'SESSION'])(
    'replayed in %s ordering ends, and all that its tables differ in follows from divergences that it tells',
    { timeout: 400_000 },
    async (ordering, { onTestFinished }) => {
      const target = await bench.target(await schemaOf('shop'), onTestFinished);
      const { replay, outcomes } = await bench.run(target, { window, ordering });
      const { summary } = replay;
      expect(replay.state).toBe('COMPLETED');
      expect(outcomes).toHaveLength(8_233);
      expect(summary.succeeded + summary.failed + summary.cascades + summary.skipped + summary.unknown).toBe(8_233);
      const { entries } = await bench.journal.page(window, {}, null, 10_000);
      const told = new Map(outcomes.map((outcome) => [placeOf(outcome.transactionId, outcome.key.sequence), outcome]));
      const outcomeOf = (entry: Entry) => told.get(placeOf(entry.transactionId, entry.sequence)) as OutcomeEvent;

      // The outcomes are the truth: what is told as done, and nothing else, is there.
      const { lines_of_orders: placed, ...state } = await readShop(target);
      const { lines_of_orders: meant, ...truth } = shopAfter(
        entries,
        (entry) => outcomeOf(entry).status === 'SUCCEEDED',
      );
      expect(state).toEqual(truth);

      // Ids are drawn anew: a line may be on the order of another without any failure, and then a remark says so.
      const report = await bench.engine.report(replay.id);
      const remarked = report.remarks.some((remark) =>
        remark.startsWith('several sessions drew ids from public.orders'),
      );
      expect(remarked || isDeepStrictEqual(placed, meant)).toBe(true);

      // No outcome that differs from the record may pass as the same, and none that agrees as another.
      const failures = ({ divergences }: OutcomeEvent) => failuresOf(divergences);
      for (const entry of entries) {
        const outcome = outcomeOf(entry);
        const recorded = entry.outcome;
        expect(recorded.status).not.toBe('UNKNOWN');
        const differs =
          recorded.status !== outcome.status ||
          (recorded.status === 'FAILED' && recorded.sqlstate !== outcome.sqlstate);
        const { seq } = outcome;
        expect({ seq, told: failures(outcome).length > 0 }).toEqual({ seq, told: differs });
      }

      // A table that differs is named in a transaction that diverged, and the report tells of each divergence.
      const diverged = new Set(entries.filter((entry) => failures(outcomeOf(entry)).length > 0).map(transactionOf));
      const recorded = shopAfter(entries, (entry) => entry.outcome.status === 'SUCCEEDED');
      for (const table of Object.keys(state) as (keyof typeof state)[]) {
        if (isDeepStrictEqual(state[table], recorded[table])) continue;
        const named = entries.filter(({ statement }) => new RegExp(`\\b${table}\\b`).test(statement));
        expect({ table, told: named.some((entry) => diverged.has(transactionOf(entry))) }).toEqual({
          table,
          told: true,
        });
      }
      const groups = report.divergences.filter((group) => failuresOf([group.divergence]).length > 0);
      const count = outcomes.reduce((sum, { divergences }) => sum + failuresOf(divergences).length, 0);
      expect(groups.reduce((sum, group) => sum + group.count, 0)).toBe(count);
    },
  );

  it.concurrent('replayed in COMMIT ordering makes every table what it was on the source, with no new failure', async ({
    onTestFinished,
  }) => {
    const target = await bench.target(await schemaOf('shop'), onTestFinished);
    const { replay } = await bench.run(target, { window, ordering: 'COMMIT' });
    expect(replay.summary).toMatchObject({ failed: 0, cascades: 0, unknown: 0 });
    expect(Object.values(await compareFingerprint('shop', target))).toEqual([true, true, true, true, true, true]);
    const { entries } = await bench.journal.page(window, {}, null, 10_000);
    expect(await readShop(target)).toEqual(shopAfter(entries, (entry) => entry.outcome.status === 'SUCCEEDED'));
  });
});

describe('a record that tells its rows', () => {
  const bench = useBench();
  const STOCK =
    'CREATE TABLE stock (id int PRIMARY KEY, n int); INSERT INTO stock SELECT n, n % 7 FROM generate_series(1, 60) n';

  it.each<Ordering>(['TIMESTAMP', 'COMMIT', 'SESSION'])(
    'replayed in %s ordering against other data: a statement has other rows if and only if it is told as a divergence',
    async (ordering) => {
      const source = await bench.target(STOCK);
      const target = await bench.target(
        `${STOCK}; DELETE FROM stock WHERE id % 9 = 0; UPDATE stock SET n = 9 WHERE id % 11 = 0`,
      );
      const record = new HandMadeRecord();
      const client = await source.connect();
      const rows = new Map<string, number>();
      for (let n = 1; n <= 60; n++) {
        for (const statement of [
          `SELECT id FROM stock WHERE n = ${n % 10}`,
          `UPDATE stock SET n = n + 1 WHERE id BETWEEN ${n} AND ${n + 3} AND n < 6`,
          `DELETE FROM stock WHERE id = ${n} AND n > 5`,
          `INSERT INTO stock VALUES (${100 + n}, ${n % 7})`,
        ]) {
          const { rowCount } = await client.query(statement);
          const place = record.run('a', statement, { rows: rowCount ?? 0 });
          rows.set(placeOf(place.transactionId, place.sequence), rowCount ?? 0);
        }
      }
      const { replay, outcomes } = await bench.run(target, { window: await record.store(bench.journal), ordering });
      expect(replay.summary).toMatchObject({ planned: 240, succeeded: 240 });
      const differing = outcomes.filter((outcome) => {
        const differs = outcome.rows !== rows.get(placeOf(outcome.transactionId, outcome.key.sequence));
        expect(outcome.divergences.includes('ROW_COUNT')).toBe(differs);
        return differs;
      });
      expect(differing.length).toBeGreaterThan(0);
      expect(differing.length).toBeLessThan(240);
      expect(replay.summary.divergences.ROW_COUNT).toBe(differing.length);
    },
  );
});

function failuresOf(divergences: readonly Divergence[]): readonly Divergence[] {
  return divergences.filter((divergence) => divergence.endsWith('_FAILURE'));
}

const transactionOf = ({ transactionId }: Entry): string => transactionId;

function placeOf(transactionId: string, sequence: number): string {
  return `${transactionId} ${sequence}`;
}
