import { describe, expect, it } from 'vitest';
import { LOG_SCHEMA, LOGGED, log } from '../support/log-table.ts';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const bench = useBench();
const LIMIT = "SET transaction_timeout = '100ms'";
const SLOW = 'SELECT pg_sleep(60)';
/** Slow at its end: the server ends the session while COMMIT runs it. */
const SLOW_COMMIT = `${LOG_SCHEMA};
  CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
  CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON log DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()`;

describe.each([
  ['TIMESTAMP', 1],
  ['SESSION', 1],
  ['SESSION', 8],
] as const)('%s, %i under way: a session that the server ends for its transaction', (ordering, inFlight) => {
  it('fails the statement with that, as the record did, and goes on with another connection', async () => {
    const target = await bench.target(LOG_SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', LIMIT);
    record.run('a', 'BEGIN');
    record.run('a', log('undone'));
    const fatal = record.run('a', SLOW, { fails: '25P04' });
    record.run('a', 'ROLLBACK');
    const alone = record.run('a', SLOW, { fails: '25P04' });
    record.run('a', log('last'));
    const run = await bench.run(target, { window: await record.store(bench.journal), ordering, inFlight });
    expect(run.outcome(fatal)).toMatchObject({ status: 'FAILED', sqlstate: '25P04', verdict: 'SAME' });
    expect(run.notices('CONNECTION_LOST').length).toBeGreaterThan(0);
    expect(await target.sql(LOGGED)).not.toContain('undone');
    if (inFlight > 1) return;
    expect(run.outcome(alone)).toMatchObject({ status: 'FAILED', sqlstate: '25P04', verdict: 'SAME' });
    expect(run.brief.slice(3)).toEqual(['FAILED 25P04', 'SKIPPED TRANSACTION_LOST', 'FAILED 25P04', 'SUCCEEDED']);
    expect(await target.sql(LOGGED)).toEqual(['last']);
  });

  it('leaves a COMMIT in doubt', async () => {
    const target = await bench.target(SLOW_COMMIT);
    const record = new HandMadeRecord();
    record.run('a', LIMIT);
    record.run('a', 'BEGIN');
    record.run('a', log('undone'));
    const commit = record.run('a', 'COMMIT');
    const window = await record.store(bench.journal);
    const run = await bench.run(target, { window, ordering, inFlight, settleCommits: false });
    expect(run.outcome(commit)).toMatchObject({ status: 'UNKNOWN', verdict: 'UNVERIFIABLE' });
  });
});

describe.each([false, true])('COMMIT, marks %s: a session that the server ends for its transaction', (markProgress) => {
  it('fails the statement with that, and what comes behind goes on', async () => {
    const target = await bench.target(LOG_SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', LIMIT);
    record.run('a', 'BEGIN');
    const ran = record.run('a', log('undone'));
    const fatal = record.run('a', SLOW);
    record.run('a', 'COMMIT');
    const alone = record.run('a', SLOW);
    record.run('a', log('last'));
    const window = await record.store(bench.journal);
    const run = await bench.run(target, { window, ordering: 'COMMIT', markProgress, inFlight: 1 });
    expect(run.outcome(ran).status).toBe('SUCCEEDED');
    for (const place of [fatal, alone])
      expect(run.outcome(place)).toMatchObject({ status: 'FAILED', sqlstate: '25P04', verdict: 'DIVERGED' });
    expect(run.brief.at(4)).toBe('SKIPPED TRANSACTION_LOST');
    expect(await target.sql(LOGGED)).toEqual(['last']);
  });
});
