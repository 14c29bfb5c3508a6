import { describe, expect, it } from 'vitest';
import type { Entry } from '../../src/journal/entry.ts';
import { normaliseStatement, statementFingerprint } from '../../src/journal/normalise.ts';
import { ReportBuilder } from '../../src/replay/report-builder.ts';
import { outcome } from './event-arbitrary.ts';

function entry(statement: string, fields: Partial<Entry> = {}): Entry {
  return {
    transactionId: '01890000-0000-7000-8000-000000000001',
    sequence: 1,
    origin: { nodeId: 'n', sessionId: 's1', user: null, database: null, application: null },
    timestamp: 0,
    position: 1n,
    arrival: 1n,
    statement,
    protocol: 'SIMPLE',
    preparedName: null,
    parameters: [],
    statementType: 'SELECT',
    durationMs: null,
    rows: null,
    checksum: null,
    outcome: { status: 'SUCCEEDED' },
    unreplayable: null,
    ...fields,
  };
}

const failed = (sqlstate: string, fields = {}) =>
  outcome({
    status: 'FAILED',
    sqlstate,
    message: `error ${sqlstate}`,
    verdict: 'DIVERGED',
    divergences: ['NEW_FAILURE'],
    ...fields,
  });

describe('report', () => {
  it('has one line for each normalised statement', () => {
    const report = new ReportBuilder();
    report.add(entry('SELECT 1', { durationMs: 1 }), outcome({ durationMs: 2, rows: 1 }), 1);
    report.add(entry('select  2 -- other literal', { durationMs: 3 }), outcome({ durationMs: 4, rows: 5 }), 2);
    report.add(entry('SELECT now()'), outcome({ durationMs: 100 }), 3);
    const { statements, failures, remarks } = report.finish();
    const normalised = normaliseStatement('SELECT 1');
    expect(statements.map((line) => [line.normalised, line.calls])).toEqual([
      [normaliseStatement('SELECT now()'), 1],
      [normalised, 2],
    ]);
    expect(statements[1]).toMatchObject({ fingerprint: statementFingerprint(normalised), rows: 6, verdict: 'SAME' });
    expect(statements[1]!.recorded.p50).toBeCloseTo(1, 1);
    expect(statements[1]!.replayed.p95).toBeCloseTo(4, 1);
    expect(statements[0]!.recorded).toEqual({ p50: null, p95: null, p99: null });
    expect(failures).toEqual([]);
    expect(remarks).toEqual([]);
  });

  it('gives a line the verdict of its worst call', () => {
    const report = new ReportBuilder();
    const unverifiable = { verdict: 'UNVERIFIABLE' as const };
    report.add(entry('SELECT a'), outcome(unverifiable), 1);
    report.add(entry('SELECT b'), outcome(unverifiable), 2);
    report.add(entry('SELECT b'), outcome(), 3);
    report.add(entry('SELECT c'), outcome({ verdict: 'DIVERGED', divergences: ['ROW_COUNT', 'SLOWER'] }), 4);
    report.add(entry('SELECT c'), outcome({ verdict: 'DIVERGED', divergences: ['SLOWER'] }), 5);
    const lines = new Map(report.finish().statements.map((line) => [line.normalised, line]));
    expect([...lines].map(([text, line]) => [text, line.verdict]).sort()).toEqual([
      ['SELECT a', 'UNVERIFIABLE'],
      ['SELECT b', 'SAME'],
      ['SELECT c', 'DIVERGED'],
    ]);
    expect(lines.get('SELECT c')!.divergences).toEqual({ ROW_COUNT: 1, SLOWER: 2 });
  });

  it('counts what two runs cannot be compared by: calls that were skipped, are unknown, had no rows, no digest', () => {
    const report = new ReportBuilder();
    report.add(entry('SELECT 1'), outcome({ rows: 1, digest: 'ab' }), 1);
    report.add(entry('SELECT 2'), outcome({ rows: 0 }), 2);
    report.add(entry('SELECT 3'), outcome({ rows: null }), 3);
    report.add(entry('SELECT 4'), outcome({ status: 'UNKNOWN', verdict: 'UNVERIFIABLE', rows: null }), 4);
    for (const skipReason of ['RUN_ENDED', 'TRUNCATED', 'RUN_ENDED'] as const)
      report.add(entry('SELECT 5'), outcome({ status: 'SKIPPED', skipReason, verdict: 'UNVERIFIABLE', rows: null }), 5);
    expect(report.finish().statements).toMatchObject([
      { calls: 7, skips: { RUN_ENDED: 2, TRUNCATED: 1 }, unknown: 1, withRows: 2, digested: 1 },
    ]);
  });

  it('groups failures by SQLSTATE and normalised statement, cascades and expected ones counted apart', () => {
    const report = new ReportBuilder();
    const recorded = { outcome: { status: 'FAILED', sqlstate: '23505', message: 'x' } } as const;
    report.add(entry('INSERT INTO t VALUES (1)'), failed('23505'), 10);
    report.add(entry('INSERT INTO t VALUES (2)', recorded), failed('23505', { verdict: 'SAME', divergences: [] }), 11);
    report.add(entry('INSERT INTO t VALUES (3)'), failed('40001'), 12);
    report.add(entry('INSERT INTO t VALUES (4)'), failed('25P02', { cascade: true }), 13);
    report.add(entry('INSERT INTO t VALUES (5)'), failed('23505'), 9);
    const { statements, failures } = report.finish();
    const normalised = normaliseStatement('INSERT INTO t VALUES (1)');
    expect(failures).toEqual([
      {
        sqlstate: '23505',
        fingerprint: statementFingerprint(normalised),
        normalised,
        count: 3,
        cascades: 0,
        expected: 1,
        firstSeq: 9,
        lastSeq: 11,
        sampleMessage: 'error 23505',
      },
      expect.objectContaining({ sqlstate: '40001', count: 1, firstSeq: 12, lastSeq: 12 }),
      expect.objectContaining({ sqlstate: '25P02', count: 1, cascades: 1 }),
    ]);
    expect(statements[0]).toMatchObject({ calls: 5, failures: 4, recordedFailures: 1 });
  });

  it('lists failures that are new before the many that follow from them or are as recorded', () => {
    const report = new ReportBuilder();
    const recorded = { outcome: { status: 'FAILED', sqlstate: '57014', message: 'x' } } as const;
    for (let seq = 2; seq < 12; seq++) report.add(entry('COMMIT'), failed('25P02', { cascade: true }), seq);
    for (let seq = 12; seq < 32; seq++) report.add(entry('SELECT pg_sleep(9)', recorded), failed('57014'), seq);
    report.add(entry('INSERT INTO t VALUES (1)'), failed('23505'), 1);
    expect(report.finish().failures.map(({ sqlstate }) => sqlstate)).toEqual(['23505', '57014', '25P02']);
  });

  it('keeps 5,000 statements and 1,000 groups, and says what shares a line', () => {
    const report = new ReportBuilder();
    const times = 5_010;
    for (let n = 0; n < times; n++) report.add(entry(`SELECT c${n} FROM t`), failed('42703'), n + 1);
    const { statements, failures, remarks } = report.finish();
    expect(statements).toHaveLength(5_001);
    expect(statements.at(-1)).toMatchObject({ fingerprint: 'other', calls: 10, failures: 10, verdict: 'DIVERGED' });
    expect(failures).toHaveLength(1_001);
    expect(failures.at(-1)).toMatchObject({ normalised: 'other failures', count: times - 1_000, firstSeq: 1_001 });
    expect(statements.reduce((sum, line) => sum + line.calls, 0)).toBe(times);
    expect(failures.reduce((sum, group) => sum + group.count, 0)).toBe(times);
    expect(remarks).toEqual([
      'the report has a line for each of the first 5000 different statements; 10 calls of others share the line "other"',
      'the report has the first 1000 groups of failures; 4010 failures of others share one group',
      'the report has the first 1000 groups of divergences; 4010 divergences of others share one group of each kind',
    ]);
  });

  it('cuts long texts but tells their statements apart', () => {
    const report = new ReportBuilder();
    const long = (end: string) => `SELECT ${'column_name, '.repeat(2_000)}${end}`;
    report.add(entry(long('a')), failed('42703', { message: 'm'.repeat(5_000) }), 1);
    report.add(entry(long('b')), outcome(), 2);
    report.add(entry(long('a')), outcome(), 3);
    const { statements, failures } = report.finish();
    expect(statements.map((line) => line.calls).sort()).toEqual([1, 2]);
    for (const line of statements) expect(line.normalised.length).toBe(4_000);
    expect(failures[0]!.sampleMessage.length).toBe(1_000);
  });

  it('counts right over more texts than it remembers', () => {
    const report = new ReportBuilder();
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 5_000; n++) report.add(entry(`SELECT f(${n})`), outcome(), n + 1);
    }
    expect(report.finish().statements).toMatchObject([{ normalised: 'SELECT f(?)', calls: 15_000 }]);
  });

  it('counts the statements of transactions that were lost, and says so', () => {
    const report = new ReportBuilder();
    const skipped = (['TRANSACTION_LOST', 'RUN_ENDED', 'COPY_DATA', 'TRANSACTION_LOST'] as const).map((skipReason) =>
      outcome({ status: 'SKIPPED', skipReason }),
    );
    for (const [index, one] of skipped.entries()) report.add(entry('SELECT 1'), one, index + 1);
    const { lostStatements, remarks } = report.finish();
    expect(lostStatements).toBe(3);
    expect(remarks).toEqual([expect.stringMatching(/^transactions were lost: 3 statements were not replayed/)]);
    expect(new ReportBuilder().finish()).toMatchObject({ lostStatements: 0, remarks: [] });
  });

  it('keeps a remark once, and a thousand at most', () => {
    const report = new ReportBuilder();
    for (let n = 0; n < 1_005; n++) report.remark(`remark ${n}`);
    report.remark('remark 0');
    const { remarks } = report.finish();
    expect(remarks).toHaveLength(1_001);
    expect(remarks.at(-1)).toBe('5 more remarks were left out');
  });
});

