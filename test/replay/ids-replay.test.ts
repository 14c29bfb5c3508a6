import { expect, it } from 'vitest';
import type { EntryFilter, Window } from '../../src/journal/window.ts';
import type { ReplayInput } from '../../src/replay/request.ts';
import { HandMadeRecord } from '../support/record.ts';
import type { RecordedSession } from './ids-recorder.ts';
import { failures, type Replayed, run } from './ids-support.ts';
import { a, b, bench, recorder, source, target, trialOfEachTest } from './ids-trial.ts';

const SCHEMA = `
CREATE TABLE orders (id bigserial PRIMARY KEY, name text UNIQUE);
CREATE TABLE lines (order_id bigint REFERENCES orders, what text);
CREATE SEQUENCE ticket;
CREATE TABLE tickets (no int PRIMARY KEY);
`;
const ORDERS = 'SELECT id, name FROM orders ORDER BY id';

trialOfEachTest(SCHEMA);

async function replay(more: Partial<ReplayInput> = {}, window?: Partial<Window>): Promise<Replayed> {
  const whole = await recorder.finish(bench.journal);
  const replayed = await bench.replay(target, { ...whole, ...window }, more);
  expect(replayed.replay.state).toBe('COMPLETED');
  return replayed;
}

async function expectSame(sql = ORDERS): Promise<void> {
  expect(await run(target, sql)).toBe(await run(source, sql));
}

async function order(session: RecordedSession, name: string): Promise<string> {
  const { rows } = await session.run('INSERT INTO orders (name) VALUES ($1) RETURNING id', [name]);
  return String(rows[0]?.[0]);
}

it('with one statement in flight, what sets a sequence is not under way beside a statement', async () => {
  await a.run('BEGIN');
  await order(a, 'gone');
  await a.run('ROLLBACK');
  await order(a, 'kept');
  const { replay: replayed } = await replay({ inFlight: 1 });
  expect(replayed.summary.durationsApproximate).toBe(false);
  await expectSame();
});

it('leaves sequences where the record left them, also when the last draws were rolled back', async () => {
  await order(a, 'kept');
  await b.run('BEGIN');
  await order(b, 'gone');
  await order(b, 'gone too');
  await b.run('ROLLBACK');
  await a.run("SELECT nextval('ticket')");
  await replay();
  await expectSame('SELECT sequencename, last_value FROM pg_sequences ORDER BY 1');
});

it('gives a transaction that began before the window the ids that it drew then', async () => {
  await a.run('BEGIN');
  const early = await order(a, 'early');
  const between = await order(b, 'between');
  // The target is the source as others saw it when the window begins.
  await run(target, `INSERT INTO orders VALUES (${between}, 'between'); SELECT setval('orders_id_seq', ${between})`);
  const from = recorder.tick();
  await a.run('INSERT INTO lines VALUES ($1, $2)', [early, 'x']);
  await order(b, 'late');
  await a.run('COMMIT');
  expect(failures(await replay({}, { from }))).toEqual([]);
  await expectSame();
});

it('follows RESTART and setval of the record, but not what was rolled back', async () => {
  await order(a, 'first');
  await a.run('BEGIN');
  await a.run('TRUNCATE orders, lines RESTART IDENTITY');
  await a.run('ROLLBACK');
  await order(b, 'second');
  await b.run("SELECT setval('orders_id_seq', $1)", [40]);
  await b.run('BEGIN');
  await order(b, 'gone');
  await b.run('ROLLBACK');
  await order(a, 'third');
  await a.run('TRUNCATE orders, lines RESTART IDENTITY');
  await a.run('BEGIN');
  await order(a, 'gone');
  await a.run('ROLLBACK');
  await order(b, 'fourth');
  expect(failures(await replay())).toEqual([]);
  await expectSame();
  expect(await run(target, ORDERS)).toBe('2|fourth');
});

it('finds a record that stands elsewhere than the target by what later statements show', async () => {
  await run(source, "SELECT setval('orders_id_seq', 1000)");
  for (const name of ['one', 'two', 'three']) {
    await a.run('BEGIN');
    const id = await order(a, name);
    if (name === 'two') await a.run('ROLLBACK');
    else {
      await a.run('INSERT INTO lines VALUES ($1, $2)', [id, name]);
      await a.run('COMMIT');
    }
  }
  expect(failures(await replay())).toEqual([]);
  await expectSame();
});

