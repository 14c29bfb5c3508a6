import { expect, it } from 'vitest';
import { ORDERINGS } from '../../src/replay/request.ts';
import { HandMadeRecord } from '../support/record.ts';
import { untilRunning, useBench } from '../support/replay.ts';

const bench = useBench();
const LONG = 'SELECT pg_sleep(600)';

it.each([
  ['another failure than the record has', '23505', 'SKIPPED RUN_ENDED'],
  ['a failure whose SQLSTATE the log does not tell', '?????', 'SKIPPED RUN_ENDED'],
  ['a cancellation that the record has too', '57014', 'FAILED 57014'],
])('a statement that is cancelled for the stop of the service is not %s', async (_, fails, brief) => {
  const target = await bench.target();
  const record = new HandMadeRecord();
  record.run('a', LONG, { fails });
  const engine = bench.anotherEngine();
  const { id } = await bench.start(target, { window: await record.store(bench.journal) }, engine);
  const client = await target.connect();
  await untilRunning(client, LONG);
  await client.end();
  await engine.stop();
  const run = await bench.ended(id);
  expect(run.brief).toEqual([brief]);
  expect(run.replay.summary.diverged).toBe(0);
});

it.each(ORDERINGS)(
  '%s: statements that took longer in the record than they are given are told before and after',
  async (ordering) => {
    const target = await bench.target();
    const record = new HandMadeRecord();
    record.run('a', LONG, { durationMs: 600_000.5 });
    record.run('a', LONG, { durationMs: 1 });
    record.run('a', 'SELECT 1', { durationMs: 1_000 });
    const window = await record.store(bench.journal);
    const input = { window, ordering, restoreIds: false, inFlight: 1, statementTimeoutMs: 300 };
    const { problems } = await bench.engine.preflight({ ...input, target: target.spec });
    expect(problems).toEqual([
      {
        severity: 'WARNING',
        code: 'STATEMENT_TIMEOUT',
        message:
          'statements of the window took up to 600001 ms, and statementTimeoutMs is 300: those that take longer on the target fail ' +
          'with 57014, unless their session sets its own statement_timeout',
      },
    ]);
    const run = await bench.run(target, input);
    expect([...run.brief].sort()).toEqual(['FAILED 57014', 'FAILED 57014', 'SUCCEEDED']);
    expect((await bench.engine.report(run.replay.id)).remarks).toEqual([
      '1 statement failed with 57014 and took longer than statementTimeoutMs (300) in the record: likely that ended it, and not the target',
    ]);
    const enough = await bench.engine.preflight({ window, target: target.spec, statementTimeoutMs: 600_001 });
    expect(enough.problems).toEqual([]);
  },
);

it('failures as in the record stop no run by being slower, also when it is resumed', async () => {
  const target = await bench.target();
  const record = new HandMadeRecord();
  const fails = 'DO $$BEGIN PERFORM pg_sleep(0.05); RAISE division_by_zero; END$$';
  record.run('a', fails, { fails: '22012', durationMs: 1 });
  record.run('a', LONG);
  record.run('a', fails, { fails: '22012', durationMs: 1 });
  record.run('a', 'SELECT * FROM gone');
  const engine = bench.anotherEngine();
  const input = { window: await record.store(bench.journal), stopAfterFailures: 2, slower: { ratio: 1, minMs: 1 } };
  const { id } = await bench.start(target, input, engine);
  const client = await target.connect();
  await untilRunning(client, LONG);
  await client.end();
  await engine.stop();
  await bench.engine.resume(id);
  const run = await bench.ended(id);
  expect(run.brief).toEqual(['FAILED 22012', 'SKIPPED RUN_ENDED', 'FAILED 22012', 'FAILED 42P01']);
  expect(run.replay).toMatchObject({ state: 'COMPLETED', summary: { divergences: { SLOWER: 2, NEW_FAILURE: 1 } } });
});

it('keys that copies of a session have in common are not blamed on the target', async () => {
  const target = await bench.target('CREATE TABLE t (n int PRIMARY KEY)');
  const record = new HandMadeRecord();
  record.run('a', 'INSERT INTO t VALUES (1)');
  const run = await bench.run(target, { window: await record.store(bench.journal), ordering: 'SESSION', scale: 3 });
  expect(run.replay.summary).toMatchObject({ succeeded: 1, failed: 2 });
  expect((await bench.engine.report(run.replay.id)).remarks).toEqual([
    '2 statements failed with 23503 or 23505 and not so in the record: likely copies of a session met the keys of each other (scale 3)',
  ]);
});
