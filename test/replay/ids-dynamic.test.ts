import { expect, it } from 'vitest';
import { failures, run } from './ids-support.ts';
import {
  a,
  b,
  bench,
  expectRestored,
  given,
  recorder,
  rolledBack,
  source,
  target,
  trialOfEachTest,
  twice,
} from './ids-trial.ts';

trialOfEachTest(`
  CREATE TABLE orders (id bigserial PRIMARY KEY, name text);
  CREATE TABLE log_main (id bigserial PRIMARY KEY, name text);
  CREATE TABLE lines (id bigserial PRIMARY KEY, order_id bigint REFERENCES orders, name text)`);

const ALL = `
  SELECT 'orders', id, name FROM orders UNION ALL SELECT 'log', id, name FROM log_main
  UNION ALL SELECT 'lines', id, name FROM lines ORDER BY 1, 2`;

it.each<[what: string, body: string]>([
  ['a literal', `EXECUTE 'INSERT INTO orders (name) VALUES ($1)' USING name`],
  ['format with constants', `EXECUTE format('INSERT INTO %I (name) VALUES (%L)', 'orders', name)`],
  [
    'a variable that is given constants',
    `name := concat('INSERT INTO orders (name) VALUES (''', 'x', ''')'); EXECUTE name`,
  ],
  ['nextval of a literal', `EXECUTE 'INSERT INTO orders SELECT nextval(''orders_id_seq''), $1' USING name`],
  [
    'a table whose name begins as no other does',
    `EXECUTE format('INSERT INTO %I (name) VALUES ($1)', 'ord' || lower('ERS')) USING name`,
  ],
])('restores what dynamic SQL draws: %s', async (_, body) => {
  await given(`CREATE FUNCTION add(name text) RETURNS void LANGUAGE plpgsql AS $f$ BEGIN ${body}; END $f$`);
  await twice("SELECT add('one')");
  await rolledBack();
  await a.run("INSERT INTO orders (name) VALUES ('two')");
  await twice("SELECT add('three')");
  await a.run("INSERT INTO orders (name) VALUES ('four')");
  const { report } = await expectRestored(ALL);
  expect(report?.remarks.join()).not.toContain('puts SQL together');
});

const ADD = `CREATE FUNCTION add(tab text, name text) RETURNS bigint LANGUAGE plpgsql AS
  $f$ DECLARE n bigint; BEGIN EXECUTE format('INSERT INTO %I (name) VALUES ($1) RETURNING id', tab) INTO n USING name; RETURN n; END $f$;
  CREATE FUNCTION anything(statement text) RETURNS void LANGUAGE plpgsql AS $f$ BEGIN EXECUTE statement; END $f$;`;

it.each<[what: string, call: (table: string, name: string) => string, runs: string]>([
  [
    'a table that an argument names',
    (table, name) => `SELECT add('${table}', '${name}')`,
    'public.add, which puts SQL together from variables (…)',
  ],
  [
    'a statement that an argument is',
    (table, name) => `SELECT anything('INSERT INTO ${table} (name) VALUES (''${name}'')')`,
    'public.anything, which puts SQL together from variables (statement)',
  ],
])('asks the target what a function drew that runs %s', async (_, call, runs) => {
  await given(ADD);
  for (let n = 0; n < 4; n++) {
    await a.run(call(n % 2 === 0 ? 'orders' : 'log_main', `called ${n}`));
    await rolledBack();
    await a.run(`INSERT INTO orders (name) VALUES ('plain ${n}')`);
    await b.run(call('log_main', `called too ${n}`));
    await a.run(`INSERT INTO log_main (name) VALUES ('plain ${n}')`);
  }
  const { report, events } = await expectRestored(ALL);
  expect(report?.remarks.join('\n')).toContain(
    `8 statements ran ${runs}, so that nothing tells which sequences it draws from`,
  );
  expect(events.filter((event) => event.kind === 'NOTICE' && event.code === 'IDS_UNSETTLED')).toEqual([]);
});

