import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { NewEntry, StatementType } from '../../src/journal/entry.ts';
import { classifyStatement } from '../../src/journal/statement-type.ts';
import type { JournalStore } from '../../src/journal/store.ts';
import { completeRequest } from '../../src/replay/complete-request.ts';
import { preflight } from '../../src/replay/preflight.ts';
import { parseOnTarget } from '../../src/replay/preflight-parse.ts';
import { sampleWindow, searchPathOf } from '../../src/replay/preflight-sample.ts';
import type { ReplayInput } from '../../src/replay/request.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { begin, commit, entry, NO_LIMITS, ORIGIN, SECOND, START } from '../store/journal-fixtures.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startPooler } from '../support/pooler.ts';
import { untilTrue } from '../support/replay.ts';
import { open, targetOf } from '../target/support.ts';

const WINDOW = { from: START, to: START + 3_600 * SECOND };

let source: TestDatabase;
let target: TestDatabase;
let database: Database;
let journal: JournalStore;

beforeAll(async () => {
  target = await createTestDatabase();
  const client = new Client({ connectionString: target.url });
  await client.connect();
  await client.query(`
    CREATE TABLE orders (id bigint PRIMARY KEY, total numeric);
    CREATE SCHEMA shop; CREATE TABLE shop.items (id int);
    CREATE FUNCTION shop.price(int) RETURNS int LANGUAGE sql AS 'SELECT 1'`);
  await client.end();
});
afterAll(() => target.drop());

beforeEach(async () => {
  source = await createTestDatabase('journal');
  database = await openDatabase(source.url);
  journal = createJournalStore(database, NO_LIMITS);
  return async () => {
    await database.close();
    await source.drop();
  };
});

/** One transaction, a millisecond a statement; committed unless told otherwise. */
async function record(
  statements: readonly (string | (Partial<NewEntry> & { readonly statement: string }))[],
  over: Partial<NewEntry> = {},
  status: 'COMMITTED' | 'ROLLED_BACK' = 'COMMITTED',
): Promise<void> {
  const id = randomUUID();
  const origin = over.origin ?? ORIGIN;
  const first = over.timestamp ?? START + SECOND;
  await journal.append({
    begun: [begin(id, { origin, startedAt: first })],
    entries: statements.map((one, index) => {
      const fields = typeof one === 'string' ? { statement: one } : one;
      return entry(id, index + 1, {
        statementType: classifyStatement(fields.statement),
        ...over,
        ...fields,
        timestamp: first + index * 1000,
      });
    }),
    ended: [{ ...commit(id, first + statements.length * 1000), status }],
  });
}

async function check(over: Partial<ReplayInput> = {}, where = targetOf(target)) {
  const request = completeRequest({ window: WINDOW, target: { host: where.host, port: where.port }, ...over });
  return preflight(journal, request, where, null);
}

async function codes(over: Partial<ReplayInput> = {}): Promise<string[]> {
  return (await check(over)).problems.map(({ severity, code }) => `${severity} ${code}`);
}

