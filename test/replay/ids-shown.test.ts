import { expect, it } from 'vitest';
import { HandMadeRecord } from '../support/record.ts';
import type { RecordedSession } from './ids-recorder.ts';
import { failures, type Replayed, run } from './ids-support.ts';
import { a, b, bench, given, recorder, source, target, trialOfEachTest } from './ids-trial.ts';

trialOfEachTest(`
  CREATE TABLE item (id bigserial PRIMARY KEY, name text);
  CREATE TABLE part (item bigint REFERENCES item)`);

async function replay(): Promise<Replayed> {
  return bench.replay(target, await recorder.finish(bench.journal));
}

async function insert(session: RecordedSession, name: string): Promise<string> {
  const { rows } = await session.run('INSERT INTO item (name) VALUES ($1) RETURNING id', [name]);
  return String(rows[0]?.[0]);
}

async function expectRestored(): Promise<void> {
  expect(failures(await replay())).toEqual([]);
  for (const sql of ['SELECT * FROM item ORDER BY id', 'SELECT * FROM part ORDER BY 1'])
    expect(await run(target, sql)).toBe(await run(source, sql));
}

it('gives ids to more rows of one transaction than it remembers, though later statements name the first ones', async () => {
  await a.run('BEGIN');
  const ids: string[] = [];
  for (let n = 0; n < 2_000; n++) ids.push(await insert(a, `row ${n}`));
  for (const id of ids.slice(0, 50)) await a.run('INSERT INTO part VALUES ($1)', [id]);
  await a.run('COMMIT');
  await expectRestored();
});

it('takes neighbouring rows that a transaction names for older ones where the target stands behind them', async () => {
  for (const database of [source, target])
    await run(database, "INSERT INTO item (name) SELECT 'old' FROM generate_series(1, 100)");
  await a.run('BEGIN');
  for (const name of ['one', 'two']) await insert(a, name);
  await a.run("UPDATE item SET name = 'changed' WHERE id = $1", ['5']);
  await a.run("UPDATE item SET name = 'changed' WHERE id = $1", ['6']);
  await a.run('COMMIT');
  await insert(b, 'three');
  await expectRestored();
});

it('takes rows that one transaction names again and again for older ones, though each follows one of its own', async () => {
  for (const database of [source, target])
    await run(database, "INSERT INTO item (name) SELECT 'old' FROM generate_series(1, 100)");
  await a.run('BEGIN');
  for (const id of ['5', '6', '7']) {
    await insert(a, 'new');
    await a.run("UPDATE item SET name = 'changed' WHERE id = $1", [id]);
  }
  await a.run('COMMIT');
  await insert(b, 'another');
  await expectRestored();
});

it('takes an id that a session names for one that it drew last, however many it drew alone before', async () => {
  for (let n = 0; n < 1_003; n++) await insert(a, 'row');
  await a.unrecorded("SELECT setval('item_id_seq', 1010)");
  await a.run('INSERT INTO part VALUES ($1)', [await insert(a, 'behind the gap')]);
  await expectRestored();
});

it('does not take an id that a transaction names for one of its later rows where it may be of too many before', async () => {
  await Promise.all([a.end(), b.end()]);
  const record = new HandMadeRecord();
  const expected: string[] = [];
  const inserted = (session: string, name: string, durationMs = 0.1) => {
    record.run(session, `INSERT INTO item (name) VALUES ('${name}')`, { durationMs });
    expected.push(`${expected.length + 1}|${name}`);
  };
  record.run('a', 'BEGIN');
  for (let n = 0; n < 990; n++) inserted('a', `row ${n}`);
  // One that runs at the same time as all that follow: its place among them is open.
  inserted('b', 'beside', 10_000);
  for (let n = 990; n < 1_010; n++) inserted('a', `row ${n}`);
  record.run('a', 'INSERT INTO part VALUES (1001)');
  record.run('a', 'COMMIT');
  const replayed = await bench.replay(target, await record.store(bench.journal));
  expect(failures(replayed)).toEqual([]);
  expect(await run(target, 'SELECT * FROM item ORDER BY id')).toBe(expected.join('\n'));
});

it('takes an id that a new row was given for none that other rows of its table drew by default', async () => {
  for (let n = 1; n < 3; n++) {
    for (const sql of ['BEGIN', "INSERT INTO item (name) VALUES ('gone')", 'ROLLBACK']) await b.run(sql);
    await insert(a, 'drawn');
    await a.run('INSERT INTO item (id, name) VALUES ($1, $2)', [String(7 + n), 'given']);
  }
  await expectRestored();
});

