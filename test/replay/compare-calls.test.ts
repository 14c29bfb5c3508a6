import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { normaliseStatement, statementFingerprint } from '../../src/journal/normalise.ts';
import {
  CALL_DIFFERENCES,
  type CallComparison,
  type CallDifference,
  type CallFilter,
  callOf,
  differencesOf,
} from '../../src/replay/compare-calls.ts';
import type { OutcomeEvent } from '../../src/replay/event.ts';
import type { Call } from '../../src/replay/recorded-outcomes.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { scriptedRun } from '../server/support.ts';
import { HandMadeRecord, type Place } from '../support/record.ts';
import { briefly, type EndedRun, useBench } from '../support/replay.ts';
import { outcome } from './event-arbitrary.ts';

const MEASURE = { ratio: 1.25, minMs: 1 };
/** By which nothing is slower. */
const NEVER = { ratio: 1_000_000, minMs: 86_400_000 };
const DAY_MS = 86_400_000;

const bench = useBench();
const fingerprint = (statement: string) => statementFingerprint(normaliseStatement(statement));

/** One page after another to the end; none may be larger than asked for, or be of another order. */
async function compareAll(
  [a, b]: readonly [Pick<EndedRun, 'replay'>, Pick<EndedRun, 'replay'>],
  filter: CallFilter = {},
  limit = 100,
): Promise<CallComparison['calls']> {
  const calls: CallComparison['calls'][number][] = [];
  let after: Call | null = null;
  for (;;) {
    const ids = [a.replay.id, b.replay.id] as const;
    const page = await bench.engine.compareCalls(ids, { filter, slower: NEVER }, { after, limit });
    expect(page.calls.length).toBeLessThanOrEqual(limit);
    calls.push(...page.calls);
    const last = page.calls.at(-1);
    after = page.stoppedAt ?? (last === undefined ? after : callOf(last));
    if (!page.hasMore) return calls;
  }
}

const brief = (calls: CallComparison['calls']) =>
  calls.map(({ a, b, differences }) => [
    differences.join(' '),
    a === null ? 'none' : briefly(a),
    b === null ? 'none' : briefly(b),
  ]);
const places = (calls: CallComparison['calls']): Place[] =>
  calls.map((call) => ({ transactionId: callOf(call).transactionId, sequence: callOf(call).key.sequence }));

/** A run that reported on these calls in this order, in chunks of so many; every fourth has as many rows as told. */
async function scripted(order: readonly number[], chunk: number, rows: number): Promise<Pick<EndedRun, 'replay'>> {
  const { id, feed } = await scriptedRun(bench.store);
  for (const [index, n] of order.entries()) {
    const key = { timestamp: n, position: 1n, sequence: 1 };
    feed.emit(outcome({ ordinal: index + 1, key, rows: n % 4 === 0 ? rows : 0 }));
    if (index % chunk === 0) await feed.flush();
  }
  await feed.transition('COMPLETE', {}, null);
  await feed.close();
  return { replay: (await bench.store.get(id))! };
}

