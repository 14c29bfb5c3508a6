import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ImportOptions, importLog } from '../../src/capture/import-log.ts';
import type { ImportReport } from '../../src/capture/import-report.ts';
import type { Entry, EntryKey } from '../../src/journal/entry.ts';
import type { JournalStore } from '../../src/journal/store.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openJournal } from '../support/policy.ts';
import { example, textOf } from './support.ts';

const EVER = { from: 0, to: 4_000_000_000_000_000 };

let folder: string;
let place: TestDatabase;
let database: Database;
let store: JournalStore;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'import-again-'));
  place = await createTestDatabase('journal');
  database = await openDatabase(place.url);
  store = openJournal(database);
});
afterAll(async () => {
  await database.close();
  await place.drop();
  await rm(folder, { recursive: true });
});

/** Each journal here is that of another node, so that all of them lie in one database. */
let nodes = 0;
let node = '';
beforeEach(() => {
  node = `node-${++nodes}`;
});

let written = 0;
async function file(text: string): Promise<string> {
  const path = join(folder, `${++written}.log`);
  await writeFile(path, text);
  return path;
}

function importing(files: readonly string[], options: Partial<ImportOptions> = {}) {
  return importLog({ files, nodeId: node, store, ...options });
}

/** What the journal has of each node: its transactions as they began, with what became of them, and those committed in their order. */
async function journals(): Promise<Map<string, { transactions: string[]; commits: string[] }>> {
  const byTransaction = new Map<string, Entry[]>();
  for (let after: EntryKey | null = null, hasMore = true; hasMore; ) {
    const page = await store.page(EVER, {}, after, 1000);
    for (const entry of page.entries) {
      const own = byTransaction.get(entry.transactionId);
      if (own) own.push(entry);
      else byTransaction.set(entry.transactionId, [entry]);
      after = entry;
    }
    hasMore = page.hasMore;
  }
  const found = new Map<string, { transactions: string[]; commits: string[] }>();
  const committed: [bigint, string, string][] = [];
  for (const transaction of await store.transactions([...byTransaction.keys()])) {
    if (transaction === null) continue;
    const { nodeId } = transaction.origin;
    const entries = (byTransaction.get(transaction.id) ?? []).sort((a, b) => a.sequence - b.sequence);
    const texts = entries.map(({ statement, outcome }) => {
      const became = outcome.status === 'FAILED' ? outcome.sqlstate : outcome.status === 'UNKNOWN' ? 'unknown' : '';
      return became === '' ? statement : `${statement} (${became})`;
    });
    const own = found.get(nodeId) ?? { transactions: [], commits: [] };
    found.set(nodeId, own);
    own.transactions.push(`${transaction.status}: ${texts.join(' | ')}`);
    if (transaction.commitSeq !== null) committed.push([transaction.commitSeq, nodeId, texts[0] as string]);
  }
  committed.sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [, nodeId, text] of committed) found.get(nodeId)?.commits.push(text);
  return found;
}

