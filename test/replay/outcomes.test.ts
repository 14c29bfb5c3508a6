import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Value } from '../../src/journal/value.ts';
import { LOGGED, log } from '../support/log-table.ts';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const SCHEMA = `
  CREATE TABLE log (n bigint GENERATED ALWAYS AS IDENTITY, who text);
  CREATE TABLE item (id int PRIMARY KEY, v int NOT NULL);
  INSERT INTO item SELECT id, 0 FROM generate_series(1, 5) AS id`;

const bench = useBench();

it('each outcome is held against the record', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  const same = record.run('a', 'SELECT * FROM item', { rows: 5 });
  const newFailure = record.run('a', 'SELECT * FROM missing');
  const missingFailure = record.run('a', 'SELECT 1', { fails: '42P01' });
  const otherFailure = record.run('a', 'SELECT 1/0', { fails: '42P01' });
  const sameFailure = record.run('a', 'SELECT 1/0', { fails: '22012' });
  const rows = record.run('a', 'SELECT * FROM item', { rows: 4 });
  const checksum = record.run('a', 'SELECT 1', { checksum: '00' });
  const slower = record.run('a', 'SELECT pg_sleep(0.1)', { durationMs: 1 });
  const unknown = record.run('a', 'SELECT 1', { unknown: true });
  const skipped = record.run('a', 'COPY item FROM STDIN', { unreplayable: 'COPY_DATA' });
  const run = await bench.run(target, {
    window: await record.store(bench.journal),
    digestRows: true,
    slower: { ratio: 2, minMs: 10 },
  });
  const verdict = (place: typeof same) => {
    const { verdict, divergences } = run.outcome(place);
    return [verdict, ...divergences].join(' ');
  };
  expect(verdict(same)).toBe('SAME');
  expect(verdict(newFailure)).toBe('DIVERGED NEW_FAILURE');
  expect(verdict(missingFailure)).toBe('DIVERGED MISSING_FAILURE');
  expect(verdict(otherFailure)).toBe('DIVERGED DIFFERENT_FAILURE');
  expect(verdict(sameFailure)).toBe('SAME');
  expect(verdict(rows)).toBe('DIVERGED ROW_COUNT');
  expect(verdict(checksum)).toBe('DIVERGED CHECKSUM');
  expect(verdict(slower)).toBe('DIVERGED SLOWER');
  expect(verdict(unknown)).toBe('UNVERIFIABLE');
  expect(verdict(skipped)).toBe('UNVERIFIABLE');
  expect(run.replay.summary).toMatchObject({
    planned: 10,
    same: 2,
    diverged: 6,
    unverifiable: 2,
    failed: 3,
    succeeded: 6,
    skipped: 1,
  });
  expect(run.replay.summary.divergences).toMatchObject({ NEW_FAILURE: 1, MISSING_FAILURE: 1, DIFFERENT_FAILURE: 1 });
});

it('a failure tells its code, message and position, and the first is in the summary', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  const place = record.run('a', 'SELECT id, nonsense FROM item');
  record.run('a', 'ROLLBACK');
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.outcome(place)).toMatchObject({
    status: 'FAILED',
    sqlstate: '42703',
    errorPosition: 12,
    cascade: false,
    rows: null,
  });
  expect(run.replay.summary.firstError).toBe(`tx ${place.transactionId} seq 2: column "nonsense" does not exist`);
});

describe.each(['TIMESTAMP', 'SESSION'] as const)('%s', (ordering) => {
  it('what follows a failure in its transaction is a cascade, COMMIT included', async () => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN');
    record.run('a', 'SELECT 1/0');
    record.run('a', log('a'));
    const commit = record.run('a', 'COMMIT');
    record.run('a', log('next'));
    const run = await bench.run(target, { window: await record.store(bench.journal), ordering });
    expect(run.brief).toEqual([
      'SUCCEEDED',
      'FAILED 22012',
      'FAILED 25P02 cascade',
      'FAILED 25P02 cascade',
      'SUCCEEDED',
    ]);
    expect(run.outcome(commit).divergences).toEqual(['NEW_FAILURE']);
    expect(run.replay.summary).toMatchObject({ failed: 1, cascades: 2, succeeded: 2 });
    expect(await target.sql(LOGGED)).toEqual(['next']);
  });

  it('a COMMIT that rolled back in the record, because its transaction had failed, is the same on the target', async () => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN');
    record.run('a', 'SELECT 1/0', { fails: '22012' });
    record.run('a', log('a'), { fails: '25P02' });
    const commit = record.run('a', 'COMMIT');
    record.run('a', 'BEGIN');
    record.run('a', 'SAVEPOINT s');
    record.run('a', 'SELECT 1/0', { fails: '22012' });
    record.run('a', 'ROLLBACK TO s');
    record.run('a', log('kept'));
    record.run('a', 'COMMIT');
    const run = await bench.run(target, { window: await record.store(bench.journal), ordering });
    expect(run.outcome(commit)).toMatchObject({ status: 'SUCCEEDED', verdict: 'SAME' });
    expect(run.replay.summary).toMatchObject({ diverged: 0, failed: 2, cascades: 1 });
    expect(await target.sql(LOGGED)).toEqual(['kept']);
  });
});

