import { beforeAll, describe, expect, test } from 'vitest';
import type { NewEntry } from '../../src/journal/entry.ts';
import { type CollectedLog, collectLog } from './collect.ts';
import { bySession, byTransaction, comparable, EXTENSIONS, type Extension, example, textOf } from './support.ts';

const WORKLOADS = {
  // Counted in the logs with grep: `LOG:  statement: `, `LOG:  execute `, errors without either, sessions.
  pgbench: {
    records: 81_772,
    statements: 8408,
    executes: 18_800,
    errorsOnly: 0,
    sessions: 32,
    committed: 5608,
    rolledBack: 0,
  },
  shop: {
    records: 22_519,
    statements: 4262,
    executes: 3952,
    errorsOnly: 19,
    sessions: 8,
    committed: 658,
    rolledBack: 138,
  },
};

describe.each(['pgbench', 'shop'] as const)('the %s workload', (workload) => {
  const logs = {} as Record<Extension, CollectedLog>;
  const truth = WORKLOADS[workload];

  beforeAll(async () => {
    for (const extension of EXTENSIONS) logs[extension] = await collectLog({ files: [example(workload, extension)] });
  });

  test.each(EXTENSIONS)('imports from %s without a lost statement', (extension) => {
    const { entries, begun, ended, losses, scan } = logs[extension];
    expect(scan.records).toBe(truth.records);
    expect(scan.sessions).toBe(truth.sessions);
    expect(entries).toHaveLength(truth.statements + truth.executes + truth.errorsOnly);
    expect(losses).toEqual([]);
    expect(begun).toHaveLength(truth.committed + truth.rolledBack);
    expect(ended.filter((end) => end.status === 'COMMITTED')).toHaveLength(truth.committed);
    expect(ended.filter((end) => end.status === 'ROLLED_BACK')).toHaveLength(truth.rolledBack);
    expect(entries.filter((entry) => entry.outcome.status === 'UNKNOWN')).toEqual([]);
    expect(entries.filter((entry) => entry.unreplayable)).toEqual([]);
  });

  test('has as many statement and execute lines as were counted', () => {
    const text = textOf(example(workload, 'log'));
    expect(text.match(/LOG: {2}statement: /g)).toHaveLength(truth.statements);
    expect(text.match(/LOG: {2}execute /g)).toHaveLength(truth.executes);
  });

  test('gives the same entries and transactions whichever the format', () => {
    const csv = comparable(logs.csv);
    expect(comparable(logs.json)).toEqual(csv);
    expect(comparable(logs.log)).toEqual(csv);
  });

  test('numbers the entries of each transaction from 1 without gaps', () => {
    const next = new Map<string, number>();
    for (const { transactionId, sequence } of logs.csv.entries) {
      expect(sequence).toBe((next.get(transactionId) ?? 0) + 1);
      next.set(transactionId, sequence);
    }
  });

  test.each(EXTENSIONS)('has timestamps that strictly increase within a session in %s', (extension) => {
    const last = new Map<string, number>();
    for (const { origin, timestamp } of logs[extension].entries) {
      expect(timestamp).toBeGreaterThan(last.get(origin.sessionId) ?? 0);
      last.set(origin.sessionId, timestamp);
    }
  });
});