/** Logs of PostgreSQL 18 with `log_statement = all` and `log_duration`, whose prefix names the process alone. */
const FAILED_BLOCK = `2026-12-01 14:28:08.340 UTC [23007] LOG:  connection received: host=127.0.0.1
2026-12-01 14:28:08.389 UTC [23007] LOG:  connection authorized: user=postgres database=postgres
2026-12-01 14:28:08.396 UTC [23007] LOG:  statement: BEGIN
2026-12-01 14:28:08.397 UTC [23007] LOG:  duration: 0.112 ms
2026-12-01 14:28:08.398 UTC [23007] LOG:  statement: SELECT 1/0
2026-12-01 14:28:08.399 UTC [23007] ERROR:  division by zero
2026-12-01 14:28:08.399 UTC [23007] STATEMENT:  SELECT 1/0
2026-12-01 14:28:08.401 UTC [23007] LOG:  statement: -- ping
2026-12-01 14:28:08.401 UTC [23007] LOG:  duration: 0.061 ms
2026-12-01 14:28:08.401 UTC [23007] LOG:  statement: COMMIT
2026-12-01 14:28:08.402 UTC [23007] LOG:  duration: 0.061 ms
2026-12-01 14:28:08.402 UTC [23007] LOG:  disconnection: session time: 0:00:00.062 user=postgres database=postgres host=127.0.0.1
`;
const FAILS_BEHIND_COMMIT = `2026-12-01 14:28:08.470 UTC [23010] LOG:  connection received: host=127.0.0.1
2026-12-01 14:28:08.495 UTC [23010] LOG:  connection authorized: user=postgres database=postgres
2026-12-01 14:28:08.502 UTC [23010] LOG:  statement: BEGIN; INSERT INTO t VALUES (1); COMMIT; SELECT 1/0
2026-12-01 14:28:08.504 UTC [23010] ERROR:  division by zero
2026-12-01 14:28:08.504 UTC [23010] STATEMENT:  BEGIN; INSERT INTO t VALUES (1); COMMIT; SELECT 1/0
2026-12-01 14:28:08.511 UTC [23010] LOG:  statement: INSERT INTO t VALUES (2)
2026-12-01 14:28:08.511 UTC [23010] LOG:  duration: 0.391 ms
2026-12-01 14:28:08.516 UTC [23010] LOG:  statement: BEGIN
2026-12-01 14:28:08.516 UTC [23010] LOG:  duration: 0.113 ms
2026-12-01 14:28:08.517 UTC [23010] LOG:  statement: INSERT INTO t VALUES (3)
2026-12-01 14:28:08.517 UTC [23010] LOG:  duration: 0.234 ms
2026-12-01 14:28:08.523 UTC [23010] LOG:  statement: COMMIT
2026-12-01 14:28:08.524 UTC [23010] LOG:  duration: 0.131 ms
2026-12-01 14:28:08.524 UTC [23010] LOG:  disconnection: session time: 0:00:00.055 user=postgres database=postgres host=127.0.0.1
`;
const COMMIT_FAILS = `2026-12-01 14:28:08.709 UTC [23014] LOG:  connection received: host=127.0.0.1
2026-12-01 14:28:08.738 UTC [23014] LOG:  connection authorized: user=postgres database=postgres
2026-12-01 14:28:08.745 UTC [23014] LOG:  statement: BEGIN
2026-12-01 14:28:08.745 UTC [23014] LOG:  duration: 0.140 ms
2026-12-01 14:28:08.749 UTC [23014] LOG:  statement: INSERT INTO d VALUES (1), (1); COMMIT
2026-12-01 14:28:08.750 UTC [23014] ERROR:  duplicate key value violates unique constraint "d_v_key"
2026-12-01 14:28:08.750 UTC [23014] DETAIL:  Key (v)=(1) already exists.
2026-12-01 14:28:08.750 UTC [23014] STATEMENT:  INSERT INTO d VALUES (1), (1); COMMIT
2026-12-01 14:28:08.752 UTC [23014] LOG:  statement: INSERT INTO t VALUES (4)
2026-12-01 14:28:08.753 UTC [23014] LOG:  duration: 0.730 ms
2026-12-01 14:28:08.757 UTC [23014] LOG:  statement: BEGIN
2026-12-01 14:28:08.757 UTC [23014] LOG:  duration: 0.096 ms
2026-12-01 14:28:08.758 UTC [23014] LOG:  statement: SELECT 5
2026-12-01 14:28:08.758 UTC [23014] LOG:  duration: 0.168 ms
2026-12-01 14:28:08.759 UTC [23014] LOG:  statement: COMMIT
2026-12-01 14:28:08.759 UTC [23014] LOG:  duration: 0.069 ms
2026-12-01 14:28:08.760 UTC [23014] LOG:  disconnection: session time: 0:00:00.052 user=postgres database=postgres host=127.0.0.1
`;
const FAILS_AHEAD_OF_COMMIT = `2026-12-01 14:28:08.563 UTC [23012] LOG:  connection received: host=127.0.0.1
2026-12-01 14:28:08.587 UTC [23012] LOG:  connection authorized: user=postgres database=postgres
2026-12-01 14:28:08.594 UTC [23013] LOG:  connection received: host=127.0.0.1
2026-12-01 14:28:08.621 UTC [23013] LOG:  connection authorized: user=postgres database=postgres
2026-12-01 14:28:08.634 UTC [23013] LOG:  statement: BEGIN ISOLATION LEVEL SERIALIZABLE
2026-12-01 14:28:08.635 UTC [23013] LOG:  duration: 0.167 ms
2026-12-01 14:28:08.637 UTC [23013] LOG:  statement: SELECT count(*) FROM t
2026-12-01 14:28:08.638 UTC [23013] LOG:  duration: 1.650 ms
2026-12-01 14:28:08.645 UTC [23012] LOG:  statement: BEGIN ISOLATION LEVEL SERIALIZABLE
2026-12-01 14:28:08.645 UTC [23012] LOG:  duration: 0.226 ms
2026-12-01 14:28:08.646 UTC [23012] LOG:  statement: SELECT count(*) FROM t
2026-12-01 14:28:08.647 UTC [23012] LOG:  duration: 1.320 ms
2026-12-01 14:28:08.650 UTC [23012] LOG:  statement: INSERT INTO t VALUES (100)
2026-12-01 14:28:08.651 UTC [23012] LOG:  duration: 0.432 ms
2026-12-01 14:28:08.651 UTC [23012] LOG:  statement: COMMIT
2026-12-01 14:28:08.651 UTC [23012] LOG:  duration: 0.156 ms
2026-12-01 14:28:08.653 UTC [23013] LOG:  statement: INSERT INTO t VALUES (1); COMMIT
2026-12-01 14:28:08.654 UTC [23013] ERROR:  could not serialize access due to read/write dependencies among transactions
2026-12-01 14:28:08.654 UTC [23013] DETAIL:  Reason code: Canceled on identification as a pivot, during write.
2026-12-01 14:28:08.654 UTC [23013] HINT:  The transaction might succeed if retried.
2026-12-01 14:28:08.654 UTC [23013] STATEMENT:  INSERT INTO t VALUES (1); COMMIT
2026-12-01 14:28:08.662 UTC [23013] LOG:  statement: INSERT INTO t VALUES (4)
2026-12-01 14:28:08.662 UTC [23013] ERROR:  current transaction is aborted, commands ignored until end of transaction block
2026-12-01 14:28:08.662 UTC [23013] STATEMENT:  INSERT INTO t VALUES (4)
2026-12-01 14:28:08.663 UTC [23013] LOG:  statement: BEGIN
2026-12-01 14:28:08.663 UTC [23013] ERROR:  current transaction is aborted, commands ignored until end of transaction block
2026-12-01 14:28:08.663 UTC [23013] STATEMENT:  BEGIN
2026-12-01 14:28:08.669 UTC [23013] LOG:  statement: SELECT 5
2026-12-01 14:28:08.669 UTC [23013] ERROR:  current transaction is aborted, commands ignored until end of transaction block
2026-12-01 14:28:08.669 UTC [23013] STATEMENT:  SELECT 5
2026-12-01 14:28:08.670 UTC [23013] LOG:  statement: COMMIT
2026-12-01 14:28:08.670 UTC [23013] LOG:  duration: 0.044 ms
2026-12-01 14:28:08.678 UTC [23013] LOG:  disconnection: session time: 0:00:00.084 user=postgres database=postgres host=127.0.0.1
2026-12-01 14:28:09.185 UTC [23012] LOG:  disconnection: session time: 0:00:00.623 user=postgres database=postgres host=127.0.0.1
`;
const BEGINS_AND_FAILS = `2026-12-01 14:28:08.785 UTC [23015] LOG:  connection received: host=127.0.0.1
2026-12-01 14:28:08.804 UTC [23015] LOG:  connection authorized: user=postgres database=postgres
2026-12-01 14:28:08.822 UTC [23015] LOG:  statement: SELECT 1; BEGIN; SELECT 1/0
2026-12-01 14:28:08.823 UTC [23015] ERROR:  division by zero
2026-12-01 14:28:08.823 UTC [23015] STATEMENT:  SELECT 1; BEGIN; SELECT 1/0
2026-12-01 14:28:08.832 UTC [23015] LOG:  statement: SELECT 1
2026-12-01 14:28:08.832 UTC [23015] ERROR:  current transaction is aborted, commands ignored until end of transaction block
2026-12-01 14:28:08.832 UTC [23015] STATEMENT:  SELECT 1
2026-12-01 14:28:08.834 UTC [23015] LOG:  statement: ROLLBACK
2026-12-01 14:28:08.834 UTC [23015] LOG:  duration: 0.055 ms
2026-12-01 14:28:08.838 UTC [23015] LOG:  disconnection: session time: 0:00:00.057 user=postgres database=postgres host=127.0.0.1
`;

