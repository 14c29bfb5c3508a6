import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ImportProgress, type ImportStore, importLog } from '../../src/capture/import-log.ts';
import { formatImportReport } from '../../src/capture/import-report.ts';
import type { JournalBatch, JournalStore } from '../../src/journal/store.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { collectLog } from './collect.ts';
import { EXTENSIONS, example, fixture, lossCounts, textOf } from './support.ts';

const EVER = { from: 0, to: 4_000_000_000_000_000 };

let folder: string;
let place: TestDatabase;
let database: Database;
let store: JournalStore;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'import-'));
});
afterAll(() => rm(folder, { recursive: true }));

beforeEach(async () => {
  place = await createTestDatabase('journal');
  database = await openDatabase(place.url);
  store = createJournalStore(database, {
    entriesPerTransaction: 100_000,
    bytesPerTransaction: 1e9,
    retentionMs: null,
    retentionBytes: null,
  });
});
afterEach(async () => {
  await database.close();
  await place.drop();
});

/** The store, dead after `appends` appends as after kill -9: what was acknowledged stays, nothing else comes. */
function dyingAfter(appends: number): ImportStore {
  let left = appends;
  return {
    ...store,
    append: (batch: JournalBatch) => (left-- > 0 ? store.append(batch) : Promise.reject(new Error('killed'))),
  };
}

async function lossesInStore(): Promise<Record<string, number>> {
  const { losses } = await store.coverage(EVER, 1);
  return Object.fromEntries(losses.map((loss) => [loss.reason, loss.count]));
}

