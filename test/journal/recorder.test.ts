import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRecorder, type Recorder } from '../../src/journal/recorder.ts';
import type { JournalStore } from '../../src/journal/store.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let testDatabase: TestDatabase;
let database: Database;
let store: JournalStore;
let recorder: Recorder;

beforeAll(async () => {
  testDatabase = await createTestDatabase('journal');
  database = await openDatabase(testDatabase.url);
  const limits = { entriesPerTransaction: 50, bytesPerTransaction: 1e6, retentionMs: null, retentionBytes: null };
  store = createJournalStore(database, limits);
  recorder = createRecorder(store, { nodeId: 'n1' });
});
afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

const origin = { nodeId: null, sessionId: 's1', user: 'app', database: 'shop', application: null };
const begin = (over: object = {}) => recorder.begin({ origin, ...over });

async function texts(transactionId: string): Promise<string[]> {
  const { entries } = await store.transactionEntries(transactionId, 0, 1000);
  return entries.map(({ sequence, statement }) => `${sequence} ${statement}`);
}

describe('a transaction', () => {
  test('keeps BEGIN, its statements and COMMIT as entries, with one origin', async () => {
    const { id, status } = await begin();
    expect(status).toBe('OPEN');
    await recorder.log({ transactionId: id, statement: "INSERT INTO t VALUES ('x')" });
    const done = await recorder.commit({ transactionId: id });
    expect(done).toMatchObject({ status: 'COMMITTED', entryCount: 3, origin: { nodeId: 'n1', sessionId: 's1' } });
    expect(done.commitSeq).not.toBeNull();
    expect(await texts(id)).toEqual(['1 BEGIN', "2 INSERT INTO t VALUES ('x')", '3 COMMIT']);
    const { entries } = await store.transactionEntries(id, 0, 10);
    expect(entries.map((entry) => entry.statementType)).toEqual(['TRANSACTION', 'INSERT', 'TRANSACTION']);
  });

  test('is begun once, however often it is asked for with the same id', async () => {
    const id = randomUUID();
    const first = await begin({ id });
    expect(await begin({ id })).toEqual(first);
    expect(await texts(id)).toEqual(['1 BEGIN']);
  });

  test('is not begun by a text that no server takes', async () => {
    await expect(begin({ statement: 'BEGIN -- \0' })).rejects.toMatchObject({
      code: 'BAD_INPUT',
      path: ['input', 'statement'],
    });
  });

  test('that was committed answers the same when it is committed again, and is not rolled back', async () => {
    const { id } = await begin();
    const first = await recorder.commit({ transactionId: id });
    expect(await recorder.commit({ transactionId: id })).toEqual(first);
    await expect(recorder.rollback({ transactionId: id })).rejects.toMatchObject({ code: 'TRANSACTION_ENDED' });
    await expect(recorder.log({ transactionId: id, statement: 'SELECT 1' })).rejects.toMatchObject({
      code: 'TRANSACTION_ENDED',
    });
  });

  test('that nobody began is not found', async () => {
    const transactionId = randomUUID();
    await expect(recorder.log({ transactionId, statement: 'SELECT 1' })).rejects.toMatchObject({
      code: 'TRANSACTION_NOT_FOUND',
    });
    await expect(recorder.commit({ transactionId })).rejects.toMatchObject({ code: 'TRANSACTION_NOT_FOUND' });
  });

  test('cannot be begun or ended by a logged statement, also not inside of a string', async () => {
    const { id } = await begin();
    for (const statement of ['COMMIT', '/* x */ rollback', 'SELECT 1; COMMIT; SELECT 2', "PREPARE TRANSACTION 'p'"]) {
      await expect(recorder.log({ transactionId: id, statement })).rejects.toMatchObject({ code: 'BAD_INPUT' });
    }
    await expect(begin({ statement: 'SELECT 1' })).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  test('refuses what goes over its limit, and the loss is counted', async () => {
    const { id } = await begin();
    for (let i = 0; i < 49; i++) await recorder.log({ transactionId: id, statement: `SELECT ${i}` });
    await expect(recorder.log({ transactionId: id, statement: 'SELECT 50' })).rejects.toMatchObject({
      code: 'JOURNAL_LIMIT',
    });
    const { losses } = await store.coverage({ from: 0, to: 4e15 }, 1);
    expect(losses).toContainEqual(expect.objectContaining({ reason: 'REFUSED_TRANSACTION_TOO_LARGE', count: 1 }));
  });

  test('counts every statement that it refuses, also those that name no place', async () => {
    const { id } = await begin();
    const refusals = async () => {
      const { losses } = await store.coverage({ from: 0, to: 4e15 }, 1);
      return losses.find(({ reason }) => reason === 'REFUSED_TRANSACTION_TOO_LARGE')?.count ?? 0;
    };
    for (let i = 0; i < 49; i++) await recorder.log({ transactionId: id, statement: `SELECT ${i}` });
    const before = await refusals();
    const refused = [
      ...[50, 51, 52].map((n) => recorder.log({ transactionId: id, statement: `SELECT ${n}` })),
      recorder.savepoint({ transactionId: id, name: 'too late' }),
    ];
    const codes = (await Promise.allSettled(refused)).map((call) => call.status === 'rejected' && call.reason.code);
    expect(codes).toEqual(Array(4).fill('JOURNAL_LIMIT'));
    expect(await refusals()).toBe(before + 4);
  });
});

describe('a sequence', () => {
  test('makes a call repeatable: the second answers as the first', async () => {
    const { id } = await begin();
    const call = { transactionId: id, sequence: 2, statement: 'SELECT 1' };
    expect(await recorder.log(call)).toEqual({ transactionId: id, sequence: 2, duplicate: false });
    expect(await recorder.log(call)).toEqual({ transactionId: id, sequence: 2, duplicate: true });
  });

  test('that is held by another statement is a conflict, one beyond the next a gap', async () => {
    const { id } = await begin();
    await recorder.log({ transactionId: id, sequence: 2, statement: 'SELECT 1' });
    await expect(recorder.log({ transactionId: id, sequence: 2, statement: 'SELECT 2' })).rejects.toMatchObject({
      code: 'SEQUENCE_CONFLICT',
      path: ['input', 'sequence'],
    });
    await expect(recorder.log({ transactionId: id, sequence: 4, statement: 'SELECT 2' })).rejects.toMatchObject({
      code: 'SEQUENCE_GAP',
      path: ['input', 'sequence'],
    });
    await expect(recorder.commit({ transactionId: id, sequence: 1 })).rejects.toMatchObject({
      code: 'SEQUENCE_CONFLICT',
      path: ['input', 'sequence'],
    });
    const taken = { autocommit: { id, origin }, statement: 'SELECT 3' };
    await expect(recorder.log(taken)).rejects.toMatchObject({ path: ['input', 'autocommit', 'id'] });
  });

  test('is given out without gaps to calls that overlap, also when their texts are equal', async () => {
    const { id } = await begin();
    const recorded = await Promise.all(
      Array.from({ length: 20 }, () => recorder.log({ transactionId: id, statement: 'SELECT 1' })),
    );
    expect(recorded.map(({ sequence }) => sequence).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 2),
    );
  });

  test('is given out without gaps by two recorders that know nothing of each other', async () => {
    const other = createRecorder(store, { nodeId: 'n1' });
    const { id } = await begin();
    const recorded = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        (i % 2 ? recorder : other).log({ transactionId: id, statement: 'SELECT 1' }),
      ),
    );
    expect(new Set(recorded.map(({ sequence }) => sequence)).size).toBe(10);
    expect(await texts(id)).toHaveLength(11);
  });
});

