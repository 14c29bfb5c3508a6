import { expect, it } from 'vitest';
import { failures, run } from './ids-support.ts';
import { a, b, bench, expectRestored, given, recorder, source, target, trialOfEachTest, twice } from './ids-trial.ts';

const TENANTS = `
  CREATE SCHEMA one; CREATE SCHEMA two;
  CREATE TABLE public.orders (id bigserial, name text);
  CREATE TABLE one.orders (id bigserial, name text);
  CREATE TABLE two.orders (id bigserial, name text);
  CREATE FUNCTION public.add(name text) RETURNS void LANGUAGE sql AS $$ INSERT INTO orders (name) VALUES (name) $$;`;
const ORDERS = `
  SELECT 'public', id, name FROM public.orders UNION ALL SELECT 'one', id, name FROM one.orders
  UNION ALL SELECT 'two', id, name FROM two.orders ORDER BY 1, 2`;

trialOfEachTest();

it('a function draws from what its names mean along the search path of the session that calls it', async () => {
  await given(TENANTS);
  await a.run('SET search_path TO one, public');
  await b.run('SET search_path TO two, public');
  for (let n = 0; n < 2; n++) {
    for (const session of [a, b]) {
      await session.run("SELECT add('by the function')");
      await session.run('BEGIN');
      await session.run("INSERT INTO orders (name) VALUES ('gone')");
      await session.run('ROLLBACK');
      await session.run("INSERT INTO orders (name) VALUES ('kept')");
    }
  }
  await expectRestored(ORDERS);
});

it('so does a trigger, and what a default calls', async () => {
  await given(`${TENANTS} SET check_function_bodies TO off;
    CREATE TABLE one.codes (id bigserial); CREATE TABLE two.codes (id bigserial);
    CREATE FUNCTION public.code() RETURNS bigint LANGUAGE sql AS $$ INSERT INTO codes DEFAULT VALUES RETURNING id $$;
    CREATE TABLE public.item (code bigint DEFAULT code(), name text);
    CREATE FUNCTION public.log() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO orders (name) VALUES (NEW.name); RETURN NEW; END $$;
    CREATE TRIGGER log AFTER INSERT ON public.item FOR EACH ROW EXECUTE FUNCTION log()`);
  await a.run('SET search_path TO one, public');
  await b.run('SET search_path TO two, public');
  for (const session of [a, b, a]) {
    await session.run("INSERT INTO item (name) VALUES ('x')");
    await session.run('BEGIN');
    await session.run('INSERT INTO codes DEFAULT VALUES');
    await session.run("INSERT INTO orders (name) VALUES ('gone')");
    await session.run('ROLLBACK');
    await session.run('INSERT INTO codes DEFAULT VALUES');
    await session.run("INSERT INTO orders (name) VALUES ('kept')");
  }
  await expectRestored(
    ORDERS,
    'SELECT * FROM item ORDER BY 1, 2',
    'SELECT * FROM one.codes',
    'SELECT * FROM two.codes',
  );
});

it('a function with a search path of its own goes by that, and so does what it calls', async () => {
  await given(`${TENANTS}
    CREATE FUNCTION public.add_to_two(name text) RETURNS void LANGUAGE sql SET search_path TO two, public AS
      $$ SELECT add(name) $$`);
  await a.run('SET search_path TO one, public');
  for (let n = 0; n < 2; n++) {
    await a.run("SELECT add_to_two('x')");
    for (const schema of ['one', 'two'])
      await twice(
        `INSERT INTO ${schema}.orders (name) VALUES ('gone')`,
        `INSERT INTO ${schema}.orders (name) VALUES ('y')`,
      );
  }
  await a.run(`
    CREATE FUNCTION public.add_to_one(name text) RETURNS void LANGUAGE sql SET search_path = "one", 'public' AS
      $$ INSERT INTO orders (name) VALUES (name) $$`);
  await b.run("SELECT add_to_one('z')");
  await twice("INSERT INTO one.orders (name) VALUES ('last')");
  await expectRestored(ORDERS);
});

it('a function that the record creates with the search path of its session goes by that', async () => {
  await given(TENANTS);
  await a.run('SET search_path TO one, public');
  await b.run('SET search_path TO two, public');
  await a.run(`
    CREATE FUNCTION public.note(name text) RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS
      $$ INSERT INTO orders (name) VALUES (name) $$`);
  for (let n = 0; n < 2; n++) {
    await b.run("SELECT note('x')");
    for (const schema of ['one', 'two']) await twice(`INSERT INTO ${schema}.orders (name) VALUES ('y')`);
  }
  await expectRestored(ORDERS);
});