it('counts what the target draws when the record does not tell how many rows there were', async () => {
  await a.run("INSERT INTO orders (name) SELECT 'series ' || n FROM generate_series(1, 7) n");
  await b.run('BEGIN');
  await order(b, 'gone');
  await b.run('ROLLBACK');
  await order(a, 'behind');
  expect(failures(await replay())).toEqual([]);
  await expectSame();
});

it('says so when nothing tells what was drawn', async () => {
  await a.run('BEGIN');
  await a.run("INSERT INTO orders (name) SELECT 'series ' || n FROM generate_series(1, 7) n");
  await a.run('ROLLBACK');
  const id = await order(b, 'shown');
  await b.run('INSERT INTO lines VALUES ($1, $2)', [id, 'x']);
  const replayed = await replay();
  await expectSame();
  expect(replayed.report?.remarks.join('\n')).toContain(
    'generated ids of public.orders_id_seq: 1 statement drew from it: 1 corrected by them',
  );
});

it('leaves a sequence alone that the login may not set, and says so', async () => {
  await run(
    target,
    `CREATE ROLE "${target.name}" LOGIN PASSWORD 'p'; GRANT ALL ON orders, lines TO "${target.name}"; GRANT USAGE ON SEQUENCE orders_id_seq TO "${target.name}"`,
  );
  await order(a, 'one');
  const whole = await recorder.finish(bench.journal);
  const { host, port, name } = target;
  const replayed = await bench.replay(target, whole, {
    target: { host, port, user: name, password: 'p', database: name, tls: 'DISABLE' },
  });
  expect(replayed.replay.summary.failed).toBe(0);
  expect(replayed.report?.remarks).toEqual([
    'generated ids of public.orders_id_seq are not restored: the login of the replay lacks UPDATE on the sequence; 1 statement drew from it',
  ]);
  expect(replayed.events.some((event) => event.kind === 'NOTICE' && event.code === 'IDS_UNSETTLED')).toBe(true);
  await run(target, `DROP OWNED BY "${target.name}"; DROP ROLE "${target.name}"`);
});

it('gives ids again behind a statement that fails only on the target', async () => {
  await run(target, "INSERT INTO orders VALUES (500, 'taken')");
  await order(a, 'one');
  await a.run('BEGIN');
  await order(a, 'taken');
  await order(a, 'with it');
  await a.run('COMMIT');
  for (let n = 0; n < 5; n++) {
    await b.run('BEGIN');
    const id = await order(b, `behind ${n}`);
    await b.run('INSERT INTO lines VALUES ($1, $2)', [id, 'x']);
    await b.run('COMMIT');
  }
  const replayed = await replay();
  expect(replayed.replay.summary.failed).toBe(1);
  expect(await run(target, "SELECT id, name FROM orders WHERE name LIKE 'behind%' ORDER BY 1")).toBe(
    await run(source, "SELECT id, name FROM orders WHERE name LIKE 'behind%' ORDER BY 1"),
  );
});

it('passes values of nextval on to the statements that use them', async () => {
  for (let n = 0; n < 4; n++) {
    const session = n % 2 === 0 ? a : b;
    await session.run('BEGIN');
    const { rows } = await session.run("SELECT nextval('ticket')");
    await session.run('INSERT INTO tickets VALUES ($1)', [rows[0]?.[0]]);
    await session.run(n === 1 ? 'ROLLBACK' : 'COMMIT');
  }
  await replay();
  await expectSame('SELECT no FROM tickets ORDER BY 1');
  await expectSame('SELECT last_value FROM ticket');
});