describe('a timestamp', () => {
  test('is by default later than any that the session got, even when the clock stands still', async () => {
    const still = createRecorder(store, { nodeId: 'n2', now: () => 1_800_000_000_000_000 });
    const { id } = await still.begin({ origin });
    for (let i = 0; i < 3; i++) await still.log({ transactionId: id, statement: 'SELECT 1' });
    const { entries } = await store.transactionEntries(id, 0, 10);
    expect(entries.map(({ timestamp }) => timestamp - 1_800_000_000_000_000)).toEqual([0, 1, 2, 3]);
  });

  test('and a place that are out of reach are refused with the field of the call', async () => {
    const { id } = await begin();
    for (const field of [{ sequence: 2 ** 31 }, { sequence: 0 }, { timestamp: Number.MAX_SAFE_INTEGER }]) {
      const refused = { code: 'BAD_INPUT', path: ['input', ...Object.keys(field)] };
      const call = { transactionId: id, ...field };
      await expect(recorder.log({ ...call, statement: 'SELECT 1' })).rejects.toMatchObject(refused);
      await expect(recorder.savepoint({ ...call, name: 'a' })).rejects.toMatchObject(refused);
      await expect(recorder.commit(call)).rejects.toMatchObject(refused);
    }
    expect(await texts(id)).toHaveLength(1);
  });

  test('that is given is kept to the microsecond', async () => {
    const { id } = await begin({ timestamp: 1_700_000_000_123_456 });
    const { entries } = await store.transactionEntries(id, 0, 10);
    expect(entries[0]?.timestamp).toBe(1_700_000_000_123_456);
  });

  test('never lies before that of the statement ahead of it in its transaction, and a clock that went back is told', async () => {
    const t = 1_700_000_100_000_000;
    const { id } = await begin({ timestamp: t });
    const log = (by: Recorder, sequence: number, timestamp: number) =>
      by.log({ transactionId: id, sequence, statement: 'SELECT 1', timestamp });
    await log(recorder, 2, t + 50);
    await log(recorder, 3, t - 5_000_000);
    await log(recorder, 3, t - 5_000_000);
    await log(createRecorder(store, { nodeId: 'n1' }), 4, t + 20);
    await recorder.logAll(
      [5, 6].map((sequence) => ({ transactionId: id, sequence, statement: 'SELECT 2', timestamp: t + 10 - sequence })),
    );
    await expect(log(recorder, 9, t + 9_000_000)).rejects.toMatchObject({ code: 'SEQUENCE_GAP' });
    await recorder.commit({ transactionId: id, timestamp: t + 40 });
    const { entries } = await store.transactionEntries(id, 0, 10);
    expect(entries.map(({ timestamp }) => timestamp - t)).toEqual([0, 50, 50, 50, 50, 50, 50]);
    const { losses } = await store.coverage({ from: t, to: t + 100 }, 1);
    expect(losses).toMatchObject([
      { reason: 'CLOCK_WENT_BACK', count: 1, from: t + 50, source: `transaction ${id} sequence 3` },
    ]);
  });
});