describe('a log that is cut into two imports, wherever, and imported once more gives the journal that it gives at once', () => {
  test.each([
    {
      log: 'a failed block with an empty statement in it',
      text: FAILED_BLOCK,
      transactions: ['ROLLED_BACK: BEGIN | SELECT 1/0 (22012) | -- ping | COMMIT'],
      commits: [],
    },
    {
      log: 'a string that fails behind its COMMIT, outside of any block then',
      text: FAILS_BEHIND_COMMIT,
      transactions: [
        'ROLLED_BACK: BEGIN; INSERT INTO t VALUES (1); COMMIT; SELECT 1/0 (22012)',
        'COMMITTED: INSERT INTO t VALUES (2)',
        'COMMITTED: BEGIN | INSERT INTO t VALUES (3) | COMMIT',
      ],
      commits: ['INSERT INTO t VALUES (2)', 'BEGIN'],
    },
    {
      log: 'a string whose COMMIT fails, which ends the block',
      text: COMMIT_FAILS,
      transactions: [
        'ROLLED_BACK: BEGIN | INSERT INTO d VALUES (1), (1); COMMIT (23505)',
        'COMMITTED: INSERT INTO t VALUES (4)',
        'COMMITTED: BEGIN | SELECT 5 | COMMIT',
      ],
      commits: ['INSERT INTO t VALUES (4)', 'BEGIN'],
    },
    {
      log: 'a string that fails ahead of its COMMIT, which leaves the block, beside the session that made it fail',
      text: FAILS_AHEAD_OF_COMMIT,
      transactions: [
        'ROLLED_BACK: BEGIN ISOLATION LEVEL SERIALIZABLE | SELECT count(*) FROM t | INSERT INTO t VALUES (1); COMMIT (40001) | INSERT INTO t VALUES (4) (25P02) | BEGIN (25P02) | SELECT 5 (25P02) | COMMIT',
        'COMMITTED: BEGIN ISOLATION LEVEL SERIALIZABLE | SELECT count(*) FROM t | INSERT INTO t VALUES (100) | COMMIT',
      ],
      commits: ['BEGIN ISOLATION LEVEL SERIALIZABLE'],
    },
    {
      log: 'a string that fails within the block that it has begun',
      text: BEGINS_AND_FAILS,
      transactions: ['ROLLED_BACK: SELECT 1; BEGIN; SELECT 1/0 (22012) | SELECT 1 (25P02) | ROLLBACK'],
      commits: [],
    },
  ])('$log', async ({ text, transactions, commits }) => {
    const cuts: string[] = [];
    const imports: Promise<void>[] = [];
    for (let cut = text.indexOf('\n') + 1; cut > 0; cut = text.indexOf('\n', cut) + 1) {
      const nodeId = `${node}-cut-${cut}`;
      const options = { nodeId, logLinePrefix: '%m [%p] ' };
      const inTwo = async () => {
        const path = await file(text.slice(0, cut));
        await importing([path], options);
        await writeFile(path, text);
        const { entries } = await importing([path], options);
        expect(entries.refused).toBe(0);
        // Behind the last cut nothing has come: that is the same log once more.
        if (cut === text.length) expect(entries).toMatchObject({ accepted: 0, duplicates: 0 });
      };
      cuts.push(nodeId);
      imports.push(inTwo());
    }
    await Promise.all(imports);
    const found = await journals();
    for (const cut of cuts) expect([cut, found.get(cut)]).toEqual([cut, { transactions, commits }]);
  });
});