it('learns from later statements what such a function drew that was rolled back', async () => {
  await given(ADD);
  for (let n = 0; n < 4; n++) {
    await b.run('BEGIN');
    await b.run("SELECT add('orders', 'gone'), add('orders', 'gone, too')");
    await b.run('ROLLBACK');
    await a.run('BEGIN');
    const { rows } = await a.run(`SELECT add('orders', 'kept ${n}')`);
    await a.run('INSERT INTO lines (order_id, name) VALUES ($1, $2)', [rows[0]?.[0], n]);
    await a.run('COMMIT');
  }
  await expectRestored(ALL);
});

it('gives nobody a value twice where such a function drew in a transaction that committed later than others', async () => {
  await given(ADD);
  for (let n = 0; n < 5; n++) {
    await a.run('BEGIN');
    await a.run(`SELECT add('orders', 'called ${n}'), add('orders', 'again ${n}')`);
    await b.run(`SELECT add('orders', 'meanwhile ${n}')`);
    await b.run(`INSERT INTO orders (name) VALUES ('plain ${n}')`);
    await a.run('COMMIT');
    await b.run(`INSERT INTO orders (name) VALUES ('behind ${n}')`);
  }
  const replayed = await bench.replay(target, await recorder.finish(bench.journal));
  expect(failures(replayed)).toEqual([]);
  const count = 'SELECT count(*), count(DISTINCT name) FROM orders';
  expect(await run(target, count)).toBe(await run(source, count));
});

it('follows where a function sets a sequence back by SQL that it puts together', async () => {
  await given(`CREATE FUNCTION reset(tab text) RETURNS void LANGUAGE plpgsql AS
    $f$ BEGIN EXECUTE format('TRUNCATE %I RESTART IDENTITY', tab); END $f$;
    CREATE FUNCTION reset_log() RETURNS void LANGUAGE plpgsql AS
    $f$ BEGIN DELETE FROM log_main; PERFORM setval(pg_get_serial_sequence('log_main', 'id'), 7, false); END $f$`);
  for (const name of ['one', 'two', 'three']) {
    await twice(`INSERT INTO orders (name) VALUES ('${name}')`);
    await twice(`INSERT INTO log_main (name) VALUES ('${name}')`);
    await a.run(name === 'two' ? "SELECT reset('lines')" : "SELECT reset('log_main'), reset_log()");
    await twice(`INSERT INTO orders (name) VALUES ('${name} behind')`);
    await twice(`INSERT INTO log_main (name) VALUES ('${name} behind')`);
  }
  await expectRestored(ALL);
});

it('follows what it can of more sequences than it asks for, and sets none of which it does not know where it stands', async () => {
  const numbers = Array.from({ length: 40 }, (_, index) => index);
  await given(`${ADD} ${numbers.map((n) => `CREATE TABLE t${n} (id bigserial PRIMARY KEY, name text);`).join('\n')}`);
  for (let n = 0; n < 3; n++) {
    await a.run(`SELECT add('t${n}', 'called')`);
    await rolledBack("INSERT INTO t1 (name) VALUES ('gone')");
    await a.run(`INSERT INTO t1 (name) VALUES ('plain ${n}')`);
    await a.run(`SELECT add('t1', 'called ${n}')`);
    await a.run(`INSERT INTO t${n + 10} (name) VALUES ('plain')`);
  }
  const replayed = await bench.replay(target, await recorder.finish(bench.journal));
  expect(failures(replayed)).toEqual([]);
  for (const n of numbers) {
    const rows = `SELECT id, name FROM t${n} ORDER BY id`;
    expect(await run(target, rows)).toBe(await run(source, rows));
  }
});

it('restores what a partition trigger draws that names the partition by the row', async () => {
  await given(`
    CREATE TABLE event (id bigserial, kind text);
    CREATE TABLE event_a () INHERITS (event); CREATE TABLE event_b () INHERITS (event);
    CREATE FUNCTION route() RETURNS trigger LANGUAGE plpgsql AS
      $f$ BEGIN EXECUTE format('INSERT INTO %I SELECT ($1).*', TG_TABLE_NAME || '_' || NEW.kind) USING NEW; RETURN NULL; END $f$;
    CREATE TRIGGER route BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION route()`);
  for (let n = 0; n < 3; n++) {
    await twice("INSERT INTO event (kind) VALUES ('a'), ('b')");
    await twice("INSERT INTO event_a (kind) VALUES ('a')");
  }
  await expectRestored('SELECT tableoid::regclass, id, kind FROM event ORDER BY id');
});