describe('preflight asks the target about every statement', () => {
  test('and names tables, columns, functions, schemas and types that it does not have', async () => {
    await record([
      'SELECT id FROM orders WHERE total > $1',
      'SELECT * FROM customers WHERE id = 1',
      'SELECT * FROM customers WHERE id = 2',
      'UPDATE customers SET name = $1',
      'SELECT o.discount FROM orders o',
      'INSERT INTO orders (id, discount) VALUES (1, 2)',
      'SELECT discounted(total) FROM orders',
      'SELECT shop.price(id) FROM shop.items',
      'DELETE FROM stock.parts',
      "SELECT 'x'::mood",
      'MERGE orders',
      'WITH moved AS (DELETE FROM orders RETURNING *) INSERT INTO orders_archive SELECT * FROM moved',
      'WITH moved AS (SELECT * FROM orders) MERGE INTO orders_copy c USING moved m ON m.id = c.id WHEN MATCHED THEN DELETE',
    ]);
    const { problems, reachable, statementKinds, kindsChecked } = await check();
    expect(
      problems.map(({ severity, code, message }) => [severity, code, message.replace(/ \(\w+\): .*/, '')]),
    ).toEqual([
      ['ERROR', 'MISSING_RELATION', 'relation "customers" does not exist'],
      ['ERROR', 'MISSING_COLUMN', 'column o.discount does not exist'],
      ['ERROR', 'MISSING_COLUMN', 'column "discount" of relation "orders" does not exist'],
      ['ERROR', 'MISSING_FUNCTION', 'function discounted(numeric) does not exist'],
      ['ERROR', 'MISSING_RELATION', 'relation "stock.parts" does not exist'],
      ['ERROR', 'MISSING_TYPE', 'type "mood" does not exist'],
      ['ERROR', 'SYNTAX', 'syntax error at or near "orders"'],
      ['ERROR', 'MISSING_RELATION', 'relation "orders_archive" does not exist'],
      ['ERROR', 'MISSING_RELATION', 'relation "orders_copy" does not exist'],
    ]);
    expect(problems[0]?.message).toBe(
      'relation "customers" does not exist (42P01): 2 different statements, 3 times, such as SELECT * FROM customers WHERE id = ?',
    );
    expect({ reachable, statementKinds, kindsChecked }).toEqual({
      reachable: true,
      statementKinds: 12,
      kindsChecked: 12,
    });
  });

  test('by a search path that is set with whatever spaces', () => {
    const spaces = ' '.repeat(1_000_000);
    expect(searchPathOf(`SET SESSION search_path TO shop ;${spaces}; `)).toBe('SET search_path TO shop');
    expect(searchPathOf(`SET search_path = shop,${spaces}public`)).toBe(`SET search_path = shop,${spaces}public`);
  });

  test('but not what the window makes itself, sets as search_path, or failed to find in the record', async () => {
    await record([
      'CREATE TEMP TABLE basket (id int, Piece text)',
      'INSERT INTO basket SELECT id FROM orders',
      'ALTER TABLE orders ADD COLUMN "Gift" boolean',
      'UPDATE orders SET "Gift" = true',
      'SELECT * INTO archive.old FROM orders',
      'SELECT count(*) FROM archive.old',
      'CREATE OR REPLACE FUNCTION tax(numeric) RETURNS numeric LANGUAGE sql AS $$ SELECT 1 $$',
      'SELECT tax(total) FROM orders',
      'SET LOCAL search_path TO shop, public;',
      'SELECT price(id) FROM items',
      { statement: 'SELECT * FROM nowhere', outcome: { status: 'FAILED', sqlstate: '42P01', message: 'x' } },
      { statement: 'SELECT * FROM cut', unreplayable: 'TRUNCATED' },
    ]);
    expect(await codes()).toEqual(['WARNING TRUNCATED']);
  });

  test('and runs nothing, whatever the text holds', async () => {
    await record([
      'INSERT INTO orders VALUES (1, 1); COMMIT; DELETE FROM orders',
      'SELECT 1; SELECT * FROM customers',
      'SELECT pg_terminate_backend(pg_backend_pid())',
      "SELECT 'é𝄞', customers.id FROM orders",
      'VACUUM orders',
      'EXECUTE q(1)',
      'COPY orders FROM STDIN',
    ]);
    const { problems } = await check();
    expect(problems.map(({ code }) => code)).toEqual(['MISSING_RELATION', 'MISSING_RELATION']);
    const connection = await open(targetOf(target));
    expect((await connection.query('SELECT count(*) FROM orders')).rows).toEqual([['0']]);
  });

  test('one statement at a time, also when a text was cut wrongly', async () => {
    // What the tokeniser takes for one string is two statements to a server with standard_conforming_strings off.
    const connection = await open(targetOf(target), { settings: { standard_conforming_strings: 'off' } });
    const text = "SELECT 'a\\'; INSERT INTO orders VALUES (2, 2); --'";
    const kinds = [{ database: null, normalised: text, text, calls: 1, byUser: new Map() }];
    const nothing = { made: new Set<string>(), madeColumns: new Set<string>(), searchPaths: [] };
    await parseOnTarget(connection, kinds, nothing, 60_000);
    const swapped = "SELECT E'a\\''; INSERT INTO orders VALUES (2, 2)";
    await parseOnTarget(connection, [{ ...kinds[0]!, text: swapped }], nothing, 60_000);
    expect((await connection.query('SELECT count(*) FROM orders')).rows).toEqual([['0']]);
  });

  test('within its time, and says when it did not get through', async () => {
    await record(Array.from({ length: 300 }, (_, index) => `SELECT ${index} AS c${index} FROM orders`));
    const connection = await open(targetOf(target), { readOnly: true });
    const sample = await sampleWindow(journal, WINDOW, {}, 300, { kinds: 250, ms: 60_000 });
    expect(sample).toMatchObject({ entries: 300, complete: true });
    expect(sample.kinds).toHaveLength(250);
    const none = await parseOnTarget(connection, sample.kinds, sample, 0);
    expect(none).toEqual({ findings: [], checked: 0, complete: false });
    const all = await parseOnTarget(connection, sample.kinds, sample, 60_000);
    expect(all).toEqual({ findings: [], checked: 250, complete: true });
  });

  test('and says when the target has lost the connection meanwhile, or something there is locked', async () => {
    await record(['SELECT 1 FROM orders', 'SELECT c FROM shop.items']);
    const sample = await sampleWindow(journal, WINDOW, {}, 2, { kinds: 10, ms: 60_000 });
    const holder = new Client({ connectionString: target.url });
    await holder.connect();
    await holder.query('BEGIN; LOCK orders');
    const impatient = await open(targetOf(target), { readOnly: true, settings: { lock_timeout: '1' } });
    const locked = await parseOnTarget(impatient, sample.kinds, sample, 60_000);
    expect(locked).toMatchObject({ findings: [{ code: 'MISSING_COLUMN' }], checked: 1, complete: false });
    const connection = await open(targetOf(target), { readOnly: true });
    const asked = parseOnTarget(connection, sample.kinds, sample, 60_000);
    await untilTrue(holder, 'SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND pid = $1', [connection.processId]);
    await holder.query('SELECT pg_terminate_backend($1)', [connection.processId]);
    expect(await asked).toEqual({ findings: [], checked: 0, complete: false });
    await holder.end();
  });

  test('all over a large window', async () => {
    for (let second = 0; second < 40; second++) {
      await record([`SELECT c${second} FROM orders`], { timestamp: START + second * 90 * SECOND });
    }
    const sample = await sampleWindow(journal, WINDOW, {}, 1_000_000, { kinds: 1000, ms: 0 });
    expect(sample.kinds).toHaveLength(40);
  });

  test('in each database that recorded ones are mapped to', async () => {
    const inDatabase = (name: string) => ({ origin: { ...ORIGIN, database: name, sessionId: name } });
    await record(['SELECT * FROM orders'], inDatabase('shop'));
    await record(['SELECT * FROM orders'], inDatabase('stock'));
    expect(await codes()).toEqual(['ERROR DATABASES_AMBIGUOUS']);
    const shop = { recorded: 'shop', target: target.name };
    const { problems } = await check({ databases: [shop, { recorded: 'stock', target: source.name }] });
    expect(problems).toContainEqual({
      severity: 'ERROR',
      code: 'MISSING_RELATION',
      message: `relation "orders" does not exist (42P01) in database ${source.name}: 1 statement, 1 time, such as SELECT * FROM orders`,
    });
    const nowhere = await codes({ databases: [shop, { recorded: 'stock', target: 'no_such_database' }] });
    expect(nowhere).toEqual(['ERROR TARGET_UNREACHABLE']);
  });

  test('and whether it lets in the logins that recorded users are mapped to, where their sessions go', async () => {
    const of = (user: string, name: string) => ({ origin: { ...ORIGIN, user, database: name, sessionId: user } });
    await record(['SELECT 1'], of('ann', 'shop'));
    await record(['SELECT 1'], of('bob', 'stock'));
    const role = `reprise_preflight_${process.pid}`;
    const asAdmin = async (sql: string) => {
      const client = new Client({ connectionString: target.url });
      await client.connect();
      await client.query(sql).finally(() => client.end());
    };
    await asAdmin(`CREATE ROLE ${role} LOGIN PASSWORD 'right'`);
    onTestFinished(() => asAdmin(`DROP ROLE ${role}`));
    const databases = [
      { recorded: 'shop', target: target.name },
      { recorded: 'stock', target: source.name },
    ];
    const found = async (...users: readonly (readonly [string, string])[]) => {
      const mapped = users.map(([recorded, password]) => ({ recorded, user: role, password }));
      const { problems } = await check({ databases, users: mapped });
      return problems.map(({ code, message }) => `${code} ${message}`);
    };
    const refused = (name: string) =>
      `TARGET_UNREACHABLE connect to target ${target.host}:${target.port}/${name}: password authentication failed for user "${role}" (FATAL 28P01)`;
    expect(await found(['ann', 'right'], ['bob', 'right'])).toEqual([]);
    expect(await found(['ann', 'wrong'], ['bob', 'right'])).toEqual([refused(target.name)]);
    expect(await found(['ann', 'right'], ['bob', 'wrong'])).toEqual([refused(source.name)]);
    expect(await found(['ann', 'right'], ['bobby', 'wrong'])).toEqual([
      'UNUSED_MAPPING no session of the window is of user "bobby": its mapping has no effect',
    ]);
    databases.push({ recorded: 'stocks', target: source.name });
    expect(await found()).toEqual([
      'UNUSED_MAPPING no session of the window is of database "stocks": its mapping has no effect',
    ]);
  });
});

