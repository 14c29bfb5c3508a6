import { it } from 'vitest';
import { a, b, expectRestored, given, trialOfEachTest, twice } from './ids-trial.ts';

trialOfEachTest();

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
