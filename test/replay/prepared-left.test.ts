import { expect, it, onTestFinished } from 'vitest';
import { HandMadeRecord } from '../support/record.ts';
import { type Target, untilRunning, useBench } from '../support/replay.ts';

const SCHEMA = 'CREATE TABLE ran (who text)';

const bench = useBench();

/** A session that prepares a transaction of this name, which is rolled back when the test is finished. */
function prepares(target: Target, record: HandMadeRecord, session: string, gid: string): void {
  const quoted = gid.replaceAll("'", "''");
  record.run(session, 'BEGIN');
  record.run(session, `INSERT INTO ran VALUES ('${session}')`);
  record.run(session, `PREPARE TRANSACTION '${quoted}'`);
  onTestFinished(() => target.sql(`ROLLBACK PREPARED '${quoted}'`).then(() => {}));
}

it.each(['TIMESTAMP', 'SESSION', 'COMMIT'] as const)(
  '%s: prepared transactions that are not ended stay, and a notice and the report name them',
  async (ordering) => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    const [left, ended] = [`${record.preparedName('a')}'s`, record.preparedName('b')];
    prepares(target, record, 'a', left);
    record.run('a', `COMMIT PREPARED '${left.replace("'", "''")}'`, { unreplayable: 'TRUNCATED' });
    record.run('b', 'BEGIN');
    record.run('b', "INSERT INTO ran VALUES ('b')");
    record.run('b', `PREPARE TRANSACTION '${ended}'`);
    record.run('b', `COMMIT PREPARED '${ended}'`);
    const run = await bench.run(target, { window: await record.store(bench.journal), ordering });
    expect(run.replay.summary).toMatchObject({ planned: 8, succeeded: 7, skipped: 1 });
    const [notice, ...others] = run.notices('PREPARED_LEFT');
    expect(others).toEqual([]);
    expect(notice?.message).toMatch(/^prepared transactions stand on the target.*: '[^ ]+'$/);
    expect(notice?.message).toContain(`'${left.replace("'", "''")}'`);
    expect((await bench.engine.report(run.replay.id)).remarks).toContain(notice?.message);
    expect(await target.sql('SELECT who FROM ran')).toEqual(['b']);
    expect(await target.sql('SELECT gid FROM pg_prepared_xacts WHERE database = current_database()')).toEqual([left]);
  },
);

it('a run that is cancelled names what it has prepared, and one that somebody else has ended is not named', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  const [left, ended] = [record.preparedName('a'), record.preparedName('b')];
  prepares(target, record, 'a', left);
  record.run('b', 'BEGIN');
  record.run('b', `PREPARE TRANSACTION '${ended}'`);
  record.run('c', 'SELECT pg_sleep(60)');
  const run = await bench.start(target, { window: await record.store(bench.journal) });
  await run.event((event) => event.kind === 'OUTCOME' && event.ordinal === 5);
  await target.sql(`ROLLBACK PREPARED '${ended}'`);
  await bench.engine.cancel(run.id);
  const cancelled = await run.ended();
  expect(cancelled.replay.state).toBe('CANCELLED');
  expect(cancelled.notices('PREPARED_LEFT').map(({ message }) => message.replace(/.*: /, ''))).toEqual([`'${left}'`]);
});

it('a resumed run names what it had prepared before it was interrupted', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  prepares(target, record, 'a', record.preparedName('a'));
  record.run('b', 'SELECT pg_sleep(60)');
  record.run('c', 'SELECT 1');
  const engine = bench.anotherEngine();
  const run = await bench.start(target, { window: await record.store(bench.journal) }, engine);
  // Not sent before, it would be sent when the run is resumed.
  await untilRunning(await target.connect(), 'pg_sleep(60)');
  await engine.stop();
  await bench.engine.resume(run.id);
  const resumed = await bench.ended(run.id);
  expect(resumed.states.filter((state) => state === 'INTERRUPTED' || state === 'COMPLETED')).toHaveLength(2);
  expect(resumed.notices('PREPARED_LEFT')).toHaveLength(2);
});

it('in COMMIT ordering what rolls back a prepared transaction is skipped where the record rolled it back, and none is left', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  const [undone, kept] = [record.preparedName('a'), record.preparedName('b')];
  for (const [session, name] of [
    ['a', undone],
    ['b', kept],
  ] as const) {
    record.run(session, 'BEGIN');
    record.run(session, `INSERT INTO ran VALUES ('${session}')`);
    record.run(session, `PREPARE TRANSACTION '${name}'`);
  }
  record.run('a', `ROLLBACK PREPARED '${undone}'`);
  record.run('b', `COMMIT PREPARED '${kept}'`);
  const run = await bench.run(target, { window: await record.store(bench.journal), ordering: 'COMMIT' });
  expect([...run.brief].sort()).toEqual(['SKIPPED ROLLED_BACK_IN_RECORD', ...Array(4).fill('SUCCEEDED')]);
  expect(run.replay.summary).toMatchObject({ failed: 0, skipped: 1 });
  expect(await target.sql('SELECT who FROM ran')).toEqual(['b']);
});