describe('what a log holds twice', () => {
  const whole = textOf(example('shop', 'csv')).slice(0, 150_000);
  /** The place of the record behind a share of the log. */
  const behind = (share: number) => whole.indexOf('\n2026-11-23 ', share * whole.length) + 1;
  const text = whole.slice(0, behind(0.97));
  const lost = ({ losses }: ImportReport) => losses.map(({ reason, count }) => [reason, count]);

  test('is passed over where its records bear numbers: overlapping files, a file that is given twice, a shipper that repeats itself', async () => {
    const once = node;
    const report = await importing([await file(text)]);
    const ways: [string, string[]][] = [
      ['overlapping', [text.slice(0, behind(0.6)), text.slice(behind(0.3))]],
      ['given twice', [text, text]],
      ['repeated', [text.slice(0, behind(0.5)) + text.slice(behind(0.45))]],
    ];
    for (const [way, texts] of ways) {
      node = `${once}-${way}`;
      const again = await importing(await Promise.all(texts.map(file)));
      expect([way, again.entries, again.transactions, lost(again)]).toEqual([
        way,
        report.entries,
        report.transactions,
        lost(report),
      ]);
    }
    const found = await journals();
    for (const [way] of ways) expect([way, found.get(`${once}-${way}`)]).toEqual([way, found.get(once)]);
  });

  test('is passed over as lines of a stderr log, too', async () => {
    const line = (number: number, rest: string) => `2026-01-02 03:04:05.100 UTC [6b060784.1092] ${number} ${rest}\n`;
    const error = line(1, 'ERROR:  division by zero') + line(2, 'STATEMENT:  SELECT 1/0');
    const log = error + line(2, 'STATEMENT:  SELECT 1/0') + line(3, 'LOG:  statement: SELECT 1') + error;
    const report = await importing([await file(log + line(4, 'LOG:  duration: 1.000 ms'))], {
      logLinePrefix: '%m [%c] %l ',
    });
    expect(report.losses).toEqual([]);
    expect((await journals()).get(node)?.transactions).toEqual([
      'ROLLED_BACK: SELECT 1/0 (22012)',
      'COMMITTED: SELECT 1',
    ]);
  });

  const numbered = (number: number, rest: string, millis = 100) =>
    `2026-01-02 03:04:05.${millis} UTC [6b060784.1092] ${number} ${rest}\n`;
  const byNumber = { logLinePrefix: '%m [%c] %l ' };

  test('is passed over behind a clock that went back', async () => {
    const log = numbered(5, 'LOG:  statement: SELECT 1', 900) + numbered(6, 'LOG:  duration: 1.000 ms', 899);
    await importing([await file(log + log)], byNumber);
    expect((await journals()).get(node)?.transactions).toEqual(['COMMITTED: SELECT 1']);
  });

  test('is passed over on both sides of a record that was damaged, which is read where it comes whole', async () => {
    const ran = (number: number, text: string) =>
      numbered(number, `LOG:  statement: ${text}`) + numbered(number + 1, 'LOG:  duration: 1.000 ms');
    const begins = ran(1, 'BEGIN') + ran(3, 'INSERT INTO t VALUES (1)');
    const ends = ran(7, 'COMMIT') + ran(9, 'SELECT 1');
    const whole = begins + ran(5, 'INSERT INTO t VALUES (2)') + ends;
    const files = await Promise.all([`${begins}damaged\n${ends}`, whole, whole].map(file));
    expect(lost(await importing(files, byNumber))).toEqual([
      ['UNPARSABLE_LINE', 1],
      ['EFFECT_UNCERTAIN', 1],
    ]);
    expect((await journals()).get(node)?.transactions).toEqual([
      'COMMITTED: BEGIN | INSERT INTO t VALUES (1) | COMMIT',
      'COMMITTED: SELECT 1',
      'COMMITTED: INSERT INTO t VALUES (2)',
    ]);
  });

  test('is one record where each line of it comes twice', async () => {
    const lines = [
      numbered(1, 'LOG:  execute <unnamed>: SELECT $1'),
      numbered(2, "DETAIL:  Parameters: $1 = '7'"),
      numbered(3, 'LOG:  duration: 1.000 ms'),
      numbered(4, 'ERROR:  division by zero'),
      numbered(5, 'STATEMENT:  SELECT 1/0'),
      numbered(6, 'LOG:  disconnection: session time: 0:00:00.062 user=app database=shop host=[local]'),
    ];
    const report = await importing([await file(lines.map((line) => line + line).join(''))], byNumber);
    expect([report.entries.total, lost(report)]).toEqual([2, []]);
    expect((await journals()).get(node)?.transactions).toEqual([
      'COMMITTED: SELECT $1',
      'ROLLED_BACK: SELECT 1/0 (22012)',
    ]);
  });

  test('is read where it was cut off before, at the end of a file', async () => {
    const cut = numbered(1, 'LOG:  statement: SELECT 1,\n\t2,\n\t3');
    const whole = cut + numbered(2, 'LOG:  duration: 1.000 ms');
    await importing([await file(cut.slice(0, -2)), await file(whole)], byNumber);
    expect((await journals()).get(node)?.transactions).toEqual(['COMMITTED: SELECT 1,\n2,\n3']);
  });

  test('by the process alone, a record of a lower number is of another session', async () => {
    const session = (second: number) => {
      const line = (number: number, rest: string) =>
        `2026-01-02 03:04:0${second} UTC [77]: [${number}-1] user=app,db=shop LOG:  ${rest}\n`;
      return (
        line(1, 'connection received: host=[local]') + line(2, 'statement: SELECT 1') + line(3, 'duration: 1.000 ms')
      );
    };
    await importing([await file(session(5) + session(6))]);
    expect((await journals()).get(node)?.commits).toEqual(['SELECT 1', 'SELECT 1']);
  });
});

