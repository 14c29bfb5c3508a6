import { expect, it } from 'vitest';
import { NamedCatalog } from '../../src/replay/ids/catalog.ts';
import { DrawLedger } from '../../src/replay/ids/ledger.ts';
import { HandMadeRecord } from '../support/record.ts';
import { failures, run } from './ids-support.ts';
import { a, b, bench, expectRestored, given, recorder, source, target, trialOfEachTest, twice } from './ids-trial.ts';

trialOfEachTest('CREATE SEQUENCE besides');

it('forgets no table that only another schema has at a DROP IF EXISTS of its name', async () => {
  await given('CREATE SCHEMA shop; CREATE TABLE shop.item (id bigserial, name text); CREATE SEQUENCE shop.number');
  await twice("INSERT INTO shop.item (name) VALUES ('one')", "SELECT nextval('shop.number')");
  await a.run('DROP TABLE IF EXISTS item');
  await a.run('DROP SEQUENCE IF EXISTS number, item_id_seq');
  await a.run('ALTER TABLE IF EXISTS item RENAME TO thing');
  await a.run('ALTER SEQUENCE IF EXISTS number INCREMENT BY 10');
  await twice("INSERT INTO shop.item (name) VALUES ('two')", "SELECT nextval('shop.number')");
  await twice("INSERT INTO shop.item (name) VALUES ('three')", "SELECT nextval('shop.number')");
  await expectRestored('SELECT * FROM shop.item');
});

it('keeps the triggers of a table that only another schema has at a DROP TRIGGER IF EXISTS', async () => {
  await given(`
    CREATE SCHEMA shop; CREATE TABLE shop.item (name text); CREATE TABLE log (id bigserial, what text);
    CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO log (what) VALUES (NEW.name); RETURN NEW; END $$;
    CREATE TRIGGER log AFTER INSERT ON shop.item FOR EACH ROW EXECUTE FUNCTION log()`);
  await a.run('DROP TRIGGER IF EXISTS log ON item');
  await twice("INSERT INTO shop.item VALUES ('one')");
  await twice("INSERT INTO log (what) VALUES ('by hand')");
  await expectRestored('SELECT * FROM log');
});

it('makes a table anew along the search path beside one of its name in another schema', async () => {
  await given('CREATE SCHEMA blue; CREATE SCHEMA green; CREATE TABLE blue.item (id bigserial, name text)');
  await twice("INSERT INTO blue.item (name) VALUES ('one')");
  await a.run('SET search_path TO green');
  await a.run('DROP TABLE IF EXISTS item');
  await a.run('CREATE TABLE item (id bigserial, name text)');
  await twice("INSERT INTO blue.item (name) VALUES ('two')", "INSERT INTO item (name) VALUES ('two')");
  await expectRestored('SELECT * FROM blue.item', 'SELECT * FROM green.item');
});

it('says so where a path that nobody knows decides whether a DROP IF EXISTS drops a table', async () => {
  await given('CREATE SCHEMA shop; CREATE TABLE shop.item (id bigserial, name text)');
  await twice("INSERT INTO shop.item (name) VALUES ('one')");
  await a.run("DO $$ BEGIN PERFORM set_config('search_path', 'pub' || 'lic', false); END $$");
  await a.run('DROP TABLE IF EXISTS item');
  await twice("INSERT INTO shop.item (name) VALUES ('two')");
  const { report } = await bench.replay(target, await recorder.finish(bench.journal));
  expect(report?.remarks.join()).toContain('shop.item_id_seq: for some statements nothing tells which value they drew');
});

it('tells the temporary tables of a session that are dropped or changed from lasting ones of their names', async () => {
  await given(
    'CREATE TABLE item (id bigserial, name text); CREATE SCHEMA shop; CREATE TABLE shop.part (id bigserial, x int)',
  );
  await twice("INSERT INTO item (name) VALUES ('one')", 'INSERT INTO shop.part (x) VALUES (1)');
  await a.run('CREATE TEMP TABLE item AS SELECT 1 AS x');
  await a.run('CREATE LOCAL TEMPORARY TABLE IF NOT EXISTS part (x int)');
  await a.run('ALTER TABLE item RENAME COLUMN x TO id');
  await a.run('DROP TABLE item, part');
  await twice("INSERT INTO item (name) VALUES ('two')", 'INSERT INTO shop.part (x) VALUES (2)');
  await a.run('BEGIN');
  await a.run('CREATE TEMP TABLE item (x int) ON COMMIT DROP');
  await a.run('COMMIT');
  await b.run('CREATE TEMP TABLE item (x int)');
  await b.run('DISCARD TEMP');
  for (const session of [a, b]) {
    await session.run('DROP TABLE item');
    await session.run('CREATE TABLE IF NOT EXISTS item (id bigserial, name text)');
    await twice("INSERT INTO item (name) VALUES ('three')");
  }
  await expectRestored('SELECT * FROM item', 'SELECT * FROM shop.part');
});

const LOGGED = `
  CREATE TABLE item (name text); CREATE TABLE log (id bigserial, what text);
  CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO log (what) VALUES (NEW.name); RETURN NEW; END $$;
  CREATE TRIGGER log AFTER INSERT ON item FOR EACH ROW EXECUTE FUNCTION log()`;

