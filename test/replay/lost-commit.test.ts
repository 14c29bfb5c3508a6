import { describe, expect, it } from 'vitest';
import { ORDERINGS, type ReplayInput } from '../../src/replay/request.ts';
import { startCommitProxy } from '../support/commit-proxy.ts';
import { LOGGED, log, LOG_SCHEMA as SCHEMA } from '../support/log-table.ts';
import { HandMadeRecord, type Place } from '../support/record.ts';
import { briefly, through, useBench } from '../support/replay.ts';

const bench = useBench();

/** Three transactions, the second of which is to be in doubt. */
function threeTransactions(): { record: HandMadeRecord; doubtful: Place } {
  const record = new HandMadeRecord();
  const transaction = (who: string): Place => {
    record.run('a', 'BEGIN');
    record.run('a', log(who));
    return record.run('a', 'COMMIT');
  };
  transaction('first');
  const doubtful = transaction('doubtful');
  transaction('last');
  return { record, doubtful };
}

describe.each(ORDERINGS)('in %s ordering a COMMIT', (ordering) => {
  it('whose answer was lost is told as succeeded, because the target says that it did', async () => {
    const target = await bench.target(SCHEMA);
    const { record, doubtful } = threeTransactions();
    const proxy = await startCommitProxy(target.port, 2, 'ANSWER');
    const run = await bench.run(through(proxy, target), {
      window: await record.store(bench.journal),
      ordering,
      inFlight: 1,
    });
    expect(run.notices('CONNECTION_LOST')).toHaveLength(1);
    expect(run.brief).toEqual(Array(9).fill('SUCCEEDED'));
    expect(run.outcome(doubtful)).toMatchObject({ verdict: 'SAME', rows: null, durationMs: null });
    expect(run.outcome(doubtful).message).toContain('the target says that the transaction committed');
    expect(run.replay.summary).toMatchObject({ planned: 9, succeeded: 9, unknown: 0 });
    expect(await target.sql(LOGGED)).toEqual(['first', 'doubtful', 'last']);
  });

  it('that never reached the target is told as failed, because the target says that it rolled back', async () => {
    const target = await bench.target(SCHEMA);
    const { record, doubtful } = threeTransactions();
    const proxy = await startCommitProxy(target.port, 2, 'REQUEST');
    const run = await bench.run(through(proxy, target), {
      window: await record.store(bench.journal),
      ordering,
      inFlight: 1,
    });
    expect(run.outcome(doubtful)).toMatchObject({
      status: 'FAILED',
      sqlstate: '08006',
      cascade: false,
      divergences: ['NEW_FAILURE'],
    });
    expect(run.replay).toMatchObject({
      state: 'COMPLETED',
      summary: { planned: 9, succeeded: 8, failed: 1, unknown: 0 },
    });
    expect(await target.sql(LOGGED)).toEqual(['first', 'last']);
  });

  it.each(['ANSWER', 'REQUEST'] as const)(
    'among many under way, its %s lost, is told as it is, and nothing is told that is not so',
    async (part) => {
      const target = await bench.target(SCHEMA);
      const record = new HandMadeRecord();
      const committing = new Map<string, string>();
      for (let n = 0; n < 40; n++) {
        record.run('a', 'BEGIN');
        record.run('a', log(`t${n}`));
        const { transactionId } = record.run('a', 'COMMIT');
        committing.set(transactionId, `t${n}`);
      }
      const proxy = await startCommitProxy(target.port, 20, part);
      const run = await bench.run(through(proxy, target), {
        window: await record.store(bench.journal),
        ordering,
        ...(ordering === 'TIMESTAMP' ? {} : { inFlight: 16 }),
        settleCommits: true,
      });
      expect(run.replay.state).toBe('COMPLETED');
      expect(run.outcomes.map((event) => event.ordinal)).toEqual(run.outcomes.map((_, index) => index + 1));
      expect(run.outcomes).toHaveLength(120);
      const there = new Set(await target.sql(LOGGED));
      const commits = run.outcomes.filter((event) => event.key.sequence === 3);
      const twentieth = commits[19];
      expect(twentieth?.status).toBe(part === 'ANSWER' ? 'SUCCEEDED' : 'FAILED');
      for (const event of commits) {
        const who = committing.get(event.transactionId) ?? '';
        if (event.status === 'SUCCEEDED') expect(there).toContain(who);
        if (event.status === 'FAILED' || event.status === 'SKIPPED') expect(there).not.toContain(who);
      }
    },
  );

  it('whose answer was lost is UNKNOWN when nobody can be asked, and a cancelled run does not wait for that', async () => {
    const target = await bench.target(SCHEMA);
    const { record, doubtful } = threeTransactions();
    const proxy = await startCommitProxy(target.port, 2, 'ANSWER', true);
    const { id } = await bench.engine.start({
      window: await record.store(bench.journal),
      target: through(proxy, target).spec,
      ordering,
      inFlight: 1,
      connectTimeoutMs: 600_000,
    });
    for await (const event of bench.engine.stream(id, 0)) if (event.kind === 'NOTICE') break;
    expect((await bench.engine.cancel(id)).state).toBe('CANCELLED');
    const run = await bench.ended(id);
    expect(run.outcome(doubtful).status).toBe('UNKNOWN');
    expect(run.brief).toEqual([...Array(5).fill('SUCCEEDED'), 'UNKNOWN']);
  });
});