describe('divergences of a report', () => {
  const diverged = (...divergences: readonly ('ROW_COUNT' | 'SLOWER')[]) => ({
    verdict: 'DIVERGED' as const,
    divergences,
  });

  it('are grouped by their way and statement, with what the first of them was', () => {
    const report = new ReportBuilder();
    report.add(entry('SELECT 1', { rows: 2 }), outcome({ rows: 5, ...diverged('ROW_COUNT') }), 7);
    report.add(entry('SELECT 2', { rows: 2 }), outcome({ rows: 6, ...diverged('ROW_COUNT') }), 9);
    report.add(
      entry('SELECT f(1)', { durationMs: 1 }),
      outcome({ durationMs: 50, ...diverged('ROW_COUNT', 'SLOWER') }),
      8,
    );
    report.add(entry('SELECT f(2)'), failed('22012', { message: 'division by zero' }), 10);
    const fingerprint = statementFingerprint('SELECT ?');
    expect(report.finish().divergences).toEqual([
      {
        divergence: 'ROW_COUNT',
        fingerprint,
        normalised: 'SELECT ?',
        count: 2,
        firstSeq: 7,
        lastSeq: 9,
        sample: '5 rows, 2 in the record',
      },
      expect.objectContaining({ divergence: 'ROW_COUNT', normalised: 'SELECT f(?)', count: 1 }),
      expect.objectContaining({ divergence: 'SLOWER', sample: 'took 50 ms, 1 ms in the record' }),
      expect.objectContaining({
        divergence: 'NEW_FAILURE',
        sample: 'succeeded in the record, failed with 22012: division by zero',
      }),
    ]);
  });

  it('are a thousand groups at most; the rest share one of each kind', () => {
    const report = new ReportBuilder();
    for (let n = 0; n < 1_003; n++) report.add(entry(`SELECT c${n}`), outcome(diverged('ROW_COUNT', 'SLOWER')), n + 1);
    const { divergences, remarks } = report.finish();
    expect(divergences).toHaveLength(1_002);
    expect(divergences.slice(-2)).toMatchObject([
      { divergence: 'ROW_COUNT', normalised: 'other statements', count: 503, firstSeq: 501 },
      { divergence: 'SLOWER', normalised: 'other statements', count: 503, lastSeq: 1_003 },
    ]);
    expect(divergences.reduce((sum, group) => sum + group.count, 0)).toBe(2_006);
    expect(remarks).toEqual([
      'the report has the first 1000 groups of divergences; 1006 divergences of others share one group of each kind',
    ]);
  });

  it('make a statement regress by any but SLOWER, and by its 95th percentile', () => {
    const lines = (recordedMs: number | null, replayedMs: number, kind: 'ROW_COUNT' | 'SLOWER' | null) => {
      const report = new ReportBuilder();
      const fields = kind === null ? {} : diverged(kind);
      report.add(entry('SELECT 1', { durationMs: recordedMs }), outcome({ durationMs: replayedMs, ...fields }), 1);
      return (slower: { ratio: number; minMs: number } | null) => report.finish(slower).statements[0]!.regressed;
    };
    const slower = { ratio: 2, minMs: 10 };
    expect(lines(5, 5, 'ROW_COUNT')(null)).toBe(true);
    expect(lines(5, 5, null)(slower)).toBe(false);
    expect(lines(5, 14, 'SLOWER')(slower)).toBe(false);
    expect(lines(5, 30, 'SLOWER')(slower)).toBe(true);
    expect(lines(5, 30, 'SLOWER')(null)).toBe(false);
    expect(lines(null, 30, null)(slower)).toBe(false);
  });

  it('make a statement regress by the time of the calls whose recorded duration is known', () => {
    const report = new ReportBuilder();
    const asRecorded = { status: 'FAILED', sqlstate: '23505', message: 'key exists' } as const;
    report.add(
      entry('INSERT INTO t VALUES (0)', { outcome: asRecorded }),
      outcome({ status: 'FAILED', sqlstate: '23505', durationMs: 0.5, verdict: 'SAME' }),
      1,
    );
    for (let n = 1; n < 30; n++) {
      report.add(entry(`INSERT INTO t VALUES (${n})`, { durationMs: 5 }), outcome({ durationMs: 500 }), n + 1);
      report.add(entry(`SELECT ${n}`, { durationMs: 5 }), outcome({ durationMs: 5 }), n + 101);
      report.add(entry(`SELECT ${n}`), outcome({ durationMs: 500 }), n + 201);
    }
    const lines = report.finish({ ratio: 2, minMs: 10 }).statements;
    expect(lines.map(({ normalised, regressed }) => [normalised.slice(0, 6), regressed])).toEqual([
      ['SELECT', false],
      ['INSERT', true],
    ]);
  });

  it('and cascades are counted apart from failures', () => {
    const report = new ReportBuilder();
    report.add(entry('SELECT 1'), failed('25P02', { cascade: true }), 1);
    expect(report.finish().statements[0]).toMatchObject({ calls: 1, failures: 0, cascades: 1 });
  });
});
