import { describe, expect, it } from 'vitest';
import { LOG_SCHEMA, LOGGED, log } from '../support/log-table.ts';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const bench = useBench();
const isolation = "INSERT INTO log (who) SELECT current_setting('transaction_isolation')";
/** More than two pages of what is sent at recorded pace. */
const CHAINED = 600;

describe('COMMIT: a chained transaction', () => {
  it('has the modes of the BEGIN that its chain goes back to, over rollbacks and transactions of others', async () => {
    const target = await bench.target(LOG_SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN ISOLATION LEVEL REPEATABLE READ');
    record.run('b', 'BEGIN ISOLATION LEVEL SERIALIZABLE');
    record.run('a', isolation);
    record.run('a', 'COMMIT AND CHAIN');
    record.run('a', isolation);
    record.run('a', 'COMMIT');
    record.run('b', log('undone'));
    record.run('b', 'ROLLBACK AND CHAIN');
    record.run('b', isolation);
    record.run('b', 'COMMIT AND CHAIN');
    record.run('a', 'BEGIN');
    record.run('a', 'COMMIT AND CHAIN');
    record.run('a', isolation);
    record.run('a', 'COMMIT');
    record.run('b', isolation);
    record.run('b', 'COMMIT');
    const run = await bench.run(target, { window: await record.store(bench.journal), ordering: 'COMMIT' });
    expect(run.outcomes.filter(({ status }) => status !== 'SUCCEEDED')).toEqual([]);
    expect(await target.sql(LOGGED)).toEqual([
      'repeatable read',
      'repeatable read',
      'serializable',
      'read committed',
      'serializable',
    ]);
  });

  it('has them over a page, and where its chain began before the window', async () => {
    const target = await bench.target(LOG_SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN ISOLATION LEVEL REPEATABLE READ', { at: 0 });
    for (let count = 0; count < CHAINED; count++) record.run('a', 'COMMIT AND CHAIN', { at: 1_400 + count });
    record.run('a', isolation);
    record.run('a', 'COMMIT');
    await record.store(bench.journal);
    // At recorded pace, pages are small.
    const pace = { mode: 'RECORDED', speed: 100, maxIdleMs: null } as const;
    const run = await bench.run(target, { window: record.window(1_500), ordering: 'COMMIT', pace });
    expect(run.outcomes.filter(({ status }) => status !== 'SUCCEEDED')).toEqual([]);
    expect(await target.sql(LOGGED)).toEqual(['repeatable read']);
  });

  it('is begun anew where a string has begun it, which leaves no transaction open', async () => {
    const target = await bench.target(LOG_SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN');
    record.run('a', log('first'));
    record.run('a', 'COMMIT AND CHAIN; SELECT 1');
    record.run('a', log('undone'));
    record.run('a', 'ROLLBACK');
    record.run('a', log('alone'));
    record.run('b', log('other'));
    const run = await bench.run(target, { window: await record.store(bench.journal), ordering: 'COMMIT' });
    expect(run.brief).toEqual(Array(5).fill('SUCCEEDED'));
    expect(await target.sql(LOGGED)).toEqual(['first', 'alone', 'other']);
  });

  it('leaves its mark to the transaction before it, where a string that commits that has begun it', async () => {
    const target = await bench.target(LOG_SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN');
    record.run('a', log('first'));
    record.run('a', 'COMMIT AND CHAIN; SELECT 1');
    record.run('a', 'ROLLBACK');
    const input = { window: await record.store(bench.journal), ordering: 'COMMIT', markProgress: true } as const;
    const run = await bench.run(target, input);
    expect(run.brief).toEqual(Array(3).fill('SUCCEEDED'));
    // Committed as one: neither is there without the other, wherever the run is cut off.
    expect(await target.sql('SELECT m.xmin = l.xmin FROM reprise_marker m, log l')).toEqual(['true']);
  });

  it.each([false, true])('may be read-only, and is replayed as that, marks %s', async (markProgress) => {
    const target = await bench.target(LOG_SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN READ ONLY');
    record.run('a', 'COMMIT AND CHAIN');
    const reads = record.run('a', 'SELECT 1');
    record.run('a', 'COMMIT');
    record.run('a', log('last'));
    const window = await record.store(bench.journal);
    const run = await bench.run(target, { window, ordering: 'COMMIT', markProgress });
    expect(run.outcome(reads).status).toBe('SUCCEEDED');
    expect(run.outcomes.filter(({ status }) => status !== 'SUCCEEDED')).toEqual([]);
    expect(await target.sql(LOGGED)).toEqual(['last']);
  });
});
