import { describe, expect, it } from 'vitest';
import { LOG_SCHEMA, LOGGED, log } from '../support/log-table.ts';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const bench = useBench();

describe.each(['TIMESTAMP', 'SESSION', 'COMMIT'] as const)('%s, read-only', (ordering) => {
  it('a transaction that the window cuts is begun without what lets it write, its savepoints are there', async () => {
    const target = await bench.target(LOG_SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN READ /* for this */ WRITE', { at: 0 });
    record.run('a', 'SAVEPOINT s', { at: 1 });
    const inserts = record.run('a', log('written'), { at: 10 });
    const back = record.run('a', 'ROLLBACK TO s', { at: 11 });
    record.run('a', log('written'), { at: 12 });
    record.run('a', 'COMMIT', { at: 13 });
    await record.store(bench.journal);
    const input = { window: record.window(5), ordering, edges: 'CUT', readOnly: true, restoreIds: false } as const;
    const run = await bench.run(target, input);
    expect(run.outcome(inserts)).toMatchObject({ status: 'FAILED', sqlstate: '25006' });
    if (ordering !== 'COMMIT') expect(run.outcome(back).status).toBe('SUCCEEDED');
    expect(await target.sql(LOGGED)).toEqual([]);
  });
});

it.each(['TIMESTAMP', 'SESSION'] as const)(
  '%s, read-only: so is one that is chained to what is not sent',
  async (ordering) => {
    const target = await bench.target(LOG_SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN READ WRITE', { at: 0 });
    record.run('a', 'COMMIT AND CHAIN', { at: 1 });
    const inserts = record.run('a', log('written'), { at: 10 });
    record.run('a', 'COMMIT', { at: 11 });
    await record.store(bench.journal);
    const run = await bench.run(target, { window: record.window(5), ordering, readOnly: true, restoreIds: false });
    expect(run.outcome(inserts)).toMatchObject({ status: 'FAILED', sqlstate: '25006' });
    expect(await target.sql(LOGGED)).toEqual([]);
  },
);
