import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { NewEntry } from '../../src/journal/entry.ts';
import { type CollectedLog, collectLog } from './collect.ts';
import { bySession, byTransaction, comparable, EXTENSIONS, type Extension, fixture, lossCounts } from './support.ts';

/** One thing that a client did, as it recorded it itself (see fixtures/README.md). */
interface Done {
  statement: string;
  protocol: string;
  name: string | null;
  parameters: (string | null)[];
  sqlstate: string | null;
}

const LOGS = ['pg15', 'pg18'].flatMap((server) =>
  ['start', 'end', 'both', 'text', 'slow'].map((mode) => ({ server, mode })),
);

const done = (entry: NewEntry): Done => ({
  statement: entry.statement,
  protocol: entry.protocol,
  name: entry.preparedName,
  parameters: entry.parameters.map((value) => (value.kind === 'text' ? value.value : null)),
  sqlstate: entry.outcome.status === 'FAILED' ? entry.outcome.sqlstate : null,
});

/** What the log cannot show of what a client did. */
function visible(did: Done): Done {
  if (did.sqlstate?.startsWith('42') && did.protocol === 'EXTENDED') return { ...did, parameters: [] };
  if (did.parameters[0] === 'unseen') return { ...did, parameters: [] };
  if (did.parameters[0] === '123456789') return { ...did, parameters: ['12345...', 'ok'] };
  return did;
}

const read = (server: string, mode: string, extension: Extension): Promise<CollectedLog> =>
  collectLog({ files: [fixture(`${server}-${mode}.${extension}.gz`)] });

/** The entries of the client that first came under this application name. */
function of(log: CollectedLog, application: string): NewEntry[] {
  return [...bySession(log.entries).values()].find((own) => own[0]?.origin.application === application) ?? [];
}

describe.each(LOGS)('the log of $server with the settings "$mode"', ({ server, mode }) => {
  const expected = JSON.parse(readFileSync(fixture(`${server}-${mode}.expected.json`), 'utf8')) as Record<
    string,
    Done[]
  >;

  test.each(EXTENSIONS)('gives from %s what each client says it did', async (extension) => {
    const log = await read(server, mode, extension);
    for (const [application, did] of Object.entries(expected)) {
      expect([application, ...of(log, application).map(done)]).toEqual([application, ...did.map(visible)]);
    }
    // One more connected and went again.
    expect(log.scan.sessions).toBe(Object.keys(expected).length + 1);
    expect(log.entries.every((entry) => entry.outcome.status !== 'UNKNOWN')).toBe(true);
    expect(lossCounts(log)).toEqual({ COPY_DATA: 1, TRUNCATED: 1, PARAMETERS_NOT_LOGGED: 1, FASTPATH: 1 });
    expect(log.begun.length).toBe(log.ended.length);
  });

  test('gives the same from all formats', async () => {
    // Who has just renamed himself is logged under the new name at the end of the statement; without %a nobody knows.
    const renamed = (lines: string[]) =>
      mode === 'end' || mode === 'both'
        ? lines.map((line) => line.replace(/"application":"(?:values|other)"/, '"application":"?"'))
        : lines;
    const csv = comparable(await read(server, mode, 'csv'));
    expect(comparable(await read(server, mode, 'json'))).toEqual(csv);
    expect(renamed(comparable(await read(server, mode, 'log'))).sort()).toEqual(renamed(csv).sort());
  });

  test('has a duration for each statement that succeeded, where durations are logged', async () => {
    const log = await read(server, mode, 'csv');
    for (const { durationMs, outcome } of log.entries) {
      if (mode === 'slow' && durationMs === null) continue;
      if (mode === 'text' || outcome.status !== 'SUCCEEDED') expect(durationMs).toBeNull();
      else expect(durationMs).toBeGreaterThanOrEqual(0);
    }
  });

  test('puts statements into the transactions that the server had', async () => {
    const log = await read(server, mode, 'log');
    const status = new Map(log.ended.map((end) => [end.transactionId, end.status]));
    const autocommit = new Map(log.begun.map((begin) => [begin.id, begin.autocommit]));
    const transactions = (application: string) =>
      [...byTransaction(of(log, application))].map(([id, own]) => [
        status.get(id),
        autocommit.get(id) ? 'alone' : 'block',
        ...own.map((entry) => entry.statement.replace('INSERT INTO t VALUES ', '')),
      ]);
    expect(transactions('blocks')).toEqual([
      ['COMMITTED', 'block', 'BEGIN ISOLATION LEVEL SERIALIZABLE', '(20)', 'COMMIT AND CHAIN'],
      ['ROLLED_BACK', 'block', '(21)', 'ROLLBACK AND CHAIN'],
      ['COMMITTED', 'block', '(22)', 'END'],
      ['COMMITTED', 'block', 'START TRANSACTION', '(23)', "PREPARE TRANSACTION 'two''phase'"],
      ['COMMITTED', 'alone', 'SELECT 1'],
      ['COMMITTED', 'alone', "COMMIT PREPARED 'two''phase'"],
      ['ROLLED_BACK', 'block', 'BEGIN', "PREPARE TRANSACTION 'gone'"],
      ['COMMITTED', 'alone', "ROLLBACK PREPARED 'gone'"],
      ['COMMITTED', 'alone', 'COMMIT'],
      ['ROLLED_BACK', 'block', 'BEGIN', 'BEGIN', 'ROLLBACK'],
      ['COMMITTED', 'block', 'BEGIN', '($1)', 'COMMIT'],
    ]);
    expect(transactions('failures').slice(7, 13)).toEqual([
      ['ROLLED_BACK', 'block', 'BEGIN', '(10)', '(1)', 'SELECT 1', 'COMMIT'],
      ['COMMITTED', 'block', 'BEGIN', 'SAVEPOINT "S p"', '(1)', 'ROLLBACK TO "S p"', '(11)', 'COMMIT'],
      [
        'ROLLED_BACK',
        'block',
        'BEGIN; (12, NULL, 7); (13, NULL, 7)'.replace('; (13', '; INSERT INTO t VALUES (13'),
        'COMMIT',
      ],
      ['COMMITTED', 'alone', '(14); INSERT INTO t VALUES (15)'],
      ['ROLLED_BACK', 'alone', '(16); INSERT INTO t VALUES (1); INSERT INTO t VALUES (17)'],
      ['ROLLED_BACK', 'alone', "DO $$ BEGIN RAISE WARNING 'watch\nout'; PERFORM 1 / 0; END $$"],
    ]);
    expect(transactions('terminated')).toEqual([['ROLLED_BACK', 'block', 'BEGIN', '(50)']]);
    expect(transactions('vanished')).toEqual([['ROLLED_BACK', 'block', 'BEGIN', '(60)']]);
  });
});

test('a deferred constraint that fails at COMMIT rolls the transaction back and ends the block', async () => {
  const log = await read('pg18', 'both', 'json');
  const commit = of(log, 'failures').find((entry) => entry.statement === 'COMMIT' && entry.outcome.status === 'FAILED');
  expect(commit?.outcome).toMatchObject({ sqlstate: '23505' });
  expect(log.ended.find((end) => end.transactionId === commit?.transactionId)?.status).toBe('ROLLED_BACK');
});

test('a cancelled and a terminated statement are failures with their SQLSTATE', async () => {
  for (const extension of EXTENSIONS) {
    const outcomes = of(await read('pg15', 'end', extension), 'cancelled').map((entry) => entry.outcome);
    expect(outcomes).toMatchObject([{ sqlstate: '57014' }, { sqlstate: '57P01' }]);
  }
});