test('a name that no filter would find again is refused, and its field named', async () => {
  const { id } = await begin();
  for (const wrong of ['a\0b', 'x'.repeat(1_001)]) {
    for (const field of ['nodeId', 'sessionId', 'user', 'database', 'application']) {
      const named = { ...origin, [field]: wrong };
      const refused = (...path: string[]) => ({ code: 'BAD_INPUT', path: ['input', ...path, field] });
      await expect(begin({ origin: named })).rejects.toMatchObject(refused('origin'));
      const alone = { autocommit: { origin: named }, statement: 'SELECT 1' };
      await expect(recorder.log(alone)).rejects.toMatchObject(refused('autocommit', 'origin'));
      await expect(recorder.logAll([alone])).rejects.toMatchObject(refused('entries', '0', 'autocommit', 'origin'));
    }
    const call = { transactionId: id, statement: 'SELECT 1', preparedName: wrong };
    await expect(recorder.log(call)).rejects.toMatchObject({ code: 'BAD_INPUT', path: ['input', 'preparedName'] });
  }
  expect(await texts(id)).toHaveLength(1);
});

describe('a statement outside of a transaction', () => {
  test('has no more parameters than a server takes', async () => {
    const parameters = Array.from({ length: 65_536 }, () => ({ kind: 'null' as const }));
    await expect(recorder.log({ autocommit: { origin }, statement: 'SELECT 1', parameters })).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: 'parameters must be at most 65535, as PostgreSQL takes, not 65536',
      path: ['input', 'parameters'],
    });
  });

  test('is a committed transaction of its own, and one that failed is rolled back', async () => {
    const { transactionId } = await recorder.log({
      autocommit: { origin },
      statement: 'DELETE FROM t',
      durationMs: 1.5,
      rows: 3,
    });
    expect(await store.transaction(transactionId)).toMatchObject({
      autocommit: true,
      status: 'COMMITTED',
      entryCount: 1,
    });
    const failed = await recorder.log({
      autocommit: { origin },
      statement: 'DELETE FROM u',
      outcome: { status: 'FAILED', sqlstate: '42P01', message: 'relation "u" does not exist' },
    });
    expect(await store.transaction(failed.transactionId)).toMatchObject({ status: 'ROLLED_BACK', commitSeq: null });
  });

  test('is recorded once, however often it comes with the same id', async () => {
    const id = randomUUID();
    const call = { autocommit: { id, origin }, statement: 'SELECT 1' };
    expect(await recorder.log(call)).toMatchObject({ transactionId: id, duplicate: false });
    expect(await recorder.log(call)).toMatchObject({ transactionId: id, duplicate: true });
  });

  test('that copies data in is marked, and the loss of its data is counted once', async () => {
    const id = randomUUID();
    const call = { autocommit: { id, origin: { ...origin, sessionId: 'copy' } }, statement: 'COPY t FROM STDIN' };
    await recorder.log(call);
    await recorder.log(call);
    const [entry] = await store.entriesByPlace([{ transactionId: id, sequence: 1 }]);
    expect(entry?.unreplayable).toBe('COPY_DATA');
    const { losses } = await store.coverage({ from: 0, to: 4e15 }, 1);
    expect(losses.filter(({ reason }) => reason === 'COPY_DATA').map(({ count }) => count)).toEqual([1]);
  });
});