test('a clock that goes back makes no two transactions one', async () => {
  const at = (second: number, message: string) => `2026-01-02 03:04:0${second} UTC [6b060784.1092] LOG:  ${message}\n`;
  const run = (second: number, ...statements: string[]) =>
    statements.map((text) => at(second, `statement: ${text}`) + at(second, 'duration: 0.100 ms')).join('');
  const log =
    run(1, 'BEGIN', 'INSERT INTO t VALUES (1)', 'COMMIT', 'SELECT 1') +
    run(5, 'SELECT 2') +
    run(1, 'BEGIN', 'INSERT INTO t VALUES (2)', 'COMMIT', 'SELECT 1');
  const report = await importing([await file(log)], { logLinePrefix: '%t [%c] ' });
  expect(report.entries).toMatchObject({ total: 9, accepted: 9 });
  expect(report.losses).toMatchObject([{ reason: 'CLOCK_WENT_BACK', count: 1 }]);
  expect((await journals()).get(node)?.transactions).toEqual([
    'COMMITTED: BEGIN | INSERT INTO t VALUES (1) | COMMIT',
    'COMMITTED: SELECT 1',
    'COMMITTED: SELECT 2',
    'COMMITTED: BEGIN | INSERT INTO t VALUES (2) | COMMIT',
    'COMMITTED: SELECT 1',
  ]);
});

