import { describe, expect, it } from 'vitest';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const SCHEMA = 'CREATE TABLE log (n bigint GENERATED ALWAYS AS IDENTITY, who text)';
const log = (who: string) => `INSERT INTO log (who) VALUES ('${who}')`;
const LOGGED = 'SELECT who FROM log ORDER BY n';

const bench = useBench();

describe.each(['TIMESTAMP', 'SESSION'] as const)('%s: a transaction that is chained to the one before', (ordering) => {
  it('is one, and no statements of their own, where the connection goes in between', async () => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN ISOLATION LEVEL REPEATABLE READ', { at: 0 });
    record.run('a', log('first'), { at: 1 });
    record.run('a', 'COMMIT AND CHAIN', { at: 2 });
    record.run('a', log('undone'), { at: 1_500 });
    record.run('a', 'ROLLBACK AND CHAIN', { at: 1_501 });
    record.run('a', log('second'), { at: 1_502 });
    record.run('a', 'COMMIT', { at: 1_503 });
    record.run('a', log('last'), { at: 1_504 });
    const pace = { mode: 'RECORDED', speed: 1, maxIdleMs: null } as const;
    const started = await bench.start(target, { window: await record.store(bench.journal), ordering, pace });
    await started.event((event) => event.kind === 'OUTCOME' && event.ordinal === 3);
    await target.sql(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query = 'COMMIT AND CHAIN'`,
    );
    const run = await started.ended();
    expect(run.notices('CONNECTION_LOST')).toHaveLength(1);
    expect(run.notices('TRANSACTION_CUT').map(({ message }) => message)).toEqual([
      expect.stringContaining(
        'the one before has left none open: replayed, behind BEGIN ISOLATION LEVEL REPEATABLE READ',
      ),
    ]);
    expect(run.brief).toEqual(Array(8).fill('SUCCEEDED'));
    expect(await target.sql(LOGGED)).toEqual(['first', 'second', 'last']);
  });

  it('is one where the COMMIT AND CHAIN fails on the target', async () => {
    const target = await bench.target(
      `${SCHEMA}; CREATE TABLE item (id int PRIMARY KEY);
       CREATE TABLE part (item int REFERENCES item DEFERRABLE INITIALLY DEFERRED)`,
    );
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN');
    record.run('a', 'INSERT INTO part VALUES (1)');
    const chains = record.run('a', 'COMMIT AND CHAIN');
    record.run('a', log('undone'));
    record.run('a', 'ROLLBACK AND CHAIN');
    record.run('a', log('last'));
    record.run('a', 'COMMIT');
    const input = { window: await record.store(bench.journal), ordering, inFlight: 1 };
    const run = await bench.run(target, input);
    expect(run.outcome(chains)).toMatchObject({ status: 'FAILED', sqlstate: '23503' });
    expect(run.notices('TRANSACTION_CUT')).toHaveLength(1);
    expect(await target.sql(LOGGED)).toEqual(['last']);
  });

  it('is one where the run is resumed in between', async () => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN', { at: 0 });
    record.run('a', log('first'), { at: 1 });
    const chains = record.run('a', 'COMMIT AND CHAIN', { at: 2 });
    record.run('a', log('undone'), { at: 1_500 });
    record.run('a', 'ROLLBACK', { at: 1_501 });
    record.run('a', log('last'), { at: 1_502 });
    const first = bench.anotherEngine();
    const pace = { mode: 'RECORDED', speed: 1, maxIdleMs: null } as const;
    const input = { window: await record.store(bench.journal), ordering, pace };
    const run = await bench.start(target, input, first);
    await run.event((event) => event.kind === 'OUTCOME' && event.key.sequence === chains.sequence);
    await first.stop();
    await bench.engine.resume(run.id);
    const ended = await bench.ended(run.id);
    expect(ended.replay.state).toBe('COMPLETED');
    expect(ended.notices('TRANSACTION_CUT')).toHaveLength(1);
    expect(ended.brief).toEqual(Array(6).fill('SUCCEEDED'));
    expect(await target.sql(LOGGED)).toEqual(['first', 'last']);
  });
});

describe.each(['TIMESTAMP', 'SESSION'] as const)(
  '%s: a transaction that is chained to one outside of the plan',
  (ordering) => {
    const isolation = "INSERT INTO log (who) SELECT current_setting('transaction_isolation')";

    it('is one, begun as its chain was, where its statements lie in the window', async () => {
      const target = await bench.target(SCHEMA);
      const record = new HandMadeRecord();
      record.run('a', 'BEGIN ISOLATION LEVEL REPEATABLE READ', { at: 10 });
      record.run('a', log('first'), { at: 11 });
      record.run('a', 'COMMIT AND CHAIN', { at: 20 });
      record.run('a', log('undone'), { at: 110 });
      record.run('a', 'ROLLBACK AND CHAIN', { at: 111 });
      record.run('a', isolation, { at: 112 });
      record.run('a', 'COMMIT', { at: 113 });
      record.run('a', log('last'), { at: 114 });
      await record.store(bench.journal);
      const run = await bench.run(target, { window: record.window(100, 200), ordering });
      expect(run.brief).toEqual(Array(5).fill('SUCCEEDED'));
      expect(run.notices('TRANSACTION_CUT').map(({ message }) => message)).toEqual([
        expect.stringContaining('has left none open: replayed, behind BEGIN ISOLATION LEVEL REPEATABLE READ'),
      ]);
      expect(await target.sql(LOGGED)).toEqual(['repeatable read', 'last']);
    });

    it.each([
      ['CUT', ['repeatable read', 'last']],
      ['INCLUDE', ['before', 'repeatable read', 'last']],
    ] as const)('is one, begun as its chain was, where it straddles the window (%s)', async (edges, logged) => {
      const target = await bench.target(SCHEMA);
      const record = new HandMadeRecord();
      record.run('a', 'BEGIN ISOLATION LEVEL REPEATABLE READ', { at: 10 });
      record.run('a', 'COMMIT AND CHAIN', { at: 20 });
      record.run('a', log('before'), { at: 30 });
      record.run('a', isolation, { at: 110 });
      record.run('a', 'COMMIT', { at: 111 });
      record.run('a', log('last'), { at: 112 });
      await record.store(bench.journal);
      const run = await bench.run(target, { window: record.window(100, 200), ordering, edges });
      expect(run.replay.summary).toMatchObject({ failed: 0, unknown: 0 });
      expect(run.notices('TRANSACTION_CUT')).toHaveLength(1);
      expect(await target.sql(LOGGED)).toEqual(logged);
    });

    it('is one where that straddles the window and is left out, or where the filter passes only this one', async () => {
      const target = await bench.target(SCHEMA);
      const record = new HandMadeRecord();
      record.run('a', 'BEGIN', { at: 10 });
      record.run('a', log('left out'), { at: 110 });
      record.run('a', 'COMMIT AND CHAIN', { at: 111 });
      const chained = record.run('a', log('undone'), { at: 112 });
      record.run('a', 'ROLLBACK', { at: 113 });
      record.run('a', log('last'), { at: 114 });
      await record.store(bench.journal);
      await bench.run(target, { window: record.window(100, 200), ordering, edges: 'EXCLUDE' });
      const filter = { transactionIds: [chained.transactionId] };
      const alone = await bench.run(target, { window: record.window(), ordering, filter });
      expect(alone.brief).toEqual(['SUCCEEDED', 'SUCCEEDED']);
      expect(await target.sql(LOGGED)).toEqual(['last']);
    });
  },
);