it('statements that cannot be sent again are skipped with the reason', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'COPY item FROM STDIN', { unreplayable: 'COPY_DATA' });
  record.run('a', 'fastpath function call', { unreplayable: 'FASTPATH' });
  record.run('a', 'SELECT $1', { unreplayable: 'PARAMETERS_NOT_LOGGED' });
  record.run('a', 'SELECT long', { unreplayable: 'TRUNCATED' });
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.brief).toEqual([
    'SKIPPED COPY_DATA',
    'SKIPPED FASTPATH',
    'SKIPPED PARAMETERS_NOT_LOGGED',
    'SKIPPED TRUNCATED',
  ]);
  // Nothing had to be sent.
  expect(run.replay.summary).toMatchObject({ skipped: 4, connectionsOpened: 0 });
});

it.each(['TIMESTAMP', 'SESSION', 'COMMIT'] as const)(
  '%s: a target that asks for COPY data all the same is refused, and the session goes on',
  async (ordering) => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', 'COPY item FROM STDIN');
    record.run('a', log('simple'));
    record.run('a', 'COPY item (id, v) FROM STDIN', { parameters: [] });
    record.run('a', log('extended'));
    const run = await bench.run(target, { window: await record.store(bench.journal), ordering, restoreIds: false });
    expect(run.brief).toEqual(['FAILED 57014', 'SUCCEEDED', 'FAILED 57014', 'SUCCEEDED']);
    expect(await target.sql(LOGGED)).toEqual(['simple', 'extended']);
  },
);

it('a simple string of several statements is sent as one', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', `${log('one')}; ${log('two')}`, { rows: 2 });
  record.run('a', `${log('undone')}; SELECT 1/0`, { fails: '22012' });
  record.run('a', `BEGIN; ${log('three')}; COMMIT`);
  record.run('a', `BEGIN; ${log('four')}`);
  record.run('a', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.replay.summary).toMatchObject({ planned: 5, succeeded: 4, failed: 1, diverged: 0 });
  expect(await target.sql(LOGGED)).toEqual(['one', 'two', 'three', 'four']);
});

it('a name that is prepared again with other text does what the new text says', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  const who = (value: string): readonly Value[] => [{ kind: 'text', value, oid: null }];
  record.run('a', 'INSERT INTO log (who) VALUES ($1)', { name: 'q', parameters: who('one') });
  record.run('a', 'INSERT INTO log (who) VALUES ($1)', { name: 'q', parameters: who('two') });
  record.run('a', 'INSERT INTO log (who) VALUES (upper($1))', { name: 'q', parameters: who('three') });
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.replay.summary).toMatchObject({ succeeded: 3 });
  expect(await target.sql(LOGGED)).toEqual(['one', 'two', 'THREE']);
});

it('parameters of every kind reach the target unchanged', async () => {
  const target = await bench.target(`${SCHEMA};
    CREATE TABLE kinds (i bigint, f float8, b boolean, t text, y bytea, a bigint[], n text, nested text[])`);
  const record = new HandMadeRecord();
  record.run('a', 'INSERT INTO kinds VALUES ($1, $2, $3, $4, $5, $6, $7, $8)', {
    parameters: [
      { kind: 'int64', value: 9_007_199_254_740_993n },
      { kind: 'float64', value: 0.1 },
      { kind: 'bool', value: true },
      { kind: 'text', value: `it's "quoted" \\ ü`, oid: null },
      { kind: 'bytes', value: Buffer.from([0, 255, 92]) },
      { kind: 'array', items: [{ kind: 'int64', value: -(2n ** 63n) }, { kind: 'null' }] },
      { kind: 'null' },
      {
        kind: 'array',
        items: [
          { kind: 'text', value: 'a,"b"', oid: null },
          { kind: 'text', value: 'NULL', oid: null },
        ],
      },
    ],
    rows: 1,
  });
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  expect(run.replay.summary).toMatchObject({ succeeded: 1, same: 1 });
  expect(
    await target.sql("SELECT i, f, b, t, encode(y, 'hex'), a::text, n IS NULL, nested[1], nested[2] FROM kinds"),
  ).toEqual([`9007199254740993|0.1|true|it's "quoted" \\ ü|00ff5c|{-9223372036854775808,NULL}|true|a,"b"|NULL`]);
});

it.each(['TIMESTAMP', 'SESSION', 'COMMIT'] as const)(
  '%s: a statement timeout hits only its statement',
  async (ordering) => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', log('before'));
    record.run('a', 'SELECT pg_sleep(600)');
    record.run('a', log('after'));
    const input = { window: await record.store(bench.journal), ordering, restoreIds: false, statementTimeoutMs: 300 };
    const run = await bench.run(target, input);
    expect(run.brief).toEqual(['SUCCEEDED', 'FAILED 57014', 'SUCCEEDED']);
    expect(run.replay.summary.connectionsOpened).toBe(1);
  },
);

