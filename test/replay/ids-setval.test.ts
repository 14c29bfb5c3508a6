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
  CREATE TABLE lines (order_id bigint REFERENCES orders, name text)`);

const ALL = 'SELECT o.id, o.name, l.name FROM orders o LEFT JOIN lines l ON order_id = id ORDER BY id';

it.each([
  "SELECT setval('orders_id_seq', (SELECT max(id) FROM orders))",
  "SELECT setval('orders_id_seq', (SELECT coalesce(max(id), 0) + 1 FROM orders), false)",
  "SELECT setval(pg_get_serial_sequence('orders', 'id'), max(id)) FROM orders",
  "SELECT setval('orders_id_seq', max(id) + 100, max(id) IS NOT NULL) FROM orders",
  "SELECT setval('orders_id_seq', 5000 + 1)",
  "DO $$ BEGIN PERFORM setval('orders_id_seq', (SELECT max(id) FROM orders)); END $$",
])('draws behind %s go on from where the target has it', async (moves) => {
  await a.run("INSERT INTO orders VALUES (700, 'given')");
  for (const name of ['one', 'two']) {
    await twice(`INSERT INTO orders (name) VALUES ('${name}')`);
    await a.run(moves);
    await rolledBack();
    await b.run(`INSERT INTO orders (name) VALUES ('${name} behind')`);
    await twice(`INSERT INTO orders (name) VALUES ('${name} last')`);
  }
  await expectRestored(ALL);
});

it('goes on from there within the transaction, too, and behind one that is set again before the target has answered', async () => {
  for (let n = 0; n < 30; n++) {
    await a.run('BEGIN');
    await a.run("SELECT setval('orders_id_seq', (SELECT coalesce(max(id), 0) + 10 FROM orders), false)");
    await a.run(`INSERT INTO orders (name) VALUES ('${n}'), ('${n}, too')`);
    await a.run('COMMIT');
    if (n % 3 === 0) await rolledBack();
  }
  await expectRestored(ALL);
});

it('corrects the place that the target has by what later statements show', async () => {
  await run(source, "INSERT INTO orders VALUES (900, 'only here')");
  await a.run("SELECT setval('orders_id_seq', (SELECT coalesce(max(id), 1) FROM orders))");
  for (const name of ['one', 'two', 'three']) {
    await a.run('BEGIN');
    const { rows } = await a.run(`INSERT INTO orders (name) VALUES ('${name}') RETURNING id`);
    await a.run('INSERT INTO lines VALUES ($1, $2)', [rows[0]?.[0], name]);
    await a.run(name === 'two' ? 'ROLLBACK' : 'COMMIT');
  }
  const replayed = await bench.replay(target, await recorder.finish(bench.journal));
  expect(failures(replayed)).toEqual([]);
  expect(await run(target, ALL)).toBe(await run(source, `SELECT * FROM (${ALL}) a WHERE id <> 900`));
});

it('leaves to the target what is drawn behind a setval that the record rolled back', async () => {
  await a.run("INSERT INTO orders (name) VALUES ('one')");
  await rolledBack("SELECT setval('orders_id_seq', (SELECT max(id) + 50 FROM orders))");
  await a.run("INSERT INTO orders (name) VALUES ('two')");
  const replayed = await bench.replay(target, await recorder.finish(bench.journal));
  expect(failures(replayed)).toEqual([]);
  expect(replayed.report?.remarks.join()).toContain('nothing tells which value they drew');
});

it('counts on behind an uncertain count although the record sets the sequence later on', async () => {
  await given(`CREATE FUNCTION fill(n int) RETURNS void LANGUAGE sql AS
    $$ INSERT INTO orders (name) SELECT 'filled' FROM generate_series(1, n) $$`);
  await a.run('SELECT fill(5)');
  await twice("INSERT INTO orders (name) VALUES ('behind')");
  await a.run("SELECT setval('orders_id_seq', 100)");
  await twice("INSERT INTO orders (name) VALUES ('last')");
  await expectRestored(ALL);
});

it.each([
  "TRUNCATE orders, lines RESTART IDENTITY; INSERT INTO orders (name) VALUES ('a'), ('b'), ('c')",
  "ALTER SEQUENCE orders_id_seq RESTART WITH 50; INSERT INTO orders (name) VALUES ('a'); SELECT nextval('orders_id_seq')",
  "SELECT setval('orders_id_seq', 500); INSERT INTO orders (name) SELECT 'a' FROM generate_series(1, 4)",
  "INSERT INTO orders (name) VALUES ('a'); SELECT setval('orders_id_seq', 500); INSERT INTO orders (name) VALUES ('b'); SELECT fill(3)",
  "TRUNCATE orders, lines RESTART IDENTITY; SELECT fill_any('orders')",
  "SELECT setval('orders_id_seq', 500); INSERT INTO orders (name) VALUES ('a'); SELECT setval('orders_id_seq', 600)",
])('draws behind %s go on from where its draws leave the sequence', async (moves) => {
  await given(`
    CREATE FUNCTION fill(n int) RETURNS void LANGUAGE sql AS
      $$ INSERT INTO orders (name) SELECT 'filled' FROM generate_series(1, n) $$;
    CREATE FUNCTION fill_any(t text) RETURNS void LANGUAGE plpgsql AS
      $$ BEGIN EXECUTE 'INSERT INTO ' || t || ' (name) VALUES (1), (2)'; END $$`);
  for (let n = 0; n < 3; n++) await a.run("INSERT INTO orders (name) VALUES ('before')");
  await a.run(moves);
  await a.run("INSERT INTO orders (name) VALUES ('behind')");
  await twice("INSERT INTO orders (name) VALUES ('last')");
  await expectRestored(ALL);
});

it('counts on from a setval and draws of one string that the record rolled back', async () => {
  await rolledBack("SELECT setval('orders_id_seq', 500); INSERT INTO orders (name) VALUES ('a'), ('b')");
  await twice("INSERT INTO orders (name) VALUES ('behind')");
  await expectRestored(ALL);
});

it('counts nothing that was drawn or set behind a restart which went back', async () => {
  await twice("INSERT INTO orders (name) VALUES ('first')");
  for (const [restarts, undo] of [
    ['TRUNCATE lines, orders RESTART IDENTITY', 'ROLLBACK'],
    ['TRUNCATE lines, orders RESTART IDENTITY', 'ROLLBACK TO s'],
    ['ALTER SEQUENCE orders_id_seq RESTART WITH 700', 'ROLLBACK'],
  ] as const) {
    for (const sql of ['BEGIN', 'SAVEPOINT s', restarts]) await b.run(sql);
    for (let n = 0; n < 3; n++) await b.run("INSERT INTO orders (name) VALUES ('gone')");
    await b.run("SELECT setval('orders_id_seq', 5000)");
    await b.run(undo);
    if (b.inTransaction) {
      await b.run("INSERT INTO orders (name) VALUES ('kept')");
      await b.run('COMMIT');
    }
    await twice("INSERT INTO orders (name) VALUES ('behind')");
  }
  await expectRestored(ALL);
});

it('takes a setval for none where no row is there to call it for', async () => {
  await twice("INSERT INTO orders (name) VALUES ('one')");
  await a.run("SELECT setval('orders_id_seq', 5000) FROM orders WHERE id < 0");
  await rolledBack();
  await a.run("INSERT INTO orders (name) VALUES ('two')");
  await expectRestored(ALL);
});
