import { describe, expect, it } from 'vitest';
import { HandMadeRecord } from '../support/record.ts';
import { type StartedRun, type Target, untilRunning, useBench } from '../support/replay.ts';

const bench = useBench();

/** Waits the first time it is called, and only then: a run that is resumed goes past it. */
const waiting = (seconds: number) => `CREATE TABLE ran (n int);
CREATE SEQUENCE tries;
CREATE FUNCTION wait_once() RETURNS void LANGUAGE plpgsql AS $$
  BEGIN IF nextval('tries') = 1 THEN PERFORM pg_sleep(${seconds}); END IF; END $$`;
const WAIT = 'SELECT wait_once()';

/** Stops the engine of a run while it waits, resumes the run, and tells how it ended. */
async function stoppedAndResumed(target: Target, start: () => Promise<StartedRun>, stop: () => Promise<void>) {
  const { id } = await start();
  const client = await target.connect();
  await untilRunning(client, WAIT);
  await client.end();
  await stop();
  await bench.engine.resume(id);
  return bench.ended(id);
}

describe('a run in COMMIT ordering with marks that is stopped in order and resumed', () => {
  it.each([
    ['behind a statement that takes too long to wait for', 60],
    ['behind one that ends soon', 0.2],
  ])('has each transaction that was under way %s exactly once', async (_, seconds) => {
    const target = await bench.target(waiting(seconds));
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN');
    record.run('a', 'INSERT INTO ran VALUES (1)');
    record.run('a', WAIT);
    record.run('a', 'COMMIT');
    for (let n = 2; n <= 5; n++) record.run('b', `INSERT INTO ran VALUES (${n})`);
    const window = await record.store(bench.journal);
    const engine = bench.anotherEngine();
    const start = () =>
      bench.start(target, { window, ordering: 'COMMIT', markProgress: true, restoreIds: false }, engine);
    const run = await stoppedAndResumed(target, start, () => engine.stop());
    expect(run.replay.state).toBe('COMPLETED');
    expect(await target.sql('SELECT n FROM ran ORDER BY n')).toEqual(['1', '2', '3', '4', '5']);
    expect(run.outcomes.map(({ ordinal }) => ordinal)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(run.brief.filter((outcome) => outcome !== 'SUCCEEDED' && outcome !== 'UNKNOWN')).toEqual([]);
  });

  it('repeats a transaction of which it had sent a part, whatever of that was still answered', async () => {
    const target = await bench.target(waiting(0.2));
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN', { at: 0 });
    record.run('a', 'INSERT INTO ran VALUES (1)', { at: 1 });
    record.run('a', WAIT, { at: 2 });
    record.run('a', 'INSERT INTO ran VALUES (2)', { at: 60_000 });
    record.run('a', 'COMMIT', { at: 60_001 });
    const window = await record.store(bench.journal);
    const engine = bench.anotherEngine();
    const pace = { mode: 'RECORDED', speed: 100, maxIdleMs: null } as const;
    const start = () =>
      bench.start(target, { window, ordering: 'COMMIT', markProgress: true, restoreIds: false, pace }, engine);
    const run = await stoppedAndResumed(target, start, () => engine.stop());
    expect(run.brief).toEqual(Array(5).fill('SUCCEEDED'));
    expect(await target.sql('SELECT n FROM ran ORDER BY n')).toEqual(['1', '2']);
  });

  it('tells that a transaction failed by itself which others came behind', async () => {
    const target = await bench.target(`${waiting(0.2)}; ALTER TABLE ran ADD CHECK (n <> 2)`);
    const record = new HandMadeRecord();
    record.run('a', WAIT);
    for (let n = 1; n <= 3; n++) record.run('b', `INSERT INTO ran VALUES (${n})`);
    const window = await record.store(bench.journal);
    const engine = bench.anotherEngine();
    const start = () =>
      bench.start(target, { window, ordering: 'COMMIT', markProgress: true, restoreIds: false }, engine);
    const run = await stoppedAndResumed(target, start, () => engine.stop());
    expect(run.brief).toEqual(['SUCCEEDED', 'SUCCEEDED', 'FAILED 23514', 'SUCCEEDED']);
    expect(await target.sql('SELECT n FROM ran ORDER BY n')).toEqual(['1', '3']);
  });
});

it('a run in COMMIT ordering without marks that is stopped in order loses nothing that was under way and ends soon', async () => {
  const target = await bench.target(waiting(0.2));
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', 'INSERT INTO ran VALUES (1)');
  record.run('a', WAIT);
  record.run('a', 'COMMIT');
  record.run('b', 'INSERT INTO ran VALUES (2)');
  const window = await record.store(bench.journal);
  const engine = bench.anotherEngine();
  const start = () => bench.start(target, { window, ordering: 'COMMIT', restoreIds: false }, engine);
  const run = await stoppedAndResumed(target, start, () => engine.stop());
  expect(run.brief).toEqual(Array(5).fill('SUCCEEDED'));
  expect(await target.sql('SELECT n FROM ran ORDER BY n')).toEqual(['1', '2']);
});