test('of a log that tells seconds only, what an import behind it brings again is known, too', async () => {
  const stamp = '2026-01-02 03:04:05 UTC';
  const connected = (Date.UTC(2026, 0, 2, 3, 4) / 1000).toString(16);
  const line = (session: number, message: string) => `${stamp} [${connected}.${session}] LOG:  ${message}\n`;
  const run = (session: number, text: string) =>
    line(session, `statement: ${text}`) + line(session, 'duration: 0.100 ms');
  // More statements than a millisecond has microseconds stand between the same second's beginnings of the two files.
  const busy = Array.from({ length: 1200 }, (_, n) => run(10, `SELECT ${n}`)).join('');
  const first = await file(`${line(10, 'connection received: host=[local]')}${busy}${run(11, 'BEGIN')}`);
  const second = await file(`${run(11, 'INSERT INTO t VALUES (1)')}${run(11, 'COMMIT')}${run(12, 'SELECT 1')}`);
  const options = { logLinePrefix: '%t [%c] ' };
  await importing([first, second], options);
  const before = (await journals()).get(node);
  const again = await importing([second], options);
  expect(again.entries).toMatchObject({ accepted: 0, refused: 0 });
  expect((await journals()).get(node)).toEqual(before);
});

test('a log whose lost tabs show only when it has grown is read anew', async () => {
  const line = (second: number, rest: string) => `2026-01-02 03:04:0${second}.000 UTC [6b060784.1092] LOG:  ${rest}\n`;
  const young = `${line(1, 'statement: SELECT 1,\n2')}${line(1, 'duration: 1.000 ms')}`;
  const path = await file(young);
  await importing([path]);
  await writeFile(
    path,
    `${young}${line(2, 'statement: SELECT 3,\n4')}${line(2, 'duration: 1.000 ms')}${line(3, 'statement: SELECT 5')}${line(3, 'duration: 1.000 ms')}`,
  );
  await importing([path]);
  expect((await journals()).get(node)?.transactions).toEqual(
    expect.arrayContaining(['COMMITTED: SELECT 1,\n2', 'COMMITTED: SELECT 3,\n4', 'COMMITTED: SELECT 5']),
  );
});
