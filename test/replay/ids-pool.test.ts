import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { PROPERTY_RUNS, PROPERTY_SEED } from '../support/property.ts';
import { HandMadeRecord } from '../support/record.ts';
import { type RecordedSession, Recorder } from './ids-recorder.ts';
import { type Bench, failures, openBench, run } from './ids-support.ts';

const SETUP = `
  CREATE TABLE item (id bigserial PRIMARY KEY, name text);
  CREATE TABLE part (item bigint REFERENCES item)`;

let bench: Bench;
let source: TestDatabase;
let target: TestDatabase;
beforeAll(async () => {
  [bench, source, target] = await Promise.all([openBench(), createTestDatabase(), createTestDatabase()]);
  await Promise.all([run(source, SETUP), run(target, SETUP)]);
});
afterAll(async () => {
  await bench.close();
  await Promise.all([source.drop(), target.drop()]);
});

/** What a request does: it draws on one connection of a pool, and then reads a row, new or of late, on others. */
interface Request {
  readonly draws: (typeof DRAWS)[number];
  readonly on: number;
  readonly reads: readonly { readonly on: number; readonly back: number; readonly refers: boolean }[];
}

const DRAWS = ['row', 'row', 'autocommit', 'rows', 'two', 'gone', 'none'] as const;

const history = fc.array(
  fc.record<Request>({
    draws: fc.constantFrom(...DRAWS),
    on: fc.nat(7),
    reads: fc.array(fc.record({ on: fc.nat(7), back: fc.oneof(fc.constant(0), fc.nat(5)), refers: fc.boolean() }), {
      maxLength: 2,
    }),
  }),
  { minLength: 10, maxLength: 60 },
);

let hour = Date.UTC(2026, 6) * 1000;

async function draw(session: RecordedSession, kind: Request['draws'], name: string): Promise<string[]> {
  const insert = (values: string) => session.run(`INSERT INTO item (name) VALUES ${values} RETURNING id`);
  if (kind === 'none') return [];
  if (kind === 'autocommit') return (await insert(`('${name}')`)).rows.map(([id]) => String(id));
  await session.run('BEGIN');
  const ran = [await insert(kind === 'rows' ? `('${name}, 1'), ('${name}, 2'), ('${name}, 3')` : `('${name}')`)];
  if (kind === 'two') ran.push(await insert(`('${name}, again')`));
  await session.run(kind === 'gone' ? 'ROLLBACK' : 'COMMIT');
  return kind === 'gone' ? [] : ran.flatMap(({ rows }) => rows.map(([id]) => String(id)));
}

it('gives rows their ids by counting where every count is certain, whichever session names them', {
  timeout: 60_000 + PROPERTY_RUNS * 10_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(history, async (requests) => {
      await Promise.all([source, target].map((one) => run(one, 'TRUNCATE item, part RESTART IDENTITY')));
      hour += 3_600_000_000;
      const recorder = new Recorder(source, hour, 2_000);
      const pool: RecordedSession[] = [];
      for (let n = 0; n < 8; n++) pool.push(await recorder.session(String(n)));
      const ids: string[] = [];
      for (const [n, { draws, on, reads }] of requests.entries()) {
        ids.push(...(await draw(pool[on]!, draws, `row ${n}`)));
        for (const read of reads) {
          const id = ids.at(-1 - read.back);
          if (id === undefined) continue;
          const session = pool[read.on]!;
          if (read.refers) await session.run('INSERT INTO part VALUES ($1)', [id]);
          else await session.run('SELECT name FROM item WHERE id = $1', [id]);
        }
      }
      const replayed = await bench.replay(target, await recorder.finish(bench.journal));
      expect(failures(replayed)).toEqual([]);
      expect(await run(target, 'SELECT * FROM item ORDER BY id')).toBe(
        await run(source, 'SELECT * FROM item ORDER BY id'),
      );
    }),
    { numRuns: Math.ceil(PROPERTY_RUNS / 3), seed: PROPERTY_SEED, endOnFailure: true },
  );
});

it('does so however long the record is, beside draws that were rolled back', { timeout: 120_000 }, async () => {
  await Promise.all([source, target].map((one) => run(one, 'TRUNCATE item, part RESTART IDENTITY')));
  const record = new HandMadeRecord();
  const rows: string[] = [];
  for (let n = 1; n <= 1_500; n++) {
    const session = `s${(n * 7) % 8}`;
    const ends = n % 10 === 3 ? 'ROLLBACK' : 'COMMIT';
    for (const sql of ['BEGIN', `INSERT INTO item (name) VALUES ('row ${n}')`, ends])
      record.run(session, sql, { durationMs: 0.5 });
    if (ends === 'COMMIT') rows.push(`${n}|row ${n}`);
    const read = rows.at(n % 4 === 0 ? -3 : -1)!.split('|')[0];
    record.run(`s${(n * 5 + (n % 3)) % 8}`, `SELECT name FROM item WHERE id = ${read}`, { durationMs: 0.5 });
  }
  const replayed = await bench.replay(target, await record.store(bench.journal));
  expect(failures(replayed)).toEqual([]);
  expect(await run(target, 'SELECT * FROM item ORDER BY id')).toBe(rows.join('\n'));
});
