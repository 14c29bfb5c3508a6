import { describe, expect, test } from 'vitest';
import { checkEnded, compareRuns, type RunWithReport } from '../../src/replay/compare-runs.ts';
import { completeRequest } from '../../src/replay/complete-request.ts';
import type { Replay, StatementReport } from '../../src/replay/store.ts';
import { Tally } from '../../src/replay/tally.ts';

const SLOWER = { ratio: 1.5, minMs: 1 };
const INPUT = { window: { from: 0, to: 1_000_000 }, target: { alias: 'staging' } };

function run(statements: readonly StatementReport[], fields: Partial<Replay> = {}): RunWithReport {
  const replay: Replay = {
    id: '01890000-0000-7000-8000-000000000001',
    number: 1,
    request: completeRequest(INPUT),
    state: 'COMPLETED',
    createdAt: 0,
    startedAt: 0,
    endedAt: 1,
    targetLabel: 'localhost:5432/shop',
    targetVersion: '16.1',
    summary: new Tally().summary(0),
    error: null,
    lastSeq: 0,
    ownerId: 'owner',
    lossMark: 0,
    ...fields,
  };
  return { replay, report: { statements } };
}

function line(name: string, p95: number | null, fields: Partial<StatementReport> = {}): StatementReport {
  const times = { p50: p95, p95, p99: p95 };
  return {
    fingerprint: name,
    normalised: `SELECT ${name}`,
    calls: 10,
    failures: 0,
    cascades: 0,
    recordedFailures: 0,
    rows: 0,
    recorded: times,
    replayed: times,
    verdict: 'SAME',
    divergences: {},
    regressed: false,
    ...fields,
  };
}

const verdicts = (a: readonly StatementReport[], b: readonly StatementReport[]) =>
  Object.fromEntries(
    compareRuns(run(a), run(b), SLOWER).statements.map(({ fingerprint, verdict }) => [fingerprint, verdict]),
  );

