import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ReplayInput } from '../../src/replay/request.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { failures, type Replayed, run } from './ids-support.ts';
import { a, b, bench, given, recorder, rolledBack, source, target, trialOfEachTest } from './ids-trial.ts';

const ROLE = `Reprise "ids" of ${process.pid}`;
const QUOTED = `"${ROLE.replaceAll('"', '""')}"`;
const ORDERS = 'SELECT id, name FROM orders ORDER BY id';
let home: TestDatabase;

// USAGE on a sequence is all that an INSERT needs, and as a rule all that an application's role has.
trialOfEachTest(`
  CREATE TABLE orders (id bigserial PRIMARY KEY, name text);
  CREATE TABLE copies (id bigserial PRIMARY KEY, code bigserial, name text);
  GRANT SELECT, INSERT ON orders, copies TO PUBLIC;
  GRANT USAGE ON orders_id_seq, copies_id_seq, copies_code_seq TO PUBLIC`);
beforeAll(async () => {
  home = await createTestDatabase();
  await run(home, `CREATE ROLE ${QUOTED}`);
});
afterAll(async () => {
  await run(home, `DROP ROLE ${QUOTED}`);
  await home.drop();
});

/** Replays, and expects what queries give on the source. */
async function expectRestored(more: Partial<ReplayInput>, ...queries: string[]): Promise<Replayed> {
  const replayed = await bench.replay(target, await recorder.finish(bench.journal), more);
  expect(failures(replayed)).toEqual([]);
  expect(replayed.replay.state).toBe('COMPLETED');
  for (const sql of queries) expect(await run(target, sql)).toBe(await run(source, sql));
  return replayed;
}

const WITH_AND_WITHOUT_MARKS = [{ markProgress: false }, { markProgress: true }];

it.each(WITH_AND_WITHOUT_MARKS)(
  'a transaction under a role that may only draw has the ids of the record, %j',
  async (more) => {
    await a.run(`SET ROLE ${QUOTED}`);
    await rolledBack();
    await a.run('BEGIN');
    await a.run('INSERT INTO orders (name) VALUES (current_user)');
    await a.run('COMMIT');
    await expectRestored(more, ORDERS);
  },
);

it.each(WITH_AND_WITHOUT_MARKS)('so has an autocommit statement under such a role, %j', async (more) => {
  await a.run(`SET ROLE ${QUOTED}`);
  await rolledBack();
  await a.run('INSERT INTO orders (name) VALUES (current_user)');
  await a.run("INSERT INTO orders (name) VALUES ('next')");
  await expectRestored(more, ORDERS);
});

it.each([`SET LOCAL ROLE ${QUOTED}`, `SET LOCAL SESSION AUTHORIZATION ${QUOTED}`])(
  'so has what follows %s in its transaction',
  async (statement) => {
    await rolledBack();
    await a.run('BEGIN');
    await a.run(statement);
    await a.run('INSERT INTO orders (name) VALUES (session_user || current_user)');
    await a.run('COMMIT');
    await expectRestored({}, ORDERS.replace('name', `replace(name, '${source.user}', '${target.user}')`));
  },
);

it('behind a statement of uncertain draws under a role, the target is asked by the login', async () => {
  await given(
    'GRANT SELECT ON orders TO PUBLIC; ALTER SEQUENCE copies_code_seq RESTART 1000 INCREMENT -2 MAXVALUE 2000 MINVALUE -2000',
  );
  await a.run("INSERT INTO orders (name) VALUES ('one'), ('two'), ('three')");
  await a.run('BEGIN');
  await a.run(`SET LOCAL ROLE ${QUOTED}`);
  await a.run(
    'WITH made AS (INSERT INTO copies (name) SELECT name FROM orders RETURNING id) SELECT count(*) FROM made',
  );
  await a.run("INSERT INTO copies (name) VALUES ('last')");
  await a.run('COMMIT');
  const replayed = await expectRestored({}, 'SELECT id, code, name FROM copies ORDER BY id');
  expect(replayed.report?.remarks.filter((remark) => /differ|uncertain|left as/.test(remark))).toEqual([]);
});

it('a sequence in a schema that the role may not use is set, too', async () => {
  await given(`
    CREATE SCHEMA hidden;
    CREATE SEQUENCE hidden.codes;
    CREATE FUNCTION draw() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT nextval('hidden.codes') $$`);
  await b.run('BEGIN');
  await b.run('SELECT draw()');
  await b.run('ROLLBACK');
  await a.run('BEGIN');
  await a.run(`SET LOCAL ROLE ${QUOTED}`);
  await a.run('INSERT INTO orders (id, name) VALUES (draw(), current_user)');
  await a.run('COMMIT');
  await expectRestored({}, ORDERS, 'SELECT last_value FROM hidden.codes');
});
