import { it } from 'vitest';
import { a, b, expectRestored, given, trialOfEachTest, twice } from './ids-trial.ts';

const ORDERS = 'SELECT id, name FROM orders ORDER BY id';
const ADD = "INSERT INTO orders (name) VALUES ('x')";

trialOfEachTest('CREATE TABLE orders (id bigserial PRIMARY KEY, name text)');

/** An order of another session that shows where the sequence stands: drawn in vain, and again. */
async function order(): Promise<void> {
  await b.run('BEGIN');
  await b.run(ADD);
  await b.run('ROLLBACK');
  await b.run(ADD);
}

it.each<[made: string]>([
  ['CREATE TEMP TABLE orders (id serial, name text)'],
  ['CREATE TEMPORARY TABLE orders AS SELECT 1::bigint AS id, name FROM public.orders'],
  ['SELECT name INTO TEMP orders FROM public.orders'],
  ['CREATE TABLE pg_temp.orders (id bigint GENERATED ALWAYS AS IDENTITY, name text)'],
  ['CREATE TEMP TABLE orders (name text); SELECT 1'],
])('what is written to a temporary table draws nothing from the lasting one of its name: %s', async (made) => {
  await order();
  await a.run(made);
  await a.run(ADD);
  await a.run('INSERT INTO pg_temp.orders (name) VALUES ($1)', ['y']);
  await order();
  await a.run(ADD);
  await a.run("INSERT INTO public.orders (name) VALUES ('lasting')");
  await order();
  await expectRestored(ORDERS);
});

it('nextval and setval of a temporary sequence leave the lasting one of its name alone', async () => {
  await given('CREATE SEQUENCE ticket');
  await a.run('CREATE TEMP SEQUENCE ticket START 500');
  await a.run("SELECT nextval('ticket')");
  await a.run("SELECT setval('ticket', 900)");
  await twice("SELECT nextval('public.ticket')", "INSERT INTO orders (id) SELECT nextval('public.ticket')");
  await b.run("INSERT INTO orders (id) SELECT nextval('ticket')");
  await expectRestored(ORDERS);
});

it.each<[ends: string]>([
  ['DROP TABLE orders'],
  ['DROP TABLE IF EXISTS pg_temp.orders'],
  ['DISCARD TEMP'],
  ['DISCARD ALL'],
  ['ALTER TABLE orders RENAME TO others'],
])('the lasting table is meant again behind %s', async (ends) => {
  await a.run('CREATE TEMP TABLE orders (name text)');
  await a.run(ADD);
  await order();
  await a.run(ends);
  await twice(ADD);
  await expectRestored(ORDERS);
});

it('a table that is dropped with its transaction, or made in one that is rolled back, hides the lasting one up to there', async () => {
  await a.run('BEGIN');
  await a.run('CREATE TEMP TABLE orders (name text) ON COMMIT DROP');
  await a.run(ADD);
  await order();
  await a.run('COMMIT');
  await twice(ADD);
  await a.run('BEGIN');
  await a.run('CREATE TEMP TABLE orders (name text)');
  await a.run(ADD);
  await order();
  await a.run('ROLLBACK');
  await twice(ADD);
  await a.run('BEGIN');
  await a.run('SAVEPOINT s');
  await a.run('CREATE TEMP TABLE orders (name text)');
  await a.run(ADD);
  await a.run('ROLLBACK TO s');
  await a.run(ADD);
  await a.run('COMMIT');
  await order();
  await expectRestored(ORDERS);
});

it('a temporary table is there again when the transaction that dropped it is rolled back', async () => {
  await a.run('CREATE TEMP TABLE orders (name text)');
  await a.run('BEGIN');
  await a.run('DROP TABLE orders');
  await a.run(ADD);
  await a.run('ROLLBACK');
  await a.run(ADD);
  await order();
  await expectRestored(ORDERS);
});

it('a copy of a table with its defaults draws from the sequence of the lasting one, as long as it has the column', async () => {
  await a.run('CREATE TEMP TABLE staged (LIKE orders INCLUDING ALL)');
  await twice("INSERT INTO staged (name) VALUES ('one')");
  await a.run("INSERT INTO staged (name) VALUES ('two'), ('three')");
  await order();
  await a.run('INSERT INTO orders SELECT * FROM staged');
  await order();
  await a.run('ALTER TABLE staged DROP COLUMN id');
  await a.run("INSERT INTO staged VALUES ('four')");
  await order();
  await expectRestored(ORDERS);
});

it('a prepared statement writes to the temporary table that its session has made since', async () => {
  await a.run('PREPARE add (text) AS INSERT INTO orders (name) VALUES ($1)');
  await a.run('CREATE TEMP TABLE orders (name text)');
  await a.run("EXECUTE add('temporary')");
  await order();
  await expectRestored(ORDERS);
});

it('lastval that speaks of a temporary sequence gives what it drew', async () => {
  await given('CREATE TABLE last (value bigint)');
  await a.run(ADD);
  await a.run('CREATE TEMP TABLE counted (id serial, name text)');
  await a.run("INSERT INTO counted (name) SELECT 'x' FROM generate_series(1, 50)");
  await a.run('INSERT INTO last SELECT lastval()');
  await order();
  await expectRestored(ORDERS, 'SELECT * FROM last');
});

it('of several names in one DROP the temporary and the lasting ones are dropped', async () => {
  await given('CREATE TABLE item (id bigserial, name text)');
  await a.run('CREATE TEMP TABLE orders (name text)');
  await a.run('DROP TABLE orders, item');
  await a.run('CREATE TABLE item (id bigint GENERATED ALWAYS AS IDENTITY (START 100), name text)');
  await twice("INSERT INTO item (name) VALUES ('x')");
  await twice(ADD);
  await expectRestored(ORDERS, 'SELECT * FROM item');
});