describe('with marks', () => {
  // Each of the record's three transactions, and the COMMIT that is put behind the autocommit statement.
  it.each([1, 2, 3].flatMap((nth) => (['ANSWER', 'REQUEST'] as const).map((part) => [nth, part] as const)))(
    'COMMIT %i, its %s lost, is told as the mark on the target says',
    async (nth, part) => {
      const target = await bench.target(SCHEMA);
      const record = new HandMadeRecord();
      record.run('a', 'BEGIN');
      record.run('a', log('1'));
      record.run('a', 'COMMIT');
      record.run('b', log('2'));
      record.run('a', 'BEGIN');
      record.run('a', log('3'));
      record.run('a', 'COMMIT');
      const proxy = await startCommitProxy(target.port, nth, part);
      const run = await bench.run(through(proxy, target), {
        window: await record.store(bench.journal),
        ordering: 'COMMIT',
        markProgress: true,
        inFlight: 1,
      });
      expect(run.replay.state).toBe('COMPLETED');
      expect(run.brief).not.toContain('UNKNOWN');
      const doubtful = run.outcomes.find((event) => event.ordinal === [3, 4, 7][nth - 1]);
      expect(doubtful?.status).toBe(part === 'REQUEST' ? 'FAILED' : 'SUCCEEDED');
      // What is told is so: what was under way behind it is there, or is told as not.
      const there = await target.sql(LOGGED);
      const told = run.outcomes.flatMap(({ ordinal, status }) =>
        [3, 4, 7].includes(ordinal) && status === 'SUCCEEDED' ? [String([3, 4, 7].indexOf(ordinal) + 1)] : [],
      );
      expect(there).toEqual(told);
    },
  );
});

describe('a COMMIT that the replay puts behind a transaction whose own is not in the record', () => {
  const SETTLED = { ANSWER: 'SUCCEEDED', REQUEST: 'FAILED 08006' } as const;

  async function lose(part: 'ANSWER' | 'REQUEST', how: Pick<ReplayInput, 'settleCommits' | 'markProgress'>) {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN');
    record.run('a', log('1'));
    const place = record.run('a', log('doubtful'));
    record.run('a', log('failed'), { fails: '23505' });
    record.run('b', log('last'), { at: 10 });
    const window = await record.store(bench.journal);
    // The record knows that it committed; the statement that did is not in it.
    const { transactionId } = place;
    const at = record.start + 5_000;
    await bench.journal.append({ begun: [], entries: [], ended: [{ transactionId, status: 'COMMITTED', at }] });
    const proxy = await startCommitProxy(target.port, how.markProgress ? 2 : 1, part);
    const run = await bench.run(through(proxy, target), {
      window,
      ordering: 'COMMIT',
      inFlight: 1,
      ...how,
    });
    expect(run.replay.state).toBe('COMPLETED');
    expect(run.notices('TRANSACTION_CLOSED')).toHaveLength(1);
    return { run, place, there: await target.sql(LOGGED) };
  }

  it.each(['ANSWER', 'REQUEST'] as const)('its %s lost, is settled, and its statement told by it', async (part) => {
    const { run, place, there } = await lose(part, {});
    expect(briefly(run.outcome(place))).toBe(SETTLED[part]);
    expect(there).toEqual(part === 'ANSWER' ? ['1', 'doubtful', 'last'] : ['last']);
  });

  it.each(['ANSWER', 'REQUEST'] as const)('its %s lost, is told as its mark says', async (part) => {
    const { run, place } = await lose(part, { markProgress: true });
    expect(briefly(run.outcome(place))).toBe(SETTLED[part]);
  });

  it.each(['ANSWER', 'REQUEST'] as const)(
    'its %s lost and not to be settled, makes its statement UNKNOWN',
    async (part) => {
      const { run, place } = await lose(part, { settleCommits: false });
      expect(run.outcome(place)).toMatchObject({
        status: 'UNKNOWN',
        message: 'the connection was lost before the COMMIT behind it was answered',
      });
      expect(run.replay.summary).toMatchObject({ planned: 5, unknown: 1, failed: 0 });
    },
  );
});