describe('a savepoint', () => {
  test('is found by its newest name, stays when it is rolled back to, and takes later ones with it', async () => {
    const { id } = await begin();
    const point = (name: string) => recorder.savepoint({ transactionId: id, name });
    expect(await point('a')).toMatchObject({ setAt: 2, sequence: 2 });
    await point('b');
    expect(await point('a')).toMatchObject({ setAt: 4 });
    expect(await recorder.rollbackTo({ transactionId: id, name: 'a' })).toMatchObject({ setAt: 4, sequence: 5 });
    expect(await recorder.rollbackTo({ transactionId: id, name: 'a' })).toMatchObject({ setAt: 4, sequence: 6 });
    expect(await recorder.release({ transactionId: id, name: 'a' })).toMatchObject({ setAt: 4, sequence: 7 });
    expect(await recorder.rollbackTo({ transactionId: id, name: 'a' })).toMatchObject({ setAt: 2, sequence: 8 });
    await expect(recorder.release({ transactionId: id, name: 'b' })).rejects.toMatchObject({
      code: 'SAVEPOINT_NOT_FOUND',
    });
    expect((await texts(id)).slice(-3)).toEqual([
      '6 ROLLBACK TO SAVEPOINT "a"',
      '7 RELEASE SAVEPOINT "a"',
      '8 ROLLBACK TO SAVEPOINT "a"',
    ]);
  });

  test('may be set and undone by logged statements, as the server folds their names', async () => {
    const { id } = await begin();
    await recorder.log({ transactionId: id, statement: 'SAVEPOINT Before; UPDATE t SET a = 1' });
    await recorder.log({
      transactionId: id,
      statement: 'SAVEPOINT failed',
      outcome: { status: 'FAILED', sqlstate: '25P02', message: 'aborted' },
    });
    expect(await recorder.rollbackTo({ transactionId: id, name: 'before' })).toMatchObject({ setAt: 2 });
    await expect(recorder.rollbackTo({ transactionId: id, name: 'Before' })).rejects.toMatchObject({
      code: 'SAVEPOINT_NOT_FOUND',
    });
    await expect(recorder.rollbackTo({ transactionId: id, name: 'failed' })).rejects.toMatchObject({
      code: 'SAVEPOINT_NOT_FOUND',
    });
  });

  test('is found by a name that is longer than the server keeps', async () => {
    const { id } = await begin();
    const name = 'é'.repeat(40);
    await recorder.savepoint({ transactionId: id, name });
    expect(await recorder.rollbackTo({ transactionId: id, name })).toMatchObject({ name, setAt: 2 });
    expect(await recorder.release({ transactionId: id, name: name.slice(0, 31) })).toMatchObject({ setAt: 2 });
  });

  test('is refused with a name that no server takes', async () => {
    const { id } = await begin();
    for (const name of ['', 'a\0b']) {
      for (const call of ['savepoint', 'rollbackTo', 'release'] as const) {
        await expect(recorder[call]({ transactionId: id, name })).rejects.toMatchObject({
          code: 'BAD_INPUT',
          path: ['input', 'name'],
        });
      }
    }
    expect(await texts(id)).toHaveLength(1);
  });

  test('keeps any name, and its release can be repeated with its sequence', async () => {
    const { id } = await begin();
    const name = 'a "b"; DROP TABLE x';
    await recorder.savepoint({ transactionId: id, name });
    const release = { transactionId: id, name, sequence: 3 };
    const first = await recorder.release(release);
    expect(await recorder.release(release)).toEqual({ ...first, duplicate: true });
    expect((await texts(id))[1]).toBe('2 SAVEPOINT "a ""b""; DROP TABLE x"');
  });
});

