import { expect, it } from 'vitest';
import { failures, type Replayed, run } from './ids-support.ts';
import { a, bench, given, recorder, source, target, trialOfEachTest, twice } from './ids-trial.ts';

trialOfEachTest();

/** Replays, and expects what queries give on the source. */
async function expectRestored(...queries: readonly string[]): Promise<Replayed> {
  const replayed = await bench.replay(target, await recorder.finish(bench.journal));
  expect(replayed.replay.state).toBe('COMPLETED');
  expect(failures(replayed)).toEqual([]);
  for (const sql of [...queries, 'SELECT sequencename, last_value FROM pg_sequences ORDER BY 1'])
    expect(await run(target, sql)).toBe(await run(source, sql));
  return replayed;
}

it('restores what is drawn by rows that are inserted straight into a partition', async () => {
  await given(`
    CREATE TABLE item (id bigint GENERATED ALWAYS AS IDENTITY, no bigserial, k int) PARTITION BY RANGE (k);
    CREATE TABLE item_low PARTITION OF item FOR VALUES FROM (0) TO (10)`);
  const { rows } = await a.run("SELECT current_setting('server_version_num')::int >= 170000");
  // Before, partitions had no identity of their own.
  const into = rows[0]?.[0] === true ? 'item_low' : 'item';
  for (const k of [1, 2]) await twice(`INSERT INTO ${into} (k) VALUES (${k})`);
  await a.run('TRUNCATE item_low RESTART IDENTITY');
  await twice('INSERT INTO item (k) VALUES (3)');
  await expectRestored('SELECT * FROM item ORDER BY 1');
});

it('counts below zero: by setval, RESTART and values that later statements show', async () => {
  await given(`
    CREATE SEQUENCE down INCREMENT -1 MINVALUE -10000 MAXVALUE 100;
    CREATE TABLE item (id int DEFAULT nextval('down') PRIMARY KEY, name text);
    CREATE TABLE part (item int REFERENCES item)`);
  await a.run("SELECT setval('down', -5)");
  await twice("INSERT INTO item (name) VALUES ('set')");
  await a.run("SELECT setval('down', '-50'::bigint, false)");
  await twice("INSERT INTO item (name) VALUES ('set')");
  await a.run('ALTER SEQUENCE down RESTART WITH -200');
  await twice("INSERT INTO item (name) VALUES ('restarted')");
  await a.unrecorded("SELECT nextval('down'), nextval('down')");
  for (const name of ['one', 'two']) {
    const { rows } = await a.run('INSERT INTO item (name) VALUES ($1) RETURNING id', [name]);
    const id = String(rows[0]?.[0]);
    if (name === 'one') await a.run('INSERT INTO part VALUES ($1)', [id]);
    else await a.run(`INSERT INTO part VALUES (${id})`);
  }
  await expectRestored('SELECT * FROM item ORDER BY 1', 'SELECT * FROM part ORDER BY 1');
});

it('follows sequences, tables and columns to their new names', async () => {
  await given(
    'CREATE TABLE item (id bigserial PRIMARY KEY, name text); CREATE TABLE part (item bigint REFERENCES item)',
  );
  await twice("INSERT INTO item (name) VALUES ('one')");
  await a.run('ALTER SEQUENCE item_id_seq RENAME TO "Numbers"');
  await twice("INSERT INTO item (name) VALUES ('two')");
  await a.run('ALTER TABLE item RENAME TO thing');
  await twice("INSERT INTO thing (name) VALUES ('three')");
  await a.run('ALTER TABLE thing RENAME COLUMN id TO no');
  await twice("INSERT INTO thing (name) VALUES ('four')", "INSERT INTO thing VALUES (DEFAULT, 'four')");
  await a.run('ALTER TABLE "Numbers" RENAME TO numbers');
  await twice("SELECT nextval('numbers')", "INSERT INTO thing SELECT nextval('numbers'), 'five'");
  const { report } = await expectRestored('SELECT * FROM thing ORDER BY 1');
  expect(report?.remarks).toEqual([
    'generated ids of public.numbers: 5 statements drew from it: 5 by their order in the record alone',
  ]);
});

it('loses no transaction to a sequence that is called otherwise by then', async () => {
  await given('CREATE TABLE item (id bigserial PRIMARY KEY, name text)');
  await twice("INSERT INTO item (name) VALUES ('one')");
  await a.run(`DO $$ BEGIN EXECUTE 'ALTER SEQUENCE item_id_seq RENAME TO numbers'; END $$`);
  await a.run('BEGIN');
  await a.run("INSERT INTO item (name) VALUES ('two')");
  await a.run('COMMIT');
  await twice("INSERT INTO item (name) VALUES ('three')");
  const replayed = await bench.replay(target, await recorder.finish(bench.journal));
  expect(failures(replayed)).toEqual([]);
  expect(await run(target, 'SELECT name FROM item ORDER BY id')).toBe('one\ntwo\nthree');
  expect(replayed.report?.remarks.join()).toContain('public.numbers: on the target, values were drawn');
});

it('counts on in the steps and bounds that ALTER SEQUENCE gives', async () => {
  await given("CREATE SEQUENCE number MAXVALUE 4; CREATE TABLE item (id int DEFAULT nextval('number'), name text)");
  await twice("INSERT INTO item (name) VALUES ('one')");
  await a.run('ALTER SEQUENCE number INCREMENT BY 10 MAXVALUE 1000');
  await twice("INSERT INTO item (name) VALUES ('two')");
  await a.run('BEGIN');
  await a.run('ALTER SEQUENCE number INCREMENT 7');
  await a.run('ROLLBACK');
  await twice("INSERT INTO item (name) VALUES ('three')");
  await a.run('ALTER SEQUENCE number INCREMENT -5 RESTART 300 START WITH 200');
  await twice("INSERT INTO item (name) VALUES ('four')");
  await a.run('ALTER SEQUENCE number RESTART');
  await twice("INSERT INTO item (name) VALUES ('five')");
  await expectRestored('SELECT * FROM item ORDER BY name');
});