it('leaves alone what a function may draw from along a path that another function has set, and says so', async () => {
  await given(`${TENANTS}
    CREATE FUNCTION public.enter(tenant text) RETURNS void LANGUAGE plpgsql AS
      $$ BEGIN PERFORM set_config('search_path', tenant || ', public', false); END $$`);
  await a.run("SELECT enter('one')");
  await twice("INSERT INTO one.orders (name) VALUES ('gone')", "INSERT INTO orders (name) VALUES ('kept')");
  await a.run("SELECT add('kept')");
  const replayed = await bench.replay(target, await recorder.finish(bench.journal));
  expect(failures(replayed)).toEqual([]);
  expect(replayed.report?.remarks.join()).toContain('one.orders_id_seq: the record does not tell the search path');
});

it('knows the path again behind a function that has set it up to the end of a transaction', async () => {
  await given(`${TENANTS}
    CREATE FUNCTION public.enter(tenant text) RETURNS void LANGUAGE plpgsql AS
      $$ BEGIN PERFORM set_config('search_path', tenant || ', public', true); END $$`);
  await a.run("SELECT enter('one')");
  await twice("INSERT INTO orders (name) VALUES ('x')");
  await a.run('BEGIN');
  await a.run("SELECT enter('one')");
  await a.run('COMMIT');
  await twice("INSERT INTO orders (name) VALUES ('y')");
  await expectRestored(ORDERS);
});

it('restores what a function draws whose body is no text', async () => {
  await given(`
    CREATE TABLE item (id bigserial, name text);
    CREATE FUNCTION add(n text) RETURNS bigint LANGUAGE sql BEGIN ATOMIC INSERT INTO item (name) VALUES (n) RETURNING id; END`);
  for (const name of ['x', 'y']) {
    await a.run(`SELECT add('${name}')`);
    await twice(`INSERT INTO item (name) VALUES ('${name}')`);
  }
  await expectRestored('SELECT id, name FROM item ORDER BY id');
});

it.each<[what: string, rule: string]>([
  ['draws from another table', "DO ALSO INSERT INTO log (name) VALUES ('by the rule')"],
  ['evaluates the default again', 'DO ALSO INSERT INTO log (id, name) VALUES (NEW.id, NEW.name)'],
  ['writes elsewhere', 'DO INSTEAD INSERT INTO log (name) VALUES (NEW.name)'],
  ['updates', 'DO ALSO UPDATE log SET id = DEFAULT'],
])('restores ids behind a rule that %s', async (_, rule) => {
  await given(`
    CREATE TABLE item (id bigserial, name text); CREATE TABLE log (id bigserial, name text);
    INSERT INTO log (name) VALUES ('at first'); CREATE RULE log AS ON INSERT TO item ${rule}`);
  for (const name of ['x', 'y']) {
    await a.run(`INSERT INTO item (name) VALUES ('${name}')`);
    await twice(`INSERT INTO log (name) VALUES ('${name}')`);
  }
  await expectRestored('SELECT * FROM item ORDER BY id', 'SELECT * FROM log ORDER BY id');
});

it('knows rules that the record creates and drops', async () => {
  await given('CREATE TABLE item (id bigserial, name text); CREATE TABLE log (id bigserial, name text)');
  await a.run("CREATE RULE log AS ON INSERT TO item DO ALSO INSERT INTO log (name) VALUES ('by the rule')");
  await a.run("INSERT INTO item (name) VALUES ('x')");
  await twice("INSERT INTO log (name) VALUES ('y')");
  await a.run('DROP RULE log ON item');
  await twice("INSERT INTO item (name) VALUES ('z')");
  await expectRestored('SELECT * FROM item ORDER BY id', 'SELECT * FROM log ORDER BY id');
});