describe('a bulk', () => {
  test('is recorded whole, and again it is all duplicates', async () => {
    const { id } = await begin();
    const autocommitId = randomUUID();
    const call = [
      { transactionId: id, sequence: 2, statement: 'SELECT 1' },
      { transactionId: id, sequence: 3, statement: 'SELECT 2' },
      { autocommit: { id: autocommitId, origin }, statement: 'SELECT 3' },
    ];
    expect(await recorder.logAll(call)).toMatchObject({ accepted: 3, duplicates: 0 });
    expect(await recorder.logAll(call)).toMatchObject({ accepted: 0, duplicates: 3 });
    expect(await texts(id)).toHaveLength(3);
  });

  test('tells of an entry that it holds twice that the second is a duplicate, and counts a loss of it once', async () => {
    const twice = { ...origin, sessionId: 'twice' };
    const copy = { autocommit: { id: randomUUID(), origin: twice }, statement: 'COPY twice FROM STDIN' };
    const losses = async () => {
      const { losses } = await store.coverage({ from: 0, to: 4e15 }, 1);
      return losses.find(({ reason }) => reason === 'COPY_DATA')?.count ?? 0;
    };
    const before = await losses();
    const { accepted, duplicates, places } = await recorder.logAll([copy, copy]);
    expect({ accepted, duplicates }).toEqual({ accepted: 1, duplicates: 1 });
    expect(places.map(({ duplicate }) => duplicate)).toEqual([false, true]);
    expect(await losses()).toBe(before + 1);
  });

  test('is refused whole when one entry is wrong, and says which', async () => {
    const { id } = await begin();
    const good = { transactionId: id, sequence: 2, statement: 'SELECT 1' };
    await expect(
      recorder.logAll([good, { transactionId: id, sequence: 4, statement: 'SELECT 2' }]),
    ).rejects.toMatchObject({
      code: 'SEQUENCE_GAP',
      message: expect.stringMatching(/^entries\[1\]: transaction /),
      path: ['input', 'entries', '1', 'sequence'],
    });
    await expect(recorder.logAll([good, { ...good, statement: 'SELECT 2' }])).rejects.toMatchObject({
      code: 'SEQUENCE_CONFLICT',
      path: ['input', 'entries', '1', 'sequence'],
    });
    await expect(recorder.logAll([good, { ...good, transactionId: randomUUID() }])).rejects.toMatchObject({
      code: 'TRANSACTION_NOT_FOUND',
      message: expect.stringMatching(/^entries\[1\]: the journal holds no transaction /),
      path: ['input', 'entries', '1', 'transactionId'],
    });
    await expect(
      recorder.logAll([good, { transactionId: id, sequence: 3, statement: 'COMMIT' }]),
    ).rejects.toMatchObject({
      code: 'BAD_INPUT',
      path: ['input', 'entries', '1', 'statement'],
    });
    await expect(recorder.logAll([good, { transactionId: id, statement: 'SELECT 2' }])).rejects.toMatchObject({
      path: ['input', 'entries', '1', 'sequence'],
    });
    expect(await texts(id)).toEqual(['1 BEGIN']);
  });

  test('names the entry also when it is an autocommit statement, or a figure of it is wrong', async () => {
    const { id } = await begin();
    const alone = { autocommit: { origin }, statement: 'SELECT 1' };
    const wrong: [object, string][] = [
      [{ ...alone, statement: 'SELECT \0' }, 'statement'],
      [{ ...alone, sequence: 2 }, 'sequence'],
      [{ ...alone, durationMs: -1 }, 'durationMs'],
      [{ ...alone, durationMs: 1e308 }, 'durationMs'],
      [{ ...alone, timestamp: -1 }, 'timestamp'],
      [{ ...alone, timestamp: Number.MAX_SAFE_INTEGER, durationMs: 1 }, 'timestamp'],
      [{ transactionId: id, sequence: 2 ** 31, statement: 'SELECT 2' }, 'sequence'],
      [{ transactionId: id, sequence: 2, statement: 'SELECT 2', timestamp: -1 }, 'timestamp'],
      [{ transactionId: id, sequence: 2, statement: 'SELECT 2', rows: -1 }, 'rows'],
    ];
    for (const [entry, field] of wrong) {
      await expect(recorder.logAll([alone, entry as typeof alone])).rejects.toMatchObject({
        code: 'BAD_INPUT',
        message: expect.stringMatching(new RegExp(`^entries\\[1\\]: ${field} `)),
        path: ['input', 'entries', '1', field],
      });
    }
  });

  test('of more than 5,000 statements is refused', async () => {
    const entries = Array.from({ length: 5001 }, () => ({ autocommit: { origin }, statement: 'SELECT 1' }));
    await expect(recorder.logAll(entries)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});