describe('two runs', () => {
  test('are compared statement by statement, worst first', () => {
    const a = [
      line('same', 10),
      line('slow', 10),
      line('fast', 10),
      line('gone', 1),
      line('fewer', 10, { rows: 20 }),
      line('changed', 10, { divergences: { CHECKSUM: 1 } }),
      line('broke', 1),
      line('mended', 1, { failures: 2 }),
    ];
    const b = [
      line('new', 1),
      line('mended', 1),
      line('same', 12),
      line('slow', 20),
      line('fast', 5),
      line('changed', 10, { divergences: { CHECKSUM: 2 } }),
      line('fewer', 10, { rows: 19 }),
      line('broke', 1, { failures: 1 }),
    ];
    const found = compareRuns(run(a), run(b), SLOWER);
    expect(found.statements.map(({ fingerprint, verdict }) => [fingerprint, verdict])).toEqual([
      ['broke', 'NEW_FAILURES'],
      ['fewer', 'DIFFERENT_RESULTS'],
      ['changed', 'DIFFERENT_RESULTS'],
      ['slow', 'SLOWER'],
      ['gone', 'ONLY_IN_A'],
      ['new', 'ONLY_IN_B'],
      ['mended', 'FIXED'],
      ['fast', 'FASTER'],
      ['same', 'SAME'],
    ]);
    expect(found.totals).toEqual({
      ONLY_IN_A: 1,
      ONLY_IN_B: 1,
      NEW_FAILURES: 1,
      FIXED: 1,
      DIFFERENT_RESULTS: 2,
      SLOWER: 1,
      FASTER: 1,
      SAME: 1,
    });
    expect(found.statements[3]).toMatchObject({ deltaMs: { p50: 10, p95: 10, p99: 10 } });
    expect(found.statements[4]).toMatchObject({ b: null, deltaMs: { p95: null } });
    expect(found.remarks).toEqual([]);
  });

  test('differ in time only by ratio and by milliseconds', () => {
    expect(verdicts([line('x', 1)], [line('x', 1.9)])).toEqual({ x: 'SAME' });
    expect(verdicts([line('x', 10)], [line('x', 14.9)])).toEqual({ x: 'SAME' });
    expect(verdicts([line('x', 10)], [line('x', 15)])).toEqual({ x: 'SLOWER' });
    expect(verdicts([line('x', null)], [line('x', 15)])).toEqual({ x: 'SAME' });
  });

  test('are judged by the 95th percentile, of few calls by the median', () => {
    const calls = (many: number, p95: number) => [line('x', 10, { calls: many, replayed: { p50: 10, p95, p99: p95 } })];
    expect(verdicts(calls(20, 10), calls(20, 99))).toEqual({ x: 'SLOWER' });
    expect(verdicts(calls(20, 10), calls(19, 99))).toEqual({ x: 'SAME' });
  });

  test('differ in failures by share of calls, cascades included', () => {
    const often = (calls: number, failures: number, cascades = 0) => [line('x', 1, { calls, failures, cascades })];
    expect(verdicts(often(100, 10), often(10, 1))).toEqual({ x: 'SAME' });
    expect(verdicts(often(100, 10), often(10, 1, 1))).toEqual({ x: 'NEW_FAILURES' });
    expect(verdicts(often(3, 1), often(9, 2))).toEqual({ x: 'FIXED' });
  });

  test('are compared over the calls that succeeded or failed, not over those that were skipped or are unknown', () => {
    const all = { failures: 10 };
    const skipped = { skips: { COPY_DATA: 10 } };
    expect(verdicts([line('x', 1, all)], [line('x', null, skipped)])).toEqual({ x: 'ONLY_IN_A' });
    expect(verdicts([line('x', null, { unknown: 10 })], [line('x', 1, all)])).toEqual({ x: 'ONLY_IN_B' });
    expect(verdicts([line('x', null, skipped)], [line('x', null, skipped)])).toEqual({ x: 'SAME' });
    const half = { failures: 5, skips: { RUN_ENDED: 3 }, unknown: 2 };
    expect(verdicts([line('x', 1, all)], [line('x', 1, half)])).toEqual({ x: 'SAME' });
    const fewer = { calls: 20, replayed: { p50: 10, p95: 10, p99: 10 }, skips: { TRUNCATED: 1 } };
    const slow = { ...fewer, replayed: { p50: 10, p95: 99, p99: 99 } };
    expect(verdicts([line('x', 1, fewer)], [line('x', 1, slow)])).toEqual({ x: 'SAME' });
  });

  test('differ in rows and checksums only where both knew those of as many calls', () => {
    const rows = (fields: Partial<StatementReport>) => [line('x', 1, fields)];
    expect(verdicts(rows({ rows: 9, withRows: 9 }), rows({ rows: 10, withRows: 10 }))).toEqual({ x: 'SAME' });
    expect(verdicts(rows({ rows: 9, withRows: 10 }), rows({ rows: 10, withRows: 10 }))).toEqual({
      x: 'DIFFERENT_RESULTS',
    });
    expect(verdicts(rows({ rows: 9 }), rows({ rows: 10, withRows: 9 }))).toEqual({ x: 'DIFFERENT_RESULTS' });
    const differ = { divergences: { CHECKSUM: 3 }, digested: 10 };
    expect(verdicts(rows({ digested: 0 }), rows(differ))).toEqual({ x: 'SAME' });
    expect(verdicts(rows({ digested: 10 }), rows(differ))).toEqual({ x: 'DIFFERENT_RESULTS' });
    expect(verdicts(rows({ divergences: { CHECKSUM: 3 } }), rows(differ))).toEqual({ x: 'SAME' });
    const otherRows = { divergences: { ROW_COUNT: 3 } };
    expect(verdicts(rows({ ...otherRows, withRows: 6 }), rows({ ...otherRows, withRows: 9 }))).toEqual({
      x: 'DIFFERENT_RESULTS',
    });
    expect(verdicts(rows({ withRows: 0 }), rows({ ...otherRows, withRows: 9 }))).toEqual({ x: 'SAME' });
  });

  test('tell what was asked of one of them only, and how much of each is not compared', () => {
    const asked = completeRequest({
      ...INPUT,
      ordering: 'COMMIT',
      edges: 'CUT',
      inFlight: 1,
      digestRows: true,
      databases: [{ recorded: 'shop', target: 'copy' }],
      users: [{ recorded: 'app', user: 'tester', password: null }],
    });
    const found = compareRuns(
      run([], { summary: { ...new Tally().summary(0), skipped: 1 } }),
      run([], { request: asked, summary: { ...new Tally().summary(0), skipped: 2, unknown: 3 } }),
      SLOWER,
    );
    const writable = compareRuns(run([]), run([], { request: completeRequest({ ...INPUT, readOnly: true }) }), SLOWER);
    expect([...found.remarks, ...writable.remarks]).toEqual([
      'the runs differ in ordering: TIMESTAMP in A, COMMIT in B',
      'the runs differ in digestRows: no in A, yes in B',
      'the runs differ in databases: one as recorded in A, shop → copy in B',
      "the runs differ in users: all the target's in A, app → tester in B",
      'the runs differ in restored ids: no in A, yes in B',
      'statements of run A that are not compared: 1 skipped',
      'statements of run B that are not compared: 2 skipped, 3 unknown',
      'the runs differ in readOnly: no in A, yes in B',
    ]);
  });

  test('that are not alike are told apart in remarks, and shared lines are left out', () => {
    const other = completeRequest({ ...INPUT, window: { from: 0, to: 5 }, ordering: 'COMMIT', inFlight: 2 });
    const found = compareRuns(
      run([line('other', 1, { calls: 7 })]),
      run([], {
        request: other,
        state: 'CANCELLED',
        summary: { ...new Tally().summary(0), durationsApproximate: true },
      }),
      SLOWER,
    );
    expect(found.statements).toEqual([]);
    expect(found.remarks).toEqual([
      'run B is CANCELLED: it did not walk its plan to the end',
      'the runs differ in window: 1970-01-01T00:00:00.000000Z to 1970-01-01T00:00:01.000000Z in A, 1970-01-01T00:00:00.000000Z to 1970-01-01T00:00:00.000005Z in B',
      'the runs differ in ordering: TIMESTAMP in A, COMMIT in B',
      'the runs differ in edges: CUT in A, INCLUDE in B',
      'the runs differ in inFlight: 1 in A, 2 in B',
      'the runs differ in restored ids: no in A, yes in B',
      expect.stringContaining('approximate'),
      '7 calls of run A share one line of its report and are not compared',
    ]);
  });

  test('are refused while one is under way', () => {
    expect(() => checkEnded({ id: 'x', state: 'RUNNING' })).toThrow(
      'replay x is RUNNING: only runs that have ended can be compared',
    );
    expect(() => checkEnded({ id: 'x', state: 'FAILED' })).not.toThrow();
  });
});