it('restores what one trigger function of several tables draws, which names what it writes to by the table', async () => {
  await given(`
    CREATE SCHEMA sales;
    CREATE TABLE "Line" (id bigserial PRIMARY KEY, no bigint, name text);
    CREATE TABLE sales.bills (id bigserial PRIMARY KEY, no bigint, name text);
    CREATE SEQUENCE "Line_no"; CREATE SEQUENCE sales.bills_no;
    CREATE TABLE "Line_history" (id bigserial PRIMARY KEY, name text);
    CREATE TABLE sales.bills_history (id bigserial PRIMARY KEY, name text);
    CREATE FUNCTION number() RETURNS trigger LANGUAGE plpgsql AS
      $f$ BEGIN NEW.no := nextval(format('%I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME || '_no')); RETURN NEW; END $f$;
    CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
      $f$ DECLARE t text := TG_TABLE_NAME || '_history';
      BEGIN EXECUTE format('INSERT INTO %I.%I (name) VALUES ($1)', TG_TABLE_SCHEMA, t) USING NEW.name; RETURN NULL; END $f$;
    CREATE TRIGGER number BEFORE INSERT ON "Line" FOR EACH ROW EXECUTE FUNCTION number();
    CREATE TRIGGER number BEFORE INSERT ON sales.bills FOR EACH ROW EXECUTE FUNCTION number();
    CREATE TRIGGER keep AFTER INSERT OR UPDATE ON "Line" FOR EACH ROW EXECUTE FUNCTION keep();
    CREATE TRIGGER keep AFTER INSERT OR UPDATE ON sales.bills FOR EACH ROW EXECUTE FUNCTION keep()`);
  for (let n = 0; n < 3; n++) {
    await twice(`INSERT INTO "Line" (name) VALUES ('line ${n}'), ('and ${n}')`);
    await twice(`INSERT INTO sales.bills (name) VALUES ('bill ${n}')`);
    await rolledBack(`UPDATE sales.bills SET name = name || '!' WHERE name = 'bill ${n}'`);
    await a.run(`INSERT INTO sales.bills_history (name) VALUES ('by hand ${n}')`);
  }
  const { report } = await expectRestored(
    'SELECT id, no, name FROM "Line" ORDER BY id',
    'SELECT id, name FROM "Line_history" ORDER BY id',
    'SELECT id, no, name FROM sales.bills ORDER BY id',
    'SELECT id, name FROM sales.bills_history ORDER BY id',
  );
  expect(report?.remarks.join()).not.toContain('puts SQL together');
});

it('asks for what such a trigger draws where a partition is the table that it fires for', async () => {
  await given(`
    CREATE TABLE event (id bigserial, kind text) PARTITION BY LIST (kind);
    CREATE TABLE event_a PARTITION OF event FOR VALUES IN ('a');
    CREATE TABLE event_history (id bigserial, kind text); CREATE TABLE event_a_history (id bigserial, kind text);
    CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
      $f$ BEGIN EXECUTE format('INSERT INTO %I (kind) VALUES ($1)', TG_TABLE_NAME || '_history') USING NEW.kind; RETURN NULL; END $f$;
    CREATE TRIGGER keep AFTER INSERT ON event FOR EACH ROW EXECUTE FUNCTION keep()`);
  for (let n = 0; n < 3; n++) {
    await a.run("INSERT INTO event (kind) VALUES ('a')");
    await twice("INSERT INTO event_a (kind) VALUES ('a')");
    await twice("INSERT INTO event_history (kind) VALUES ('by hand')");
  }
  await expectRestored('SELECT * FROM event_a_history ORDER BY id', 'SELECT * FROM event_history ORDER BY id');
});
