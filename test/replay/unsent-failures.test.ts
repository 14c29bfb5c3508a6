import { describe, expect, it } from 'vitest';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const bench = useBench();
const SCHEMA = 'CREATE TABLE t (x text)';
const INSERT = "INSERT INTO t VALUES ('refused')";

/** A statement whose parameters the server refused when they were bound: it logs none of them then. */
const UNSENT = { fails: '22P02', unreplayable: 'PARAMETERS_NOT_LOGGED', parameters: [] } as const;

describe.each(['TIMESTAMP', 'SESSION'] as const)('in %s ordering', (ordering) => {
  it('a statement that failed in the record and cannot be sent fails its block', async () => {
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN');
    record.run('a', INSERT);
    record.run('a', 'INSERT INTO t VALUES ($1)', UNSENT);
    record.run('a', INSERT, { fails: '25P02' });
    record.run('a', 'COMMIT');
    record.run('a', "INSERT INTO t VALUES ('kept')");
    await record.store(bench.journal);
    const target = await bench.target(SCHEMA);
    const run = await bench.run(target, { window: record.window(), ordering });
    expect(run.brief).toEqual([
      'SUCCEEDED',
      'SUCCEEDED',
      'SKIPPED PARAMETERS_NOT_LOGGED',
      'FAILED 25P02 cascade',
      'SUCCEEDED',
      'SUCCEEDED',
    ]);
    expect(run.outcomes.filter(({ verdict }) => verdict === 'DIVERGED')).toEqual([]);
    expect(await target.sql('SELECT x FROM t')).toEqual(['kept']);
  });

  it('so does one in a block that AND CHAIN began, and ROLLBACK TO SAVEPOINT revives either', async () => {
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN');
    record.run('a', 'COMMIT AND CHAIN');
    record.run('a', 'COPY t FROM STDIN', { fails: '22P04', unreplayable: 'COPY_DATA' });
    record.run('a', INSERT, { fails: '25P02' });
    record.run('a', 'COMMIT');
    record.run('a', 'BEGIN');
    record.run('a', 'SAVEPOINT s');
    record.run('a', 'COPY t FROM STDIN', { fails: '22P04', unreplayable: 'COPY_DATA' });
    record.run('a', INSERT, { fails: '25P02' });
    record.run('a', 'ROLLBACK TO s');
    record.run('a', "INSERT INTO t VALUES ('kept')");
    record.run('a', 'COMMIT');
    await record.store(bench.journal);
    const target = await bench.target(SCHEMA);
    const run = await bench.run(target, { window: record.window(), ordering });
    expect(run.outcomes.filter(({ verdict }) => verdict === 'DIVERGED')).toEqual([]);
    expect(await target.sql('SELECT x FROM t')).toEqual(['kept']);
  });

  it('nothing is sent in place of one outside a block', async () => {
    const record = new HandMadeRecord();
    record.run('a', 'INSERT INTO t VALUES ($1)', UNSENT);
    await record.store(bench.journal);
    const run = await bench.run(await bench.target(SCHEMA), { window: record.window(), ordering });
    expect(run.brief).toEqual(['SKIPPED PARAMETERS_NOT_LOGGED']);
    expect(run.notices('NOTHING_REPLAYED')).toHaveLength(1);
  });

  it('so does one that lies before the window, or is filtered away, once the record refuses what comes behind it', async () => {
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN', { at: 0 });
    record.run('a', 'SELECT broken', { fails: '42703' });
    record.run('a', INSERT, { at: 10, fails: '25P02' });
    record.run('a', 'COMMIT');
    record.run('a', 'BEGIN');
    record.run('a', INSERT);
    record.run('a', 'SELECT broken', { fails: '42703' });
    record.run('a', INSERT, { fails: '25P02' });
    record.run('a', 'COMMIT');
    await record.store(bench.journal);
    const target = await bench.target(SCHEMA);
    const run = await bench.run(target, { window: record.window(5), ordering, filter: { textExcludes: 'broken' } });
    expect(run.brief).toEqual([
      'FAILED 25P02 cascade',
      'SUCCEEDED',
      'SUCCEEDED',
      'SUCCEEDED',
      'FAILED 25P02 cascade',
      'SUCCEEDED',
    ]);
    expect(await target.sql('SELECT x FROM t')).toEqual([]);
  });

  it('a COMMIT that rolled back in the record does so behind a failure that was filtered away', async () => {
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN');
    record.run('a', INSERT);
    record.run('a', 'SELECT broken', { fails: '42703' });
    record.run('a', 'COMMIT');
    record.run('a', 'BEGIN');
    record.run('a', "INSERT INTO t VALUES ('kept')");
    record.run('a', 'COMMIT');
    await record.store(bench.journal);
    const target = await bench.target(SCHEMA);
    const run = await bench.run(target, { window: record.window(), ordering, filter: { outcome: 'SUCCEEDED' } });
    expect(run.brief).toEqual(Array(6).fill('SUCCEEDED'));
    expect(run.outcomes.filter(({ verdict }) => verdict === 'DIVERGED')).toEqual([]);
    expect(await target.sql('SELECT x FROM t')).toEqual(['kept']);
  });
});
