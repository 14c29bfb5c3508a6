import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ReplayInput } from '../../src/replay/request.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { failures, run } from './ids-support.ts';
import { a, bench, recorder, rolledBack, source, target, trialOfEachTest } from './ids-trial.ts';

const ROLE = `reprise_reads_${process.pid}`;
let home: TestDatabase;

trialOfEachTest(`
  CREATE TABLE orders (id bigserial PRIMARY KEY, name text);
  CREATE TABLE items (id bigserial PRIMARY KEY, name text);
  GRANT SELECT, INSERT ON orders, items TO PUBLIC;
  GRANT USAGE ON orders_id_seq, items_id_seq TO PUBLIC`);
beforeAll(async () => {
  home = await createTestDatabase();
  await run(home, `CREATE ROLE ${ROLE}`);
});
afterAll(async () => {
  await run(home, `DROP ROLE ${ROLE}`);
  await home.drop();
});

/** A query that fails where the expression gives something else than it gives on the source. */
async function expectSameOf(expression: string): Promise<void> {
  const { rows } = await a.run(`SELECT ${expression}`);
  const { failed } = await a.run(`SELECT 1 / (${expression} = ${rows[0]?.[0]})::int`);
  expect(failed).toBeNull();
}

async function expectReplayed(more: Partial<ReplayInput> = {}): Promise<void> {
  const replayed = await bench.replay(target, await recorder.finish(bench.journal), more);
  expect(failures(replayed)).toEqual([]);
  expect(replayed.replay.summary.succeeded).toBe(replayed.replay.summary.planned);
  for (const table of ['orders', 'items']) {
    const sql = `SELECT id, name FROM ${table} ORDER BY id`;
    expect(await run(target, sql)).toBe(await run(source, sql));
  }
}

it.each([{ markProgress: false }, { markProgress: true }])(
  'a read-only transaction has the lastval and currval of its session, %j',
  async (more) => {
    await a.run("INSERT INTO orders (name) VALUES ('one')");
    await rolledBack();
    await a.run('BEGIN READ ONLY');
    await expectSameOf('lastval()');
    await expectSameOf("currval('orders_id_seq')");
    await a.run('COMMIT');
    await a.run("INSERT INTO orders (name) VALUES ('two')");
    await expectReplayed(more);
  },
);

it.each([{ markProgress: false }, { markProgress: true }])(
  'so have the transactions of a session in which they are read-only unless they say otherwise, %j',
  async (more) => {
    await rolledBack();
    await a.run("INSERT INTO orders (name) VALUES ('one')");
    await a.run('SET default_transaction_read_only = on');
    await rolledBack();
    await expectSameOf('lastval()');
    await a.run('BEGIN READ WRITE');
    await a.run("INSERT INTO orders (name) VALUES ('two')");
    await expectSameOf('lastval()');
    await a.run('COMMIT');
    await rolledBack();
    await a.run('BEGIN');
    await expectSameOf("currval('orders_id_seq')");
    await a.run('COMMIT');
    await expectReplayed(more);
  },
);

it('lastval is of what the session drew last, whichever a read-only transaction asks for first', async () => {
  await a.run("INSERT INTO items (name) VALUES ('one'), ('two')");
  await a.run("INSERT INTO orders (name) VALUES ('one')");
  await a.run("INSERT INTO items (name) VALUES ('three')");
  await rolledBack();
  await a.run('BEGIN TRANSACTION READ ONLY');
  await expectSameOf('lastval()');
  await expectSameOf("currval('orders_id_seq')");
  await expectSameOf('lastval()');
  await a.run('COMMIT');
  await expectReplayed();
});

it('a read-only transaction under a role that may only draw has its lastval, too', async () => {
  await a.run(`SET ROLE ${ROLE}`);
  await a.run("INSERT INTO orders (name) VALUES ('one')");
  await rolledBack();
  await a.run('BEGIN READ ONLY');
  await expectSameOf('lastval()');
  await a.run('COMMIT');
  await expectReplayed();
});

it('a transaction that becomes read-only behind its draws has them, and is there', async () => {
  await rolledBack();
  await a.run('BEGIN');
  await a.run("INSERT INTO orders (name) VALUES ('one')");
  await a.run('SET TRANSACTION READ ONLY');
  await expectSameOf('lastval()');
  await a.run('COMMIT');
  await expectReplayed();
});