describe('a call in two runs', () => {
  const event = (over: Partial<OutcomeEvent> = {}): OutcomeEvent => ({ ...outcome(), seq: 1, at: 1, ...over });
  const good = event({ status: 'SUCCEEDED', rows: 1, digest: null, durationMs: 10, durationApproximate: false });
  const failed = event({ ...good, status: 'FAILED', sqlstate: '23505', rows: null });
  const skipped = event({ ...good, status: 'SKIPPED', skipReason: 'COPY_DATA', rows: null, durationMs: null });
  const unknown = event({ ...good, status: 'UNKNOWN', rows: null, durationMs: null });
  const taking = (durationMs: number | null, over: Partial<OutcomeEvent> = {}) => ({ ...good, durationMs, ...over });

  test.each<[string, OutcomeEvent | null, OutcomeEvent | null, CallDifference[]]>([
    ['did the same', good, good, []],
    ['is in neither', null, null, []],
    ['was skipped in both', skipped, skipped, []],
    ['was skipped in one and is not in the other', skipped, null, []],
    ['is not in B', good, null, ['ONLY_IN_A']],
    ['was skipped in B', failed, skipped, ['ONLY_IN_A']],
    ['is not in A', null, good, ['ONLY_IN_B']],
    ['was skipped in A', skipped, unknown, ['ONLY_IN_B']],
    ['is unknown in one', good, unknown, ['UNKNOWN']],
    ['is unknown in both', unknown, unknown, ['UNKNOWN']],
    ['failed in B', good, failed, ['NEW_FAILURE']],
    ['failed in A', failed, good, ['FIXED']],
    ['failed alike', failed, failed, []],
    ['failed otherwise', failed, { ...failed, sqlstate: '42P01' }, ['DIFFERENT_FAILURE']],
    ['failed alike, with another message', failed, { ...failed, message: 'duplizierter Schlüssel' }, []],
    ['had other rows', good, { ...good, rows: 2 }, ['ROW_COUNT']],
    ['had rows that one does not tell', good, { ...good, rows: null }, []],
    ['had another digest', { ...good, digest: 'aa' }, { ...good, digest: 'bb' }, ['CHECKSUM']],
    ['was digested in one', { ...good, digest: 'aa' }, good, []],
    ['took longer', good, taking(12.5), ['SLOWER']],
    ['took longer by less than the ratio', good, taking(12.4), []],
    ['took longer by less than the time', taking(1), taking(1.9), []],
    ['took less', taking(12.5), good, ['FASTER']],
    ['failed alike and took longer', failed, { ...failed, durationMs: 99 }, ['SLOWER']],
    ['took longer as one of several', good, taking(99, { durationApproximate: true }), []],
    ['took an unknown time', good, taking(null), []],
    [
      'had other rows, of another digest, and took longer',
      { ...good, digest: 'aa' },
      taking(99, { rows: 2, digest: 'bb' }),
      ['ROW_COUNT', 'CHECKSUM', 'SLOWER'],
    ],
  ])('that %s', (_what, a, b, expected) => {
    expect(differencesOf(a, b, MEASURE)).toEqual(expected);
  });
});