it('knows partitions that the record creates', async () => {
  await given('CREATE TABLE item (id bigserial, k int) PARTITION BY RANGE (k)');
  await a.run('CREATE TABLE item_low PARTITION OF item FOR VALUES FROM (0) TO (10)');
  await twice('INSERT INTO item_low (k) VALUES (1)');
  await twice('INSERT INTO item (k) VALUES (2)');
  await expectRestored('SELECT * FROM item ORDER BY 1');
});

it('knows columns that the record adds, and leaves them to the target where rows have drawn already', async () => {
  await given(
    "CREATE TABLE item (name text); INSERT INTO item VALUES ('old'); CREATE TABLE plain (id bigint NOT NULL, name text)",
  );
  await a.run('ALTER TABLE item ADD COLUMN id bigserial, ADD note text');
  await twice("INSERT INTO item (name) VALUES ('new')");
  await a.run(
    'ALTER TABLE plain ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME plain_id_seq START WITH 100 INCREMENT BY 3)',
  );
  for (const name of ['one', 'two'])
    await twice("INSERT INTO plain (name) VALUES ('gone')", `INSERT INTO plain (name) VALUES ('${name}')`);
  await a.run('ALTER TABLE plain ALTER id DROP IDENTITY');
  await a.run("INSERT INTO plain VALUES (1, 'own')");
  const replayed = await bench.replay(target, await recorder.finish(bench.journal));
  expect(failures(replayed)).toEqual([]);
  expect(await run(target, 'SELECT * FROM plain ORDER BY 1')).toBe(await run(source, 'SELECT * FROM plain ORDER BY 1'));
  expect(replayed.report?.remarks.join()).toContain(
    'item_id_seq: for some statements nothing tells which value they drew',
  );
});

it('knows tables that the record makes like others, or below them', async () => {
  await given(`
    CREATE TABLE item (id bigserial, name text);
    CREATE TABLE other (no bigint GENERATED ALWAYS AS IDENTITY (START 50 INCREMENT 5), name text)`);
  await a.run('CREATE TABLE same (LIKE item INCLUDING DEFAULTS, more int)');
  await a.run('CREATE TABLE twin (LIKE other INCLUDING ALL)');
  await a.run('CREATE TABLE bare (LIKE other)');
  await a.run('CREATE TABLE below (more int) INHERITS (item)');
  for (const table of ['item', 'same', 'below', 'other', 'twin'])
    await twice(`INSERT INTO ${table} (name) VALUES ('x')`);
  await a.run("INSERT INTO below VALUES (DEFAULT, 'y', 1)");
  await expectRestored(
    'SELECT * FROM item ORDER BY 1',
    'SELECT * FROM same',
    'SELECT * FROM other',
    'SELECT * FROM twin',
  );
});

it('knows functions and triggers that draw and that the record creates', async () => {
  await given('CREATE TABLE item (name text); CREATE TABLE log (id bigserial, what text)');
  await a.run(`
    CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO log (what) VALUES (NEW.name); RETURN NEW; END $$`);
  await a.run('CREATE TRIGGER log AFTER INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION log()');
  await twice("INSERT INTO item VALUES ('one')");
  await a.run(
    'CREATE OR REPLACE FUNCTION note(what text) RETURNS void LANGUAGE sql AS $$ INSERT INTO log (what) VALUES ($1) $$',
  );
  await twice("SELECT note('two')");
  await twice("UPDATE item SET name = 'three'");
  await twice("INSERT INTO log (what) VALUES ('four')");
  await expectRestored('SELECT * FROM log ORDER BY 1');
});

it.each([
  "SELECT pg_catalog.set_config('search_path', '', false)",
  "INSERT INTO public.item (name) VALUES ('before')",
  'ANALYZE public.item',
])('knows what a string creates, alters and drops that begins with %s', async (first) => {
  await given('CREATE TABLE item (id bigserial, name text); CREATE TABLE old (id bigserial, name text)');
  await twice("INSERT INTO public.old (name) VALUES ('x')");
  await a.run(`${first}; CREATE TABLE public.fresh (id serial, name text); ALTER TABLE public.item ADD no bigint;
    CREATE SEQUENCE public.no; ALTER TABLE public.item ALTER no SET DEFAULT nextval('public.no'); DROP TABLE public.old; CREATE TABLE public.old (id serial, name text); INSERT INTO public.fresh (name) VALUES ('y')`);
  for (const table of ['item', 'fresh', 'old']) await twice(`INSERT INTO public.${table} (name) VALUES ('z')`);
  await expectRestored('SELECT * FROM item ORDER BY 1', 'SELECT * FROM fresh ORDER BY 1', 'SELECT * FROM old');
});

it('knows nothing of what such a string creates where the record rolled it back', async () => {
  await given('CREATE TABLE item (name text); CREATE SEQUENCE number');
  await a.run('BEGIN');
  await a.run("INSERT INTO item VALUES ('x'); ALTER TABLE item ALTER name SET DEFAULT nextval('number')");
  await a.run('ROLLBACK');
  await a.run('INSERT INTO item DEFAULT VALUES');
  await twice("INSERT INTO item VALUES (nextval('number'))");
  await expectRestored('SELECT * FROM item ORDER BY 1');
});