describe('the shop workload', () => {
  const logs = {} as Record<Extension, CollectedLog>;
  beforeAll(async () => {
    for (const extension of EXTENSIONS) logs[extension] = await collectLog({ files: [example('shop', extension)] });
  });
  const where = (of: (entry: NewEntry) => boolean) => logs.csv.entries.filter(of);

  test('fails with the SQLSTATEs that the server gave, though the stderr format does not carry them', () => {
    const states = (log: CollectedLog) => {
      const counts: Record<string, number> = {};
      for (const { outcome } of log.entries) {
        if (outcome.status === 'FAILED') counts[outcome.sqlstate] = (counts[outcome.sqlstate] ?? 0) + 1;
      }
      return counts;
    };
    const expected = { 23514: 53, '40P01': 24, 57014: 12, 42601: 10, 22012: 9, 23505: 7, '42P01': 4, '55P03': 3 };
    for (const extension of EXTENSIONS) expect(states(logs[extension])).toEqual(expected);
  });

  test('finds the prepared statement whose name holds a colon and a space', () => {
    const inserts = where((entry) => entry.statement.startsWith('INSERT INTO orders '));
    expect(inserts).toHaveLength(480);
    expect(new Set(inserts.map((entry) => entry.preparedName))).toEqual(new Set(['new order/v1: insert']));
    expect(new Set(inserts.map((entry) => entry.protocol))).toEqual(new Set(['EXTENDED']));
  });

  test('keeps quotes, line ends, arrays, bytes and NULL of parameters', () => {
    const notes = new Set(
      where((entry) => entry.preparedName === 'new order/v1: insert').map((entry) => {
        const note = entry.parameters[1];
        return note?.kind === 'text' ? note.value : null;
      }),
    );
    expect(notes).toEqual(
      new Set(["it's urgent", 'naïve – ünïcode ✓', 'line one\nline two\ttab', '', "O''Brien \\ back"]),
    );
    const line = where((entry) => entry.preparedName === 'line')[0];
    expect(line?.parameters.map((value) => value.kind)).toEqual(['text', 'text', 'text', 'text', 'text', 'text']);
    expect(line?.parameters[4]).toMatchObject({ value: expect.stringMatching(/^\\x0001275cff[0-9a-f]{2}$/) });
  });

  test('gives a parameter that fails at bind its values, from the CONTEXT of the error', () => {
    const divisions = where((entry) => entry.outcome.status === 'FAILED' && entry.outcome.sqlstate === '22012');
    expect(divisions).toHaveLength(9);
    for (const entry of divisions) {
      expect(entry).toMatchObject({
        protocol: 'EXTENDED',
        parameters: [{ kind: 'text', value: '0' }],
        durationMs: null,
      });
    }
  });

  test('keeps a string of several statements and a multi-line one as they were sent', () => {
    expect(where((entry) => entry.statement === 'SELECT 1 AS one; SELECT 2 AS two; SELECT 3 AS three')).not.toEqual([]);
    const commented =
      '-- a leading comment\n/* and /* a nested */ one */ SELECT nextval(\'ticket\'), $tag$a $1 in dollars$tag$ AS "odd name"';
    expect(where((entry) => entry.statement === commented)).not.toEqual([]);
  });

  test('rolls back what a COMMIT ended after a failure, and goes on after ROLLBACK TO', () => {
    const status = new Map(logs.csv.ended.map((end) => [end.transactionId, end.status]));
    const entries = byTransaction(logs.csv.entries);
    let refused = 0;
    let saved = 0;
    for (const [id, own] of entries) {
      const last = own.at(-1)?.statement;
      const failed = own.findLastIndex((entry) => entry.outcome.status === 'FAILED');
      const returned = own.findLastIndex((entry) => entry.statement.startsWith('ROLLBACK TO'));
      if ((last === 'COMMIT' || last === 'END') && failed > returned) {
        expect(status.get(id)).toBe('ROLLED_BACK');
        refused++;
      } else if (last === 'COMMIT' && returned > failed && failed >= 0) {
        expect(status.get(id)).toBe('COMMITTED');
        saved++;
      }
    }
    // 24 deadlocks and 3 locks not to be had; the rest counted by another program.
    expect([refused, saved]).toEqual([27, 41]);
  });

  test('takes over another application name within a session', () => {
    const names = [...bySession(logs.csv.entries).values()].map((entries) => [
      ...new Set(entries.map((entry) => entry.origin.application)),
    ]);
    expect(names.flat().filter((name) => name === 'shop').length).toBeGreaterThan(0);
    for (const [first] of names) expect(first).toMatch(/^shop-\d$/);
  });

  test.each(EXTENSIONS)(
    'draws ids in the order of the timestamps of %s, though milliseconds are shared',
    (extension) => {
      const { entries } = logs[extension];
      const ids: number[] = [];
      const sessions = bySession(entries);
      const inserts = entries
        .filter((entry) => entry.preparedName === 'new order/v1: insert')
        .sort((a, b) => a.timestamp - b.timestamp);
      for (const insert of inserts) {
        const own = sessions.get(insert.origin.sessionId) ?? [];
        // The id that the insert returned is what its order lines pass.
        const line = own.find((entry) => entry.timestamp > insert.timestamp && entry.preparedName === 'line');
        const id = line?.parameters[0];
        ids.push(id?.kind === 'text' ? Number(id.value) : Number.NaN);
      }
      expect(ids).toEqual(Array.from({ length: 480 }, (_, index) => index + 1));
    },
  );
});