it('knows the sequences that the record itself creates', async () => {
  const NEW = `CREATE TABLE fresh (id bigserial PRIMARY KEY, name text UNIQUE);
    CREATE TABLE below (no int GENERATED ALWAYS AS IDENTITY (START WITH 50 INCREMENT BY 5), fresh_id bigint REFERENCES fresh (id))`;
  await run(target, 'DROP TABLE lines, orders, tickets; DROP SEQUENCE ticket');
  await a.run('DROP TABLE lines, orders, tickets; DROP SEQUENCE ticket');
  await a.run(NEW);
  for (let n = 0; n < 6; n++) {
    const session = n % 2 === 0 ? a : b;
    await session.run('BEGIN');
    const { rows } = await session.run('INSERT INTO fresh (name) VALUES ($1) RETURNING id', [`n${n}`]);
    await session.run('INSERT INTO below (fresh_id) VALUES ($1)', [rows[0]?.[0]]);
    await session.run(n % 3 === 1 ? 'ROLLBACK' : 'COMMIT');
  }
  const replayed = await replay();
  expect(failures(replayed)).toHaveLength(1); // DROP TABLE: they are gone already
  await expectSame('SELECT * FROM fresh NATURAL JOIN (SELECT no, fresh_id AS id FROM below) b ORDER BY 1');
});

it('lets currval and lastval of a later transaction see what their session drew', async () => {
  for (const session of [a, b, a]) {
    await session.run("SELECT nextval('ticket')");
    await order(b, `between ${session === a} ${recorder.tick()}`);
    await session.run("INSERT INTO tickets VALUES (currval('ticket'))");
    await session.run('SELECT lastval()');
    await session.run("INSERT INTO orders (name) VALUES ('last ' || lastval()::text)");
  }
  expect(failures(await replay())).toEqual([]);
  await expectSame('SELECT no FROM tickets ORDER BY 1');
  await expectSame();
});

it.each([
  "INSERT INTO tickets (number) VALUES (nextval('ticket'))",
  "INSERT INTO tickets VALUES ('x'), (nextval('ticket'))",
  "SELECT nextval('ticket') FROM nowhere",
])('lets currval see what its session drew before a statement that failed without a draw: %s', async (fails) => {
  await a.run('CREATE TABLE seen (of text, no int)');
  for (let n = 0; n < 3; n++) {
    for (const session of [a, b]) await session.run("SELECT nextval('ticket')");
    await a.run(fails);
    await a.run("INSERT INTO seen VALUES ('a', currval('ticket'))");
    await b.run("INSERT INTO seen VALUES ('b', currval('ticket'))");
  }
  await replay();
  await expectSame('SELECT * FROM seen ORDER BY of, no');
});

it.each<[what: string, filter: (sessionId: string) => EntryFilter]>([
  ['users', () => ({ users: ['app'] })],
  ['applications', () => ({ applications: ['web'] })],
  ['sessions', (sessionId) => ({ sessionIds: [sessionId] })],
])(
  'counts nothing that another database drew, created or dropped, where a filter on %s leaves it out',
  async (_, filter) => {
    await Promise.all([a.end(), b.end()]);
    const record = new HandMadeRecord();
    const shop = { user: 'app', application: 'web' };
    const other = { user: 'clerk', application: 'office', database: 'billing' };
    record.run('a', "INSERT INTO orders (name) VALUES ('one')", shop);
    record.run('b', "INSERT INTO orders (name) VALUES ('drawn'), ('elsewhere')", other);
    record.run('a', "INSERT INTO orders (name) VALUES ('two')", shop);
    record.run('b', 'TRUNCATE orders, lines RESTART IDENTITY', other);
    record.run('a', "INSERT INTO orders (name) VALUES ('three')", shop);
    record.run('b', 'DROP TABLE orders CASCADE', other);
    for (const end of ['ROLLBACK', 'COMMIT']) {
      record.run('c', 'BEGIN', { user: 'guest' });
      record.run('c', `INSERT INTO orders (name) VALUES ('four, then ${end}')`, { user: 'guest' });
      record.run('c', end, { user: 'guest' });
    }
    record.run('a', "INSERT INTO orders (name) VALUES ('six')", shop);
    const window = await record.store(bench.journal);
    const replayed = await bench.replay(target, window, { filter: filter(record.sessionId('a')) });
    expect(failures(replayed)).toEqual([]);
    expect(await run(target, ORDERS)).toBe('1|one\n2|two\n3|three\n6|six');
  },
);