it('a session follows its own statement_timeout', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'SET statement_timeout = 0');
  record.run('a', 'SELECT pg_sleep(0.6)');
  record.run('b', 'SET statement_timeout = 100');
  record.run('b', 'SELECT pg_sleep(600)', { fails: '57014' });
  record.run('a', 'RESET ALL');
  record.run('a', 'SELECT pg_sleep(600)');
  const run = await bench.run(target, { window: await record.store(bench.journal), statementTimeoutMs: 300 });
  expect(run.brief).toEqual(['SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED', 'FAILED 57014', 'SUCCEEDED', 'FAILED 57014']);
});

it('under readOnly a recorded statement does not get its session to write', async () => {
  const target = await bench.target('CREATE TABLE t (n int)');
  const record = new HandMadeRecord();
  record.run('a', 'SET default_transaction_read_only = off');
  record.run('a', 'BEGIN READ  WRITE');
  record.run('a', 'INSERT INTO t VALUES (1)');
  record.run('a', 'COMMIT');
  record.run('a', "SELECT set_config('transaction_read_only', 'off', false)");
  record.run('a', 'RESET ALL');
  record.run('a', 'INSERT INTO t VALUES (2)');
  const run = await bench.run(target, { window: await record.store(bench.journal), readOnly: true });
  expect(run.brief.filter((outcome) => outcome === 'SKIPPED READ_ONLY')).toHaveLength(3);
  expect(await target.sql('SELECT count(*) FROM t')).toEqual(['0']);
});

it.each([
  ['TIMESTAMP', 1],
  ['COMMIT', 1],
  ['SESSION', 1],
] as const)(
  'under readOnly, %s with %i in flight: what a function makes writable is set back',
  async (ordering, inFlight) => {
    const target = await bench.target(
      `CREATE TABLE t (n int); CREATE FUNCTION loosen() RETURNS void LANGUAGE sql
     AS $$ SELECT set_config('default_transaction_read_only', 'off', false) $$`,
    );
    const record = new HandMadeRecord();
    record.run('a', 'SELECT loosen()');
    record.run('a', 'INSERT INTO t VALUES (1)');
    record.run('a', 'BEGIN');
    record.run('a', 'SELECT loosen()');
    record.run('a', 'COMMIT');
    record.run('a', 'INSERT INTO t VALUES (2)');
    const window = await record.store(bench.journal);
    const run = await bench.run(target, { window, ordering, inFlight, readOnly: true });
    expect(run.brief.filter((outcome) => outcome === 'FAILED 25006')).toHaveLength(2);
    expect(await target.sql('SELECT count(*) FROM t')).toEqual(['0']);
  },
);

it('under readOnly the server refuses what writes, also a SELECT', async () => {
  const target = await bench.target(
    `${SCHEMA}; CREATE FUNCTION write() RETURNS void LANGUAGE sql AS $$ INSERT INTO log (who) VALUES ('written') $$`,
  );
  const record = new HandMadeRecord();
  record.run('a', log('a'));
  record.run('a', 'SELECT count(*) FROM log');
  record.run('a', 'SELECT write()');
  const run = await bench.run(target, { window: await record.store(bench.journal), readOnly: true });
  expect(run.brief).toEqual(['FAILED 25006', 'SUCCEEDED', 'FAILED 25006']);
  expect(await target.sql(LOGGED)).toEqual([]);
});

it('result rows are counted, and digested only when that is asked for', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  // One DataRow message: type, length, one column of three bytes.
  const row = Buffer.from('440000000d000100000003616263', 'hex');
  const digest = createHash('sha256').update(row).digest('hex');
  const place = record.run('a', "SELECT 'abc'", { checksum: digest, rows: 1 });
  const window = await record.store(bench.journal);
  const plain = await bench.run(target, { window });
  expect(plain.outcome(place)).toMatchObject({ digest: null, rows: 1, verdict: 'SAME' });
  const digested = await bench.run(target, { window, digestRows: true });
  expect(digested.outcome(place)).toMatchObject({ digest, rows: 1, verdict: 'SAME', divergences: [] });
});

it('counts add up: every planned statement has one outcome', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', 'SELECT 1/0');
  record.run('a', log('cascade'));
  record.run('a', 'COPY item FROM STDIN', { unreplayable: 'COPY_DATA' });
  record.run('a', 'ROLLBACK');
  record.run('a', 'SELECT pg_terminate_backend(pg_backend_pid())');
  record.run('a', log('a'));
  const run = await bench.run(target, { window: await record.store(bench.journal) });
  const { planned, succeeded, failed, cascades, skipped, unknown } = run.replay.summary;
  expect({ planned, succeeded, failed, cascades, skipped, unknown }).toEqual({
    planned: 7,
    succeeded: 3,
    failed: 1,
    cascades: 1,
    skipped: 1,
    unknown: 1,
  });
  expect(run.outcomes).toHaveLength(7);
});