it('loses no transaction to a trigger that drew from what the record has dropped', async () => {
  await given(LOGGED);
  await a.run("INSERT INTO item VALUES ('one')");
  await a.run('DROP FUNCTION log() CASCADE');
  await a.run('DROP TABLE log');
  await a.run('BEGIN');
  for (const name of ['two', 'three']) await a.run(`INSERT INTO item VALUES ('${name}')`);
  await a.run('COMMIT');
  await expectRestored('SELECT * FROM item');
});

it('loses no transaction to a trigger of a referring table that the record has dropped with what it drew from', async () => {
  await given(`
    CREATE TABLE item (id int PRIMARY KEY); CREATE TABLE part (item int REFERENCES item ON DELETE CASCADE);
    CREATE TABLE log (id bigserial, what text);
    CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO log (what) VALUES ('x'); RETURN OLD; END $$;
    CREATE TRIGGER log AFTER DELETE ON part FOR EACH ROW EXECUTE FUNCTION log();
    INSERT INTO item VALUES (1), (2), (3); INSERT INTO part VALUES (1)`);
  await a.run('DELETE FROM item WHERE id = 1');
  await a.run('DROP TABLE part');
  await a.run('DROP TABLE log');
  await a.run('BEGIN');
  await a.run('DELETE FROM item WHERE id = 2');
  await a.run('INSERT INTO item VALUES (7)');
  await a.run('COMMIT');
  await expectRestored('SELECT * FROM item');
});

it('loses no transaction to a sequence that was dropped where nothing shows it', async () => {
  await given(LOGGED);
  await a.run("INSERT INTO item VALUES ('one')");
  await a.run('DO $$ BEGIN DROP TABLE log; DROP FUNCTION log() CASCADE; END $$');
  await a.run('BEGIN');
  for (const name of ['two', 'three']) await a.run(`INSERT INTO item VALUES ('${name}')`);
  await a.run('COMMIT');
  const replayed = await bench.replay(target, await recorder.finish(bench.journal));
  expect(failures(replayed)).toEqual([]);
  expect(await run(target, 'SELECT * FROM item')).toBe(await run(source, 'SELECT * FROM item'));
});

it('counts what triggers and functions draw from a table that the record drops and makes again', async () => {
  await given(LOGGED);
  await twice("INSERT INTO item VALUES ('one')");
  await a.run('DROP TABLE log');
  await a.run('CREATE TABLE log (id bigint GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 5), what text)');
  await twice("INSERT INTO item VALUES ('two')");
  await twice("INSERT INTO log (what) VALUES ('by hand')");
  await expectRestored('SELECT * FROM log');
});

it('makes nothing and drops nothing that goes back to a savepoint', async () => {
  await given('CREATE TABLE item (id bigserial, name text)');
  await twice("INSERT INTO item (name) VALUES ('one')");
  await a.run('BEGIN');
  await a.run('SAVEPOINT s');
  await a.run('DROP TABLE item');
  await a.run('SAVEPOINT t');
  await a.run('CREATE TABLE item (id bigserial, name text)');
  await a.run('ROLLBACK TO s');
  await a.run('SAVEPOINT u');
  await a.run('CREATE TABLE part (id bigserial, name text)');
  await a.run('RELEASE u');
  await a.run('SAVEPOINT u');
  await a.run('ALTER SEQUENCE part_id_seq INCREMENT 10');
  await a.run('ROLLBACK TO u');
  await a.run('COMMIT');
  await twice("INSERT INTO item (name) VALUES ('two')", "INSERT INTO part (name) VALUES ('two')");
  await twice("INSERT INTO part (name) VALUES ('three')");
  await expectRestored('SELECT * FROM item', 'SELECT * FROM part');
});

it('reads each statement of a string by what those before it have made of the tables', async () => {
  await given("CREATE SEQUENCE number; CREATE TABLE item (id bigserial, no int DEFAULT nextval('number'), name text)");
  await twice("INSERT INTO item (name) VALUES ('one')");
  await a.run(
    "ALTER TABLE item ADD other int; INSERT INTO item (name) VALUES ('two'); ALTER TABLE item ALTER no DROP DEFAULT",
  );
  await twice("INSERT INTO item (name, no) VALUES ('three', nextval('number'))");
  await expectRestored('SELECT * FROM item ORDER BY id');
});

it('keeps little of what a record makes and drops again and again', async () => {
  await Promise.all([a.end(), b.end()]);
  const record = new HandMadeRecord();
  for (let n = 0; n < 3_000; n++) {
    const name = n % 2 === 0 ? 'staging' : `part_${n}`;
    record.run('a', `CREATE TABLE ${name} (id bigserial, x int)`);
    record.run('a', `INSERT INTO ${name} (x) VALUES (1)`);
    record.run('a', `DROP TABLE ${name}`);
  }
  const window = await record.store(bench.journal);
  const catalog = new NamedCatalog(['public']);
  catalog.addSchema('public');
  const ledger = new DrawLedger({
    journal: bench.journal,
    window,
    readFrom: window.from,
    filter: {},
    positionsKnown: true,
    catalogFor: () => catalog,
    loginFor: () => null,
    earlier: new Map(),
  });
  await ledger.readAll();
  const kept = [...ledger.drawn()].map(({ sequence }) => sequence.name);
  expect(kept).toContain('public.staging_id_seq');
  expect(kept.length).toBeLessThanOrEqual(1_000);
  expect(catalog.sequences.size).toBe(0);
});