it('takes an id that a new row was given for one that its session asked nextval for', async () => {
  for (const sql of ['BEGIN', "SELECT nextval('item_id_seq')", 'ROLLBACK']) await b.run(sql);
  await a.unrecorded("SELECT nextval('item_id_seq')");
  const { rows } = await a.run("SELECT nextval('item_id_seq')");
  await a.run('INSERT INTO item (id, name) VALUES ($1, $2)', [String(rows[0]?.[0]), 'asked for']);
  await insert(a, 'drawn');
  await expectRestored();
});

it('takes an id that a transaction names for one that its session drew before the transaction, where counting says so', async () => {
  await a.run('INSERT INTO part VALUES ($1)', [await insert(a, 'known')]);
  const id = await insert(a, 'named later');
  await insert(b, 'beside');
  for (let n = 0; n < 3; n++) {
    await a.run('BEGIN');
    await insert(a, `gone ${n}`);
    await a.run("UPDATE item SET name = 'changed' WHERE id = $1", [id]);
    await a.run(n === 1 ? 'COMMIT' : 'ROLLBACK');
    await insert(b, `behind ${n}`);
  }
  await expectRestored();
});

it('takes an id that a session names later for none of its own where counting gives it to another session', async () => {
  const read = (session: RecordedSession, id: string) => session.run('SELECT name FROM item WHERE id = $1', [id]);
  await a.run('INSERT INTO part VALUES ($1)', [await insert(a, 'known')]);
  const [first, second] = [await insert(a, 'first'), await insert(b, 'second')];
  await read(a, second);
  await read(b, first);
  for (const name of ['third', 'fourth']) await insert(await recorder.session(name), name);
  await a.run('BEGIN');
  await insert(a, 'gone');
  await a.run('ROLLBACK');
  const last = await insert(b, 'last');
  await read(a, last);
  await insert(a, 'behind');
  await expectRestored();
});

it('takes no id for that of a statement that gave none, and counts on from the rows that were given some', async () => {
  await insert(a, 'one');
  await a.run('INSERT INTO item (no_such_column) VALUES (1)');
  const second = await insert(a, 'two');
  await insert(a, 'three');
  await insert(b, 'four');
  const fifth = await insert(b, 'five');
  await b.run('INSERT INTO part VALUES ($1)', [fifth]);
  await a.run('INSERT INTO part VALUES ($1)', [second]);
  await expectRestored();
});

it('takes it for its own where those that follow show that the record misses draws', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 20; n++) {
    if (n === 5) await b.unrecorded("SELECT nextval('item_id_seq')");
    const [own, other] = n % 2 === 0 ? [a, b] : [b, a];
    ids.push(await insert(own, `row ${n}`));
    // Two of three only when another session has drawn.
    if (n % 3 === 0) await own.run('INSERT INTO part VALUES ($1)', [ids[n]]);
    if (n > 0 && n % 3 !== 1) await other.run('INSERT INTO part VALUES ($1)', [ids[n - 1]]);
  }
  await expectRestored();
});

it('takes no id for a drawn one that a transaction showed by a deferred key which did not hold', async () => {
  await given(`
    CREATE TABLE logged (id serial PRIMARY KEY, what text);
    CREATE TABLE work (id int, logged int REFERENCES logged DEFERRABLE INITIALLY DEFERRED);
    CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO logged (what) VALUES ('log'); RETURN NEW; END $$;
    CREATE TRIGGER log AFTER INSERT ON work FOR EACH ROW EXECUTE FUNCTION log()`);
  for (const wrong of ['77', '9']) {
    await a.run("INSERT INTO logged (what) VALUES ('before')");
    await a.run('INSERT INTO work VALUES (1, 1)');
    await a.run('BEGIN');
    await a.run('INSERT INTO work VALUES (2, $1)', [wrong]);
    await a.run('COMMIT');
    await a.run("INSERT INTO logged (what) VALUES ('behind')");
  }
  await expectRestored();
  for (const sql of ['SELECT * FROM logged ORDER BY 1', 'SELECT last_value FROM logged_id_seq'])
    expect(await run(target, sql)).toBe(await run(source, sql));
});

it('takes an id that a transaction named by a deferred key for a drawn one where it held at COMMIT', async () => {
  await given('CREATE TABLE work (item bigint REFERENCES item DEFERRABLE INITIALLY DEFERRED)');
  for (let n = 0; n < 2; n++) {
    for (let gone = 0; gone < 10; gone++) await b.unrecorded("SELECT nextval('item_id_seq')");
    await a.run('BEGIN');
    await a.run('INSERT INTO work VALUES ($1)', [await insert(a, 'kept')]);
    await a.run('COMMIT');
  }
  await expectRestored();
});