describe('preflight counts', () => {
  test('what passes the filter, and what COMMIT ordering leaves out', async () => {
    const timed = (statement: string, durationMs: number | null, statementType: StatementType = 'SELECT') => ({
      statement,
      durationMs,
      statementType,
    });
    await record([timed('SELECT 1', 10), timed('INSERT INTO orders VALUES (1)', 30, 'INSERT')]);
    await record([timed('SELECT 2', 20), timed('SELECT 3', null)], { origin: { ...ORIGIN, sessionId: 's2' } });
    await record(
      [
        timed('DELETE FROM orders', 20, 'DELETE'),
        { ...timed('SELECT 1/0', null), outcome: { status: 'FAILED', sqlstate: '22012', message: 'x' } },
        { ...timed('COPY orders FROM STDIN', null, 'INSERT'), unreplayable: 'COPY_DATA' },
      ],
      {},
      'ROLLED_BACK',
    );
    expect(await check()).toMatchObject({
      statements: 7,
      transactions: 3,
      transactionsByStatus: { committed: 2, rolledBack: 1, open: 0 },
      sessions: 2,
      reads: 4,
      writes: 3,
      skipped: [{ reason: 'COPY_DATA', count: 1 }],
      // 80 ms in 4 of 7.
      estimatedMs: 140,
    });
    expect(await check({ ordering: 'COMMIT' })).toMatchObject({
      statements: 4,
      transactions: 2,
      // What failed and what cannot be replayed are of a transaction that was rolled back.
      skipped: [],
    });
    expect(await check({ ordering: 'SESSION', scale: 3 })).toMatchObject({
      statements: 21,
      transactions: 9,
      transactionsByStatus: { committed: 2, rolledBack: 1, open: 0 },
      sessions: 2,
      sessionsAtOnce: 6,
      reads: 12,
      writes: 9,
      skipped: [{ reason: 'COPY_DATA', count: 3 }],
    });
    expect(await check({ filter: { sessionIds: ['s2'] } })).toMatchObject({
      statements: 2,
      transactions: 1,
      transactionsByStatus: { committed: 1, rolledBack: 0, open: 0 },
      reads: 2,
      writes: 0,
      skipped: [],
      estimatedMs: 40,
    });
  });

  test('in COMMIT ordering the statements of committed transactions that pass the filter, and no others', async () => {
    const failed = { outcome: { status: 'FAILED', sqlstate: '22012', message: 'x' } } as const;
    await record([
      ...['BEGIN', 'SELECT 1', 'SAVEPOINT s', { statement: 'SELECT 1/0', ...failed }, 'ROLLBACK TO s'],
      ...[{ statement: 'COPY orders FROM STDIN', unreplayable: 'COPY_DATA' } as const, 'COMMIT'],
    ]);
    await record(['BEGIN', { statement: 'SELECT 1/0', ...failed }, 'ROLLBACK'], {}, 'ROLLED_BACK');
    await record(['INSERT INTO orders VALUES (1)']);
    const commits = (over: Partial<ReplayInput> = {}) => check({ ordering: 'COMMIT', ...over });
    const failure = { reason: 'FAILED_IN_RECORD', count: 1 };
    expect(await commits()).toMatchObject({
      ...{ statements: 8, transactions: 2, skipped: [{ reason: 'COPY_DATA', count: 1 }, failure] },
    });
    const selects = { filter: { statementTypes: ['SELECT'] } } as const;
    expect(await commits(selects)).toMatchObject({ statements: 6, transactions: 1, skipped: [failure] });
    const later = { window: { ...WINDOW, from: START + SECOND + 3000 } };
    expect(await commits({ ...later, edges: 'CUT' })).toMatchObject({ statements: 4, transactions: 1 });
    expect(await commits({ ...later, edges: 'EXCLUDE' })).toMatchObject({ statements: 0, transactions: 0 });
    expect(await commits({ ...later, edges: 'INCLUDE' })).toMatchObject({ statements: 7, transactions: 1 });
  });

  test('in COMMIT ordering what is read and written, and the time that it takes, of what is sent', async () => {
    const took = (statement: string, durationMs: number | null) => ({ statement, durationMs });
    const failed = { outcome: { status: 'FAILED', sqlstate: '22012', message: 'x' } } as const;
    const undone = [took('INSERT INTO orders VALUES (2)', 500), took('SELECT 2', 500)];
    await record(undone, { timestamp: START }, 'ROLLED_BACK');
    await record([
      ...['SAVEPOINT s', took('SELECT 1', 10), { ...took('DELETE FROM orders WHERE id = 1/0', 70), ...failed }],
      ...['ROLLBACK TO s', took('INSERT INTO orders VALUES (1)', 30)],
    ]);
    const counts = { reads: 1, writes: 1, byType: { TRANSACTION: 2, SELECT: 1, INSERT: 1 } };
    // 40 ms in 2 of 4, or from the first statement that is sent to the last.
    expect(await check({ ordering: 'COMMIT' })).toMatchObject({ ...counts, estimatedMs: 80 });
    const pace = { mode: 'RECORDED', speed: 1, maxIdleMs: null } as const;
    expect(await check({ ordering: 'COMMIT', pace })).toMatchObject({ ...counts, estimatedMs: 4 });
    const inserts = await check({ ordering: 'COMMIT', filter: { statementTypes: ['INSERT'] } });
    expect(inserts).toMatchObject({ reads: 0, writes: 1, byType: { TRANSACTION: 2, INSERT: 1 }, estimatedMs: 90 });
    const standing = await check({ ordering: 'COMMIT', readOnly: true, filter: { statementTypes: ['DELETE'] } });
    expect(standing.problems.map(({ code }) => code)).not.toContain('READ_ONLY');
  });

  test('others on the target, writes to read-only sessions, and connections that are too few', async () => {
    await record(['INSERT INTO orders VALUES (1)']);
    expect((await check()).otherSessions).toBe(0);
    await open(targetOf(target));
    const found = await check({ readOnly: true, ordering: 'SESSION', scale: 500, maxConnections: 1000 });
    expect(found.otherSessions).toBe(1);
    expect(found.problems.map(({ severity, code }) => `${severity} ${code}`)).toEqual([
      'WARNING READ_ONLY',
      'WARNING TARGET_IN_USE',
      'WARNING CONNECTION_LIMIT',
    ]);
    expect(found.problems[0]?.message).toMatch(/^500 statements of the window write/);
    expect(found.problems[2]?.message).toMatch(/^the run wants up to 501 connections and the target has \d+ to spare/);
    const few = await check({ ordering: 'SESSION', scale: 5, maxConnections: 3 });
    expect(few.problems.at(-1)?.message).toMatch(/^5 sessions are open at once and maxConnections is 3/);
  });

  test('statements that a read-only run does not send', async () => {
    await record(['SET default_transaction_read_only = off', 'SELECT 1', 'SET TRANSACTION READ WRITE']);
    expect(await codes()).toEqual([]);
    const { problems } = await check({ readOnly: true });
    expect(problems.map(({ code, message }) => `${code} ${message}`)).toEqual([
      'READ_ONLY 2 different statements would be skipped, since they make their session writable, such as SET default_transaction_read_only = off',
    ]);
  });

  test('a connection pooler in front of it', async () => {
    await record(['INSERT INTO orders VALUES (1)']);
    const { port } = await startPooler(target.port, 0x3fffffff, 1);
    const { problems } = await check({}, { ...targetOf(target), port });
    expect(problems.map(({ severity, code }) => `${severity} ${code}`)).toEqual(['WARNING BEHIND_POOLER']);
  });
});