describe('the calls of two runs', () => {
  it('are paired by statement of the record, with what became of each, in recorded order', async () => {
    const record = new HandMadeRecord();
    record.run('one', 'SELECT 1');
    const rows = record.run('one', 'SELECT a FROM t WHERE a < $1', { parameters: [{ kind: 'int64', value: 9n }] });
    const missing = record.run('two', 'SELECT b FROM t');
    const broken = record.run('one', 'SELECT 1 / (count(*) - 3) FROM t', { fails: '22012' });
    const content = record.run('two', 'SELECT c FROM t WHERE a = 1');
    record.run('two', 'SELECT nothing', { fails: '42703' });
    const window = await record.store(bench.journal);
    const before = await bench.target("CREATE TABLE t (a int, b int, c text); INSERT INTO t VALUES (1, 1, 'x')");
    const after = await bench.target("CREATE TABLE t (a int, c text); INSERT INTO t VALUES (1, 'y'), (2, ''), (3, '')");
    const input = { window, digestRows: true } as const;
    const runs = [await bench.run(before, input), await bench.run(after, input)] as const;

    const calls = await compareAll(runs);
    expect(places(calls)).toEqual([rows, missing, broken, content]);
    expect(brief(calls)).toEqual([
      ['ROW_COUNT CHECKSUM', 'SUCCEEDED', 'SUCCEEDED'],
      ['NEW_FAILURE', 'SUCCEEDED', 'FAILED 42703'],
      ['NEW_FAILURE', 'SUCCEEDED', 'FAILED 22012'],
      ['CHECKSUM', 'SUCCEEDED', 'SUCCEEDED'],
    ]);
    expect(calls[0]).toMatchObject({ a: { rows: 1 }, b: { rows: 3 } });
    expect(calls[1]?.b?.message).toBe('column "b" does not exist');
    const back = brief(await compareAll([runs[1], runs[0]]));
    expect(back.map(([difference]) => difference)).toEqual(['ROW_COUNT CHECKSUM', 'FIXED', 'FIXED', 'CHECKSUM']);
    expect(await compareAll([runs[0], runs[0]])).toEqual([]);

    expect(places(await compareAll(runs, { differences: ['CHECKSUM'] }))).toEqual([rows, content]);
    expect(places(await compareAll(runs, { fingerprint: fingerprint('SELECT a FROM t WHERE a < $9') }))).toEqual([
      rows,
    ]);
    const neither = { differences: ['NEW_FAILURE'], fingerprint: fingerprint('SELECT 1') } as const;
    expect(await compareAll(runs, neither)).toEqual([]);
  });

  it('are slower or faster by the measure that is asked for', async () => {
    const record = new HandMadeRecord();
    record.run('s', 'SELECT 1');
    record.run('s', 'SELECT nothing', { fails: '42703' });
    const window = await record.store(bench.journal);
    const target = await bench.target();
    const ids = [
      (await bench.run(target, { window })).replay.id,
      (await bench.run(target, { window })).replay.id,
    ] as const;
    const compare = async (slower: typeof MEASURE) => {
      const { calls } = await bench.engine.compareCalls(ids, { filter: {}, slower }, { after: null, limit: 9 });
      return calls.map(({ differences }) => differences);
    };
    // By such a measure whatever takes as long is slower, too.
    const anything = [expect.stringMatching(/^(?:SLOWER|FASTER)$/)];
    expect(await compare({ ratio: 1, minMs: 0 })).toEqual([anything, anything]);
    expect(await compare(NEVER)).toEqual([]);
    await expect(compare({ ratio: 0.5, minMs: 0 })).rejects.toMatchObject({
      code: 'BAD_INPUT',
      path: ['slower', 'ratio'],
    });
  });

  it('are found by whatever ordering they ran in, those only in one too', async () => {
    const record = new HandMadeRecord();
    record.run('long', 'BEGIN');
    record.run('long', 'INSERT INTO t VALUES (1)');
    const calls = ['a', 'b', 'c'].map((name) => record.run(name, 'SELECT count(*) FROM t'));
    record.run('long', 'INSERT INTO t VALUES (2)');
    record.run('long', 'COMMIT');
    const undone = [
      record.run('undone', 'BEGIN'),
      record.run('undone', 'SELECT a FROM t'),
      record.run('undone', 'ROLLBACK'),
    ];
    const window = await record.store(bench.journal);
    const schema = 'CREATE TABLE t (a int)';
    const inOrder = await bench.run(await bench.target(schema), { window });
    const byCommit = await bench.run(await bench.target(`${schema}; INSERT INTO t SELECT 1`), {
      window,
      ordering: 'COMMIT',
      digestRows: true,
    });
    const digested = await bench.run(await bench.target(schema), { window, digestRows: true });
    // COMMIT ordering leaves out what was rolled back.
    expect(places(await compareAll([inOrder, byCommit]))).toEqual(undone);
    const differing = await compareAll([digested, byCommit], { differences: ['CHECKSUM', 'ONLY_IN_A'] });
    expect(places(differing)).toEqual([...calls, ...undone]);
    const { remarks } = await bench.engine.compareCalls(
      [inOrder.replay.id, byCommit.replay.id],
      { filter: {} },
      { after: null, limit: 1 },
    );
    expect(remarks).toEqual([
      'the runs differ in ordering: TIMESTAMP in A, COMMIT in B',
      'the runs differ in edges: CUT in A, INCLUDE in B',
      'the runs differ in inFlight: 1 in A, 1024 in B',
      'the runs differ in digestRows: no in A, yes in B',
      'the runs differ in restored ids: no in A, yes in B',
      expect.stringMatching(/^durations are approximate/),
      'calls with an approximate duration are listed as neither slower nor faster',
    ]);
  });

  it('that only one run was to replay are ONLY_IN it, by filter, window and copy', async () => {
    const record = new HandMadeRecord();
    const [first, second, third] = [1, 2, 3].map((n) => record.run(`s${n % 2}`, `SELECT ${n}`, { at: n }));
    const window = await record.store(bench.journal);
    const target = await bench.target();
    const all = await bench.run(target, { window, ordering: 'SESSION' });
    const one = await bench.run(target, {
      window,
      ordering: 'SESSION',
      filter: { sessionIds: [record.sessionId('s1')] },
    });
    expect(places(await compareAll([all, one], { differences: ['ONLY_IN_A'] }))).toEqual([second]);
    const late = await bench.run(target, { window: record.window(2, 9), ordering: 'SESSION' });
    expect(brief(await compareAll([late, all]))).toEqual([['ONLY_IN_B', 'none', 'SUCCEEDED']]);
    expect(places(await compareAll([late, all]))).toEqual([first]);
    const empty = await bench.run(target, { window: { from: 0, to: 1 } });
    expect(places(await compareAll([all, empty]))).toEqual([first, second, third]);
    expect(await compareAll([empty, empty])).toEqual([]);

    const twice = await bench.run(target, { window, ordering: 'SESSION', scale: 2 });
    const copies = await compareAll([all, twice], {}, 2);
    expect(copies.map((call) => [callOf(call).copy, call.differences])).toEqual([
      [1, ['ONLY_IN_B']],
      [1, ['ONLY_IN_B']],
      [1, ['ONLY_IN_B']],
    ]);
    expect(places(copies)).toEqual([first, second, third]);
    expect(await compareAll([twice, twice])).toEqual([]);
  });

  it('are all found over pages of any size, also where their statement is looked for', async () => {
    const record = new HandMadeRecord();
    const expected: Place[] = [];
    for (let n = 0; n < 240; n++) {
      const place = record.run(`s${n % 7}`, n % 3 === 0 ? `SELECT a FROM t WHERE a = ${n}` : `SELECT ${n}`);
      if (n % 3 === 0) expected.push(place);
    }
    const window = await record.store(bench.journal);
    const before = await bench.target('CREATE TABLE t (a int)');
    const after = await bench.target('CREATE TABLE t AS SELECT a FROM generate_series(0, 300) a');
    const runs = [
      await bench.run(before, { window }),
      await bench.run(after, { window, ordering: 'SESSION' }),
    ] as const;
    for (const limit of [1, 7, 80, 1000]) {
      expect(places(await compareAll(runs, { differences: ['ROW_COUNT'] }, limit))).toEqual(expected);
    }
    const filter = { differences: CALL_DIFFERENCES, fingerprint: fingerprint('SELECT a FROM t WHERE a = 1') };
    expect(places(await compareAll(runs, filter, 33))).toEqual(expected);
  });

  it('are all found, whatever each run reported on, in which order, and how long the pages are', async () => {
    const kept = fc.uniqueArray(fc.nat(59), { maxLength: 60, size: 'max' });
    await fc.assert(
      fc.asyncProperty(
        kept,
        kept,
        fc.integer({ min: 1, max: 25 }),
        fc.integer({ min: 1, max: 9 }),
        async (inA, inB, limit, chunk) => {
          const [a, b] = [await scripted(inA, chunk, 1), await scripted(inB, chunk, 2)];
          const expected = Array.from({ length: 60 }, (_, n) => {
            const [left, right] = [inA.includes(n), inB.includes(n)];
            return left && right ? (n % 4 === 0 ? 'ROW_COUNT' : null) : left ? 'ONLY_IN_A' : right ? 'ONLY_IN_B' : null;
          });
          const calls = await compareAll([a, b], {}, limit);
          expect(calls.map((call) => [callOf(call).key.timestamp, ...call.differences])).toEqual(
            expected.flatMap((difference, n) => (difference === null ? [] : [[n, difference]])),
          );
        },
      ),
      { numRuns: 25 },
    );
  });

  it('that only follow from an earlier failure are told from those that fail of themselves', async () => {
    const record = new HandMadeRecord();
    record.run('s', 'BEGIN');
    const cause = record.run('s', 'SELECT a FROM t');
    const after = [record.run('s', 'SELECT 1'), record.run('s', 'SELECT b FROM t')];
    record.run('s', 'ROLLBACK');
    const window = await record.store(bench.journal);
    const whole = await bench.run(await bench.target('CREATE TABLE t (a int, b int)'), { window });
    const broken = await bench.run(await bench.target('CREATE TABLE t (b int)'), { window });
    for (const runs of [
      [whole, broken],
      [broken, whole],
    ] as const) {
      expect(places(await compareAll(runs, { cascade: false }))).toEqual([cause]);
      expect(places(await compareAll(runs, { cascade: true }, 1))).toEqual(after);
      expect(places(await compareAll(runs))).toEqual([cause, ...after]);
    }
    const other = await bench.run(await bench.target('CREATE TABLE t (a int)'), { window });
    // What follows from an earlier failure in one, and fails of itself in the other.
    expect(places(await compareAll([other, broken], { differences: ['DIFFERENT_FAILURE'] }))).toEqual([after[1]]);
    expect(await compareAll([other, broken], { differences: ['DIFFERENT_FAILURE'], cascade: false })).toEqual([]);
  });

  it('of which the journal has lost the statement are there still, but of no statement', async () => {
    const record = new HandMadeRecord();
    const place = record.run('s', 'SELECT a FROM t');
    const window = await record.store(bench.journal);
    const runs = [
      await bench.run(await bench.target('CREATE TABLE t (a int)'), { window }),
      await bench.run(await bench.target('CREATE TABLE t (b int)'), { window }),
    ] as const;
    const filter = { fingerprint: fingerprint('SELECT a FROM t') };
    expect(places(await compareAll(runs, filter))).toEqual([place]);
    const keeping = { entriesPerTransaction: 99, bytesPerTransaction: 1e6, retentionMs: DAY_MS, retentionBytes: null };
    expect(await createJournalStore(bench.database, keeping).evict(window.to + 3 * DAY_MS * 1000)).toBeGreaterThan(0);
    expect(await compareAll(runs, filter)).toEqual([]);
    expect(places(await compareAll(runs))).toEqual([place]);
  });
});