it.each([
  ['a new row that draws itself', "INSERT INTO item (id, name) VALUES (nextval('item_id_seq'), 'old')"],
  ['nobody', "SELECT nextval('item_id_seq')"],
])('takes an id far ahead that a new row was given for none that nextval gave %s', async (_, asks) => {
  await insert(a, 'old');
  await a.run(asks);
  await a.run("INSERT INTO item (name) SELECT name FROM item WHERE name = 'old'");
  await a.run("INSERT INTO item (id, name) VALUES (5000, 'given')");
  await a.run('INSERT INTO part VALUES (5000)');
  await insert(a, 'last');
  await expectRestored();
  expect(await run(target, 'SELECT last_value FROM item_id_seq')).toBe(
    await run(source, 'SELECT last_value FROM item_id_seq'),
  );
});

it('takes no id for a drawn one that a new row was given, whoever names it later', async () => {
  await a.run("INSERT INTO item (id, name) VALUES (5000, 'given'), (4, 'given')");
  await b.run("INSERT INTO item (id, name) VALUES (6000, 'upserted') ON CONFLICT (id) DO UPDATE SET name = 'met'");
  await insert(a, 'one');
  await insert(b, 'two');
  for (const id of ['5000', '4', '6000'])
    for (const session of [a, b]) await session.run('INSERT INTO part VALUES ($1)', [id]);
  await a.run('UPDATE item SET id = 7000 WHERE id = $1', ['5000']);
  await insert(a, 'three');
  await expectRestored();
});

it.each([
  ['nextval gave', "SELECT nextval('item_id_seq')", "INSERT INTO item (id, name) VALUES (5, 'made up')"],
  [
    'a row drew where it may have met another',
    "INSERT INTO item (name) VALUES ('drawn')",
    "INSERT INTO item (id, name) VALUES (5, 'made up') ON CONFLICT (id) DO NOTHING",
  ],
])(
  'takes an id not far ahead that a client made up for none that %s where what follows shows others',
  async (_, draws, gives) => {
    await a.run(draws);
    await a.run(gives);
    await a.run("UPDATE item SET name = 'named' WHERE id = 5");
    const second = await insert(b, 'two');
    await b.run("UPDATE item SET name = 'changed' WHERE id = $1", [second]);
    await expectRestored();
  },
);

it.each([
  ['', ["SELECT nextval('item_id_seq')", "INSERT INTO item (id, name) VALUES (5, 'made up')"]],
  [
    ', by a transaction that was rolled back',
    [
      'BEGIN',
      "INSERT INTO item (name) VALUES ('gone')",
      "INSERT INTO item (id, name) VALUES (5, 'made up') ON CONFLICT (id) DO NOTHING",
      'ROLLBACK',
      "INSERT INTO item (name) VALUES ('behind')",
    ],
  ],
])('says so where nothing tells whether an id not far ahead was drawn or made up%s', async (_, statements) => {
  for (const sql of statements) await a.run(sql);
  const { report, events } = await replay();
  expect(report?.remarks.join()).toContain('counting draws and the values in later statements do not agree');
  expect(events.some((event) => event.kind === 'NOTICE' && event.code === 'IDS_UNSETTLED')).toBe(true);
});

const SEVERAL = "INSERT INTO item (name) SELECT 'one of several' FROM generate_series(1, 3)";

it('takes a row of a statement of unknown count for none of its own, whose id it names', async () => {
  await a.run(SEVERAL);
  await insert(b, 'own');
  await b.run('INSERT INTO part VALUES (2)');
  await b.run('BEGIN');
  await insert(b, 'in a transaction');
  await b.run('INSERT INTO part VALUES (3)');
  await b.run('COMMIT');
  await expectRestored();
});

it('takes an id for that of a row behind draws of unknown number, rather than of the one ahead of them', async () => {
  await insert(a, 'ahead');
  await a.run("INSERT INTO item (name) SELECT 'none' FROM generate_series(1, 0)");
  await a.run("INSERT INTO item (name) VALUES ('behind'), ('behind, too')");
  await a.run('INSERT INTO part VALUES (2)');
  await expectRestored();
});

it('says so where an id behind draws of unknown number may as well be that of a row of others', async () => {
  for (const sql of ['BEGIN', SEVERAL, 'ROLLBACK']) await b.run(sql);
  await insert(a, 'own');
  const other = await insert(b, "another's");
  await a.run("UPDATE item SET name = 'changed' WHERE id = $1", [other]);
  const { report } = await replay();
  expect(report?.remarks.join()).toContain('behind statements whose count of draws nothing tells');
});