describe('importing a log', () => {
  test.each([
    ['pgbench', 27_208, 5608, 0],
    ['shop', 8233, 658, 138],
  ] as const)(
    'puts all of %s into the journal, and all formats of it are the same log',
    async (workload, entries, committed, rolledBack) => {
      const report = await importLog({ files: [example(workload, 'csv')], store });
      expect(report).toMatchObject({
        format: 'csv',
        entries: { total: entries, accepted: entries, duplicates: 0, skipped: 0, refused: 0 },
        transactions: { committed, rolledBack, open: 0 },
        withoutOutcome: 0,
        losses: [],
      });
      expect(await store.coverage(EVER, 1)).toMatchObject({
        entries,
        transactions: { committed, rolledBack, open: 0 },
        losses: [],
      });
      for (const extension of ['json', 'log'] as const) {
        const again = await importLog({ files: [example(workload, extension)], store });
        expect(again.entries).toEqual({ total: entries, accepted: 0, duplicates: entries, skipped: 0, refused: 0 });
      }
      expect(await store.coverage(EVER, 1)).toMatchObject({
        entries,
        transactions: { committed, rolledBack, open: 0 },
        losses: [],
      });
    },
  );

  test('gives transactions their commit positions in the order in which the log completes them', async () => {
    const log = await collectLog({ files: [example('shop', 'csv')] });
    await importLog({ files: [example('shop', 'csv')], store, batchSize: 500 });
    const committed = log.ended.filter((end) => end.status === 'COMMITTED').map((end) => end.transactionId);
    const transactions = await store.transactions(committed);
    expect(transactions.map((transaction) => Number(transaction?.commitSeq))).toEqual(
      committed.map((_, index) => index + 1),
    );
  });

  test('twice counts nothing twice', async () => {
    const options = { files: [fixture('pg18-both.json.gz')], store };
    const first = await importLog(options);
    const before = await store.coverage(EVER, 1);
    const second = await importLog(options);
    expect(second.entries).toEqual({ ...first.entries, accepted: 0, skipped: first.entries.total });
    expect(second.losses).toEqual(first.losses);
    expect(await store.coverage(EVER, 1)).toEqual(before);
    expect(await lossesInStore()).toEqual({ COPY_DATA: 1, FASTPATH: 1, PARAMETERS_NOT_LOGGED: 1, TRUNCATED: 1 });
  });

  test.each(EXTENSIONS)('from %s goes on after a crash at any append without loss or duplicate', async (extension) => {
    const files = [example('shop', extension)];
    const whole = await collectLog({ files });
    let skipped = -1;
    for (let attempt = 1; attempt < 30; attempt++) {
      const dying = importLog({ files, store: dyingAfter(1 + (attempt % 3)), batchSize: 700 });
      const died = await dying.then(
        () => false,
        (error: Error) => error.message === 'killed',
      );
      if (!died) break;
      const now = (await store.coverage(EVER, 1)).entries;
      expect(now).toBeGreaterThan(skipped);
      skipped = now;
    }
    const report = await importLog({ files, store });
    expect(report.entries).toMatchObject({ total: whole.entries.length, accepted: 0, duplicates: 0 });
    expect(await store.coverage(EVER, 1)).toMatchObject({
      entries: whole.entries.length,
      transactions: { committed: 658, rolledBack: 138, open: 0 },
      losses: [],
    });
    const committed = whole.ended.filter((end) => end.status === 'COMMITTED').map((end) => end.transactionId);
    const transactions = await store.transactions(committed);
    expect(transactions.map((transaction) => Number(transaction?.commitSeq))).toEqual(
      committed.map((_, index) => index + 1),
    );
  });

  test.each(EXTENSIONS)('from %s goes on where the log ended, when it has grown', async (extension) => {
    const text = textOf(example('shop', extension)).slice(0, 600_000);
    const bytes = Buffer.from(text.slice(0, text.lastIndexOf('\n') + 1));
    const whole = await collectLog({ files: [await written(`whole.${extension}`, bytes)] });
    const file = join(folder, `growing.${extension}`);
    await writeFile(file, bytes.subarray(0, 100_000));
    for (let end = 100_000; ; end += 73_331) {
      await importLog({ files: [file], store, batchSize: 300 });
      if (end >= bytes.length) break;
      await appendFile(file, bytes.subarray(end, end + 73_331));
    }
    const { entries, transactions, unknownOutcomes } = await store.coverage(EVER, 1);
    expect(await lossesInStore()).toEqual(lossCounts(whole));
    const ended = (status: string) => whole.ended.filter((end) => end.status === status).length;
    expect({ entries, unknownOutcomes }).toEqual({
      entries: whole.entries.length,
      unknownOutcomes: whole.entries.filter((entry) => entry.outcome.status === 'UNKNOWN').length,
    });
    expect(transactions).toMatchObject({ committed: ended('COMMITTED'), rolledBack: ended('ROLLED_BACK') });
  });

  test.each(['csv', 'json'] as const)(
    'adds nothing twice to what a %s log behind it had brought',
    async (extension) => {
      const text = textOf(example('shop', extension));
      const recordBehind = (share: number) =>
        text.indexOf(extension === 'csv' ? '\n2026-11-23 ' : '\n{', share * text.length) + 1;
      const cuts = [0, recordBehind(0.4), recordBehind(0.7), text.length];
      const files = await Promise.all(
        [1, 2, 3].map((part) => written(`part-${part}.${extension}`, text.slice(cuts[part - 1], cuts[part]))),
      );
      await importLog({ files, store });
      const whole = await store.coverage(EVER, 1);
      // The first file is gone meanwhile, as logs are after a while.
      const without = await importLog({ files: files.slice(1), store });
      expect(without.entries).toMatchObject({ accepted: 0, refused: 0 });
      expect(without.entries.skipped).toBeGreaterThan(0);
      const { entries, transactions } = await store.coverage(EVER, 1);
      expect({ entries, transactions }).toEqual({ entries: whole.entries, transactions: whole.transactions });
      // What was not imported before is kept, though it begins within a transaction.
      const elsewhere = await importLog({ files: files.slice(2), store, nodeId: 'other' });
      expect(elsewhere.entries).toMatchObject({ skipped: 0, accepted: elsewhere.entries.total });
    },
  );

  test('appends long statements few at a time', async () => {
    const lines = Array.from(
      { length: 60 },
      (_, index) => `2026-01-01 10:00:00.${100 + index} UTC [6a1.1] LOG:  statement: SELECT '${'x'.repeat(2 ** 20)}'\n`,
    );
    const file = await written('long.log', lines.join(''));
    const sizes: number[] = [];
    const report = await importLog({
      files: [file],
      logLinePrefix: '%m [%c] ',
      store: {
        ...store,
        append: (batch) => {
          sizes.push(batch.entries?.length ?? 0);
          return store.append(batch);
        },
      },
    });
    expect(report.entries.accepted).toBe(59);
    expect(sizes.length).toBeGreaterThan(4);
    expect(Math.max(...sizes.slice(0, -1))).toBeLessThan(8);
  });

  test('goes on behind a transaction that retention has forgotten, and tells what was lost of it', async () => {
    const record = (day: number, session: number, statement: string) =>
      `2026-01-0${day} 10:00:00.${100 + lines++} UTC [${begun}.${session}] LOG:  statement: ${statement}\n` +
      `2026-01-0${day} 10:00:00.${100 + lines++} UTC [${begun}.${session}] LOG:  duration: 1.000 ms\n`;
    const begun = (Date.UTC(2026, 0, 1, 10) / 1000).toString(16);
    let lines = 0;
    const file = await written(
      'forgotten.log',
      record(1, 1, 'BEGIN') + record(1, 1, 'SELECT 1') + record(3, 2, 'SELECT 2'),
    );
    const options = { files: [file], logLinePrefix: '%m [%c] ' };
    await importLog({ ...options, store });
    const keepingADay = {
      entriesPerTransaction: 9,
      bytesPerTransaction: 1e9,
      retentionMs: 86_400_000,
      retentionBytes: null,
    };
    expect(await createJournalStore(database, keepingADay).evict(Date.UTC(2026, 0, 3) * 1000)).toBe(2);

    await appendFile(file, record(3, 1, 'SELECT 3') + record(3, 1, 'COMMIT') + record(3, 2, 'SELECT 4'));
    const grown = await importLog({ ...options, store });
    expect(grown.entries).toEqual({ total: 6, accepted: 1, duplicates: 1, skipped: 2, refused: 2 });
    expect(grown.losses).toMatchObject([{ reason: 'EVICTED_BY_AGE', count: 2 }]);
    expect(formatImportReport(grown)).toMatch(/EVICTED_BY_AGE +2 {2}first at transaction .*: retention had forgotten/);
    const day = { from: Date.UTC(2026, 0, 3) * 1000, to: Date.UTC(2026, 0, 4) * 1000 };
    const { entries, losses } = await store.coverage(day, 1);
    expect(entries).toBe(2);
    expect(losses).toMatchObject([{ reason: 'EVICTED_BY_AGE', count: 2 }]);
    expect((await importLog({ ...options, store })).entries).toMatchObject({ accepted: 0, skipped: 6, refused: 0 });
    expect((await store.coverage(day, 1)).losses).toEqual(losses);
  });

  test('refuses a log whose imported part has changed', async () => {
    const text = textOf(fixture('pg18-both.csv.gz'));
    const file = await written('changed.csv', text);
    await importLog({ files: [file], store });
    await writeFile(file, text.replace('SELECT 1 AS no_parameters', 'SELECT 2 AS no_parameters'));
    await expect(importLog({ files: [file], store })).rejects.toMatchObject({ code: 'IMPORT_CHANGED' });
    await writeFile(file, text.slice(0, 5000));
    await expect(importLog({ files: [file], store })).rejects.toMatchObject({ code: 'IMPORT_CHANGED' });
  });

  test('can be stopped, and keeps what it has', async () => {
    const controller = new AbortController();
    const stopping: ImportStore = {
      ...store,
      append: (batch) => {
        controller.abort(new Error('enough'));
        return store.append(batch);
      },
    };
    const files = [example('pgbench', 'csv')];
    await expect(importLog({ files, store: stopping, signal: controller.signal })).rejects.toThrow('enough');
    const { entries } = await store.coverage(EVER, 1);
    expect(entries).toBeGreaterThan(0);
    const report = await importLog({ files, store });
    expect(report.entries).toMatchObject({ skipped: entries, accepted: 27_208 - entries, duplicates: 0 });
  });

  test('can be stopped while it waits for more of the log', async () => {
    const controller = new AbortController();
    const text = textOf(fixture('pg18-both.csv.gz'));
    let reads = 0;
    const growing = new Readable({
      read() {
        reads += 1;
        if (reads === 1) this.push(text);
        else controller.abort(new Error('enough'));
      },
    });
    await expect(importLog({ files: growing, store, signal: controller.signal })).rejects.toThrow('enough');
    expect(growing.destroyed).toBe(true);
  });

  test('tells how far it is', async () => {
    const seen: ImportProgress[] = [];
    await importLog({ files: [example('pgbench', 'json')], store, onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toMatchObject({ fraction: 1, etaMs: 0, records: 81_772, entries: 27_208 });
    for (const { fraction, bytesPerSecond } of seen) {
      expect(fraction).toBeLessThanOrEqual(1);
      expect(bytesPerSecond).toBeGreaterThan(0);
    }
  });

  test('names a file that cannot be read before it reads any', async () => {
    const files = [example('pgbench', 'csv'), join(folder, 'missing.csv')];
    await expect(importLog({ files, store })).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
      message: expect.stringContaining('missing.csv'),
    });
    await expect(importLog({ files: [folder], store })).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
    expect((await store.coverage(EVER, 1)).entries).toBe(0);
  });

  test('refuses files of several formats', async () => {
    const files = [example('shop', 'csv'), example('shop', 'json')];
    await expect(importLog({ files, store })).rejects.toMatchObject({ code: 'FORMAT_UNKNOWN' });
  });
});

test('the report is plain JSON and readable text', async () => {
  const report = await importLog({ files: [fixture('pg15-end.log.gz')], store });
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  expect(report.losses.map(({ reason, count }) => [reason, count])).toEqual([
    ['COPY_DATA', 1],
    ['TRUNCATED', 1],
    ['PARAMETERS_NOT_LOGGED', 1],
    ['FASTPATH', 1],
  ]);
  const text = formatImportReport(report);
  expect(text).toContain('stderr, log_line_prefix "%m [%p] "');
  expect(text).toContain('82: 82 new, 0 duplicates, 0 imported before, 0 refused');
  expect(text).toMatch(/PARAMETERS_NOT_LOGGED\s+1 {2}first at .*pg15-end\.log\.gz:167: /);
});

async function written(name: string, content: string | Buffer): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, content);
  return file;
}