it.each<[view: string, insert: string]>([
  ['CREATE VIEW base AS SELECT * FROM item; CREATE VIEW names AS SELECT name FROM base', "names (name) VALUES ('x')"],
  ['CREATE VIEW names AS SELECT name, i.id AS no FROM item i', "names VALUES ('x', 1000)"],
  ['CREATE VIEW names AS SELECT name, id AS no FROM item', "names (name) SELECT 'x'"],
  ['CREATE VIEW names AS SELECT * FROM item WHERE name IN (SELECT name FROM other)', "names (name) VALUES ('x')"],
  [
    "CREATE VIEW names AS SELECT id, name FROM item; ALTER VIEW names ALTER id SET DEFAULT nextval('other_id_seq')",
    "names (name) VALUES ('x')",
  ],
  [
    `CREATE VIEW names AS SELECT id, name FROM item; CREATE TRIGGER log AFTER INSERT ON item FOR EACH ROW EXECUTE FUNCTION log()`,
    "names (name) VALUES ('x')",
  ],
])('restores what is drawn through a view: %s', async (view, insert) => {
  await given(`
    CREATE TABLE other (id bigserial, name text);
    CREATE TABLE item (id bigserial, name text);
    CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO other (name) VALUES (NEW.name); RETURN NULL; END $$;
    ${view}`);
  for (let n = 0; n < 2; n++) {
    await a.run(`INSERT INTO ${insert}`);
    await twice("INSERT INTO item (name) VALUES ('y')");
    await twice("INSERT INTO other (name) VALUES ('z')");
  }
  await expectRestored('SELECT * FROM item ORDER BY id, name', 'SELECT * FROM other ORDER BY id');
});

it('restores what triggers of partitions draw, also for rows that are routed to them', async () => {
  await given(`
    CREATE TABLE item (id bigserial, k int) PARTITION BY LIST (k); CREATE TABLE part PARTITION OF item FOR VALUES IN (1);
    CREATE TABLE log (id bigserial, name text);
    CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO log (name) VALUES ('x'); RETURN NULL; END $$;
    CREATE TRIGGER log AFTER INSERT ON part FOR EACH ROW EXECUTE FUNCTION log()`);
  for (let n = 0; n < 2; n++) {
    await a.run('INSERT INTO item (k) VALUES (1)');
    await twice("INSERT INTO log (name) VALUES ('y')");
  }
  await expectRestored('SELECT * FROM item ORDER BY id', 'SELECT * FROM log ORDER BY id');
  expect(await run(target, 'SELECT count(*) FROM log')).toBe(await run(source, 'SELECT count(*) FROM log'));
});

it.each<[called: string, one: string, two: string]>([
  ['by its schema', 'one.add', 'two.add'],
  ['along the search path', 'add', 'two.add'],
  ['by another function', 'one.add_more', 'two.add'],
])('of functions of one name in several schemas only the one draws that is called %s', async (_, one, two) => {
  await given(`${TENANTS} DROP FUNCTION public.add(text);
    CREATE FUNCTION public.add(n int) RETURNS void LANGUAGE sql AS 'INSERT INTO public.orders (name) VALUES (n::text)';
    CREATE FUNCTION one.add(n text) RETURNS void LANGUAGE sql AS 'INSERT INTO one.orders (name) VALUES (n)';
    CREATE FUNCTION two.add(n text) RETURNS void LANGUAGE sql AS 'INSERT INTO two.orders (name) VALUES (n)';
    CREATE FUNCTION one.add_more(n text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM one.add(n); END $$`);
  await a.run('SET search_path TO one, public');
  await a.run(`SELECT ${one}('x')`);
  await b.run('BEGIN');
  await b.run(`SELECT ${two}('gone')`);
  await b.run('ROLLBACK');
  await twice("INSERT INTO one.orders (name) VALUES ('y')");
  await a.run(`SELECT ${one}('z')`);
  await a.run('SELECT add(1)');
  await twice("INSERT INTO public.orders (name) VALUES ('y')");
  await expectRestored(ORDERS);
});

it.each(["nextval(CAST('s.number' AS regclass))", "nextval(('s.number'::text)::regclass)"])(
  'reads %s',
  async (call) => {
    await given(`
    CREATE SCHEMA s; CREATE SEQUENCE s.number; CREATE TABLE item (id bigint);
    CREATE FUNCTION number() RETURNS bigint LANGUAGE sql AS $$ SELECT ${call} $$`);
    await twice(`INSERT INTO item VALUES (${call})`);
    await a.run('INSERT INTO item VALUES (number())');
    await twice(`INSERT INTO item VALUES (${call})`);
    await expectRestored('SELECT * FROM item ORDER BY 1');
  },
);