it.each(['ROLLBACK TO s', 'ROLLBACK'])('takes an id for a drawn one that a row was given until %s', async (undo) => {
  for (const sql of ['BEGIN', 'SAVEPOINT s', "INSERT INTO item (id, name) VALUES (5, 'given')", undo]) await a.run(sql);
  if (a.inTransaction) await a.run('COMMIT');
  for (let n = 0; n < 4; n++) await b.unrecorded("SELECT nextval('item_id_seq')");
  await a.run('INSERT INTO part VALUES ($1)', [await insert(a, 'drawn')]);
  await expectRestored();
});

const DEFERRED = 'CREATE TABLE work (item bigint REFERENCES item DEFERRABLE INITIALLY DEFERRED)';

it('takes no id for a drawn one that a deferred key showed until ROLLBACK TO', async () => {
  await given(DEFERRED);
  for (const wrong of ['77', '9']) {
    await a.run('BEGIN');
    await insert(a, 'one');
    await a.run('SAVEPOINT s');
    await a.run('INSERT INTO work VALUES ($1)', [wrong]);
    await a.run('ROLLBACK TO s');
    await a.run('COMMIT');
    await insert(b, 'two');
  }
  await expectRestored();
});

it('takes an id for a drawn one although a deferred key had shown it before, until ROLLBACK TO', async () => {
  await given(DEFERRED);
  await a.run('BEGIN');
  await insert(a, 'one');
  for (const sql of ['SAVEPOINT s', 'INSERT INTO work VALUES (12)', 'ROLLBACK TO s']) await a.run(sql);
  for (let n = 0; n < 10; n++) await b.unrecorded("SELECT nextval('item_id_seq')");
  await a.run('INSERT INTO work VALUES ($1)', [await insert(a, 'two')]);
  await a.run('COMMIT');
  await expectRestored();
});

it('takes an id that a deferred key names ahead of its row for that of the row', async () => {
  await given(DEFERRED);
  await insert(a, 'one');
  await a.run('BEGIN');
  await a.run('INSERT INTO work VALUES (2)');
  await insert(a, 'two');
  await a.run('INSERT INTO work VALUES (3)');
  await insert(a, 'three');
  await a.run('COMMIT');
  await expectRestored();
});

it('takes an id that a string names behind its own draw for that one', async () => {
  for (const id of [1, 2, 3])
    await a.run(`INSERT INTO item (name) VALUES ('row ${id}'); UPDATE item SET name = 'named' WHERE id = ${id}`);
  await expectRestored();
});

it('takes no id for a drawn one for a key that the record makes deferrable, or drops', async () => {
  const late = 'DEFERRABLE INITIALLY DEFERRED';
  await given(
    ['altered', 'renamed', 'dropped'].map((name) => `CREATE TABLE ${name} (item bigint REFERENCES item)`).join('; '),
  );
  for (const sql of [
    `ALTER TABLE altered ALTER CONSTRAINT altered_item_fkey ${late}`,
    'ALTER TABLE renamed RENAME CONSTRAINT renamed_item_fkey TO own',
    `ALTER TABLE renamed ALTER CONSTRAINT own ${late}`,
    'ALTER TABLE dropped DROP CONSTRAINT IF EXISTS dropped_item_fkey',
    'CREATE TABLE made (item bigint REFERENCES item)',
    `ALTER TABLE made ALTER CONSTRAINT made_item_fkey ${late}`,
  ])
    await b.run(sql);
  for (const table of ['altered', 'renamed', 'dropped', 'made']) {
    await insert(a, 'before');
    for (const sql of ['BEGIN', `INSERT INTO ${table} VALUES (77)`, 'COMMIT']) await a.run(sql);
    await insert(a, 'behind');
  }
  await expectRestored();
});

it('takes an id for a drawn one that a key showed which is deferrable no more, though nothing was committed', async () => {
  await given(DEFERRED);
  await b.run('ALTER TABLE work ALTER CONSTRAINT work_item_fkey NOT DEFERRABLE');
  for (let n = 0; n < 10; n++) await b.unrecorded("SELECT nextval('item_id_seq')");
  await a.run('BEGIN');
  await a.run('INSERT INTO work VALUES ($1)', [await insert(a, 'gone')]);
  await a.run('ROLLBACK');
  await insert(b, 'kept');
  await expectRestored();
});
