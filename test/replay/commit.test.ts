import { expect, it } from 'vitest';
import { LOGGED, log, ITEM_SCHEMA as SCHEMA } from '../support/log-table.ts';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const COMMIT = { ordering: 'COMMIT', restoreIds: false } as const;

const bench = useBench();

it('whole transactions run one at a time in the order of their commits', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('b', 'BEGIN');
  record.run('a', log('a1'));
  record.run('b', log('b1'));
  record.run('c', log('c'));
  record.run('a', log('a2'));
  record.run('b', log('b2'));
  record.run('b', 'COMMIT');
  record.run('a', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal), ...COMMIT });
  expect(run.replay.state).toBe('COMPLETED');
  expect(run.replay.summary).toMatchObject({ planned: 9, succeeded: 9, connectionsOpened: 1 });
  expect(run.outcomes.map((event) => event.ordinal)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(await target.sql(LOGGED)).toEqual(['c', 'b1', 'b2', 'a1', 'a2']);
});

it('what the source rolled back, failed or left open is left out', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', log('undone'));
  record.run('a', 'ROLLBACK');
  record.run('a', log('refused'), { fails: '23505' });
  record.run('b', 'BEGIN');
  record.run('b', 'SELECT 1/0', { fails: '22012' });
  record.run('b', 'COMMIT');
  record.run('c', 'BEGIN');
  record.run('c', log('open'));
  record.run('d', log('done'));
  const run = await bench.run(target, { window: await record.store(bench.journal), ...COMMIT });
  expect(run.brief).toEqual(['SUCCEEDED']);
  expect(await target.sql(LOGGED)).toEqual(['done']);
});

it.each([
  ['user', { users: ['one'] }],
  ['application', { applications: ['one'] }],
] as const)(
  'a filter by %s takes the whole of a transaction that began with it, as it counts',
  async (field, filter) => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN', { [field]: 'one' });
    record.run('a', log('of one'), { [field]: 'one' });
    record.run('a', log('of two'), { [field]: 'two' });
    record.run('a', 'COMMIT', { [field]: 'two' });
    record.run('b', 'BEGIN', { [field]: 'two' });
    record.run('b', log('of another'), { [field]: 'one' });
    record.run('b', 'COMMIT', { [field]: 'two' });
    const run = await bench.run(target, { window: await record.store(bench.journal), filter, ...COMMIT });
    expect(run.replay).toMatchObject({ state: 'COMPLETED', summary: { planned: 4, succeeded: 4 } });
    expect(await target.sql(LOGGED)).toEqual(['of one', 'of two']);
  },
);

it('what failed in the record within a transaction that committed is skipped, and what a savepoint undid is done and undone', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', log('kept'));
  record.run('a', 'SAVEPOINT s');
  record.run('a', log('undone'));
  record.run('a', 'SELECT 1/0', { fails: '22012' });
  record.run('a', 'ROLLBACK TO SAVEPOINT s');
  record.run('a', log('kept too'));
  record.run('a', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal), ...COMMIT });
  expect(run.brief).toEqual([...Array(4).fill('SUCCEEDED'), 'SKIPPED FAILED_IN_RECORD', ...Array(3).fill('SUCCEEDED')]);
  expect(await target.sql(LOGGED)).toEqual(['kept', 'kept too']);
});

it('a new failure rolls its transaction back, the rest are cascades, and the next transaction starts clean', async () => {
  const target = await bench.target(`${SCHEMA}; INSERT INTO item VALUES (50, 0)`);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', log('lost'));
  const fails = record.run('a', 'INSERT INTO item VALUES (50, 1)');
  record.run('a', log('lost too'));
  const commit = record.run('a', 'COMMIT');
  record.run('b', 'BEGIN');
  record.run('b', log('b'));
  record.run('b', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal), ...COMMIT });
  expect(run.brief).toEqual([
    'SUCCEEDED',
    'SUCCEEDED',
    'FAILED 23505',
    'FAILED 25P02 cascade',
    'FAILED 25P02 cascade',
    'SUCCEEDED',
    'SUCCEEDED',
    'SUCCEEDED',
  ]);
  expect(run.replay.summary).toMatchObject({ succeeded: 5, failed: 1, cascades: 2, planned: 8 });
  expect(run.outcome(commit)).toMatchObject({ verdict: 'DIVERGED', divergences: ['NEW_FAILURE'] });
  expect(run.replay.summary.firstError).toMatch(
    new RegExp(`^tx ${fails.transactionId} seq 3: duplicate key value violates unique constraint`),
  );
  expect(await target.sql(LOGGED)).toEqual(['b']);
});

it('ROLLBACK TO SAVEPOINT does not revive a transaction that failed anew', async () => {
  const target = await bench.target(`${SCHEMA}; INSERT INTO item VALUES (50, 0)`);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', 'SAVEPOINT s');
  record.run('a', 'INSERT INTO item VALUES (50, 1)');
  record.run('a', 'ROLLBACK TO s');
  record.run('a', log('must not be'));
  record.run('a', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal), ...COMMIT });
  expect(run.brief).toEqual(['SUCCEEDED', 'SUCCEEDED', 'FAILED 23505', ...Array(3).fill('FAILED 25P02 cascade')]);
  expect(await target.sql(LOGGED)).toEqual([]);
});

it('a deferred constraint that fails at COMMIT is a failure of COMMIT', async () => {
  const target = await bench.target(
    `${SCHEMA}; CREATE TABLE part (id int REFERENCES item DEFERRABLE INITIALLY DEFERRED)`,
  );
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', 'INSERT INTO part VALUES (99)');
  record.run('a', 'COMMIT');
  record.run('a', log('next'));
  const run = await bench.run(target, { window: await record.store(bench.journal), ...COMMIT });
  expect(run.brief).toEqual(['SUCCEEDED', 'SUCCEEDED', 'FAILED 23503', 'SUCCEEDED']);
  expect(await target.sql(LOGGED)).toEqual(['next']);
});

it('sessions without state share a connection, one with state has its own from there on', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  for (let round = 0; round < 3; round++) {
    for (const session of ['a', 'b', 'c']) record.run(session, log(`${session}${round}`));
    if (round === 0) record.run('b', "SET application_name = 'stateful'");
    record.run('b', "INSERT INTO log (who) SELECT current_setting('application_name')");
  }
  const run = await bench.run(target, { window: await record.store(bench.journal), ...COMMIT });
  expect(run.replay.summary).toMatchObject({ failed: 0, connectionsOpened: 2 });
  const settings = await target.sql("SELECT who FROM log WHERE who !~ '^[abc][0-9]' ORDER BY n");
  expect(settings).toEqual(['stateful', 'stateful', 'stateful']);
});

it('each of thousands of sessions has its own state, whether made before the window or late in it', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  const shows = "INSERT INTO log (who) SELECT current_setting('application_name')";
  const others = (round: number) => {
    for (let n = 0; n < 1_500; n++) record.run(`${round}.${n}`, 'SELECT 1');
  };
  record.run('before', "SET application_name = 'before'");
  record.run('early', "SET application_name = 'early'", { at: 10 });
  record.run('late', 'SELECT 1');
  others(1);
  for (const session of ['before', 'early']) record.run(session, shows);
  record.run('late', "SET application_name = 'late'");
  others(2);
  for (const session of ['late', 'before', 'early', 'late']) record.run(session, shows);
  const { to } = await record.store(bench.journal);
  const run = await bench.run(target, { window: { from: record.start + 10_000, to }, ...COMMIT });
  expect(run.replay.summary).toMatchObject({ planned: 3_009, succeeded: 3_009, connectionsOpened: 4 });
  expect(await target.sql(LOGGED)).toEqual(['before', 'early', 'late', 'before', 'early', 'late']);
});

it('a setting that was rolled back does not come back with another connection', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('b', "SET application_name = 'kept'");
  record.run('b', 'BEGIN');
  record.run('b', 'SAVEPOINT s');
  record.run('b', "SET application_name = 'undone'");
  record.run('b', 'ROLLBACK TO s');
  record.run('b', 'COMMIT');
  // One session's place only: the other takes it.
  record.run('a', log('a'));
  record.run('b', "INSERT INTO log (who) SELECT current_setting('application_name')");
  const run = await bench.run(target, { window: await record.store(bench.journal), ...COMMIT, maxConnections: 2 });
  expect(run.replay.summary).toMatchObject({ failed: 0, connectionsOpened: 3 });
  expect(run.notices('SESSION_PREPARED')).toHaveLength(1);
  expect(await target.sql(LOGGED)).toEqual(['a', 'kept']);
});

it('sessions whose record is over give their connection back', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  for (let session = 0; session < 6; session++) {
    record.run(`s${session}`, 'CREATE TEMPORARY TABLE mine (v int)');
    record.run(`s${session}`, 'INSERT INTO mine VALUES (1)');
  }
  const run = await bench.run(target, { window: await record.store(bench.journal), ...COMMIT, maxConnections: 3 });
  expect(run.replay).toMatchObject({ state: 'COMPLETED', error: null });
  expect(run.replay.summary).toMatchObject({ succeeded: 12, connectionsOpened: 6 });
});

it('COMMIT AND CHAIN leaves no transaction open for the next session', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN');
  record.run('a', log('a1'));
  record.run('a', 'COMMIT AND CHAIN');
  record.run('a', log('a2'));
  record.run('b', log('b'));
  record.run('a', 'ROLLBACK AND CHAIN');
  record.run('a', log('a3'));
  record.run('a', 'COMMIT');
  const run = await bench.run(target, { window: await record.store(bench.journal), ...COMMIT });
  expect(run.replay).toMatchObject({ state: 'COMPLETED', error: null });
  expect(run.notices('TRANSACTION_CUT')).toEqual([]);
  expect(await target.sql(LOGGED)).toEqual(['a1', 'b', 'a3']);
});

it('thresholds on approximate durations are held, and a remark says what they are', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  for (let step = 0; step < 20; step++) record.run('a', 'SELECT 1');
  const window = await record.store(bench.journal);
  const thresholds = ['p95<1000s', 'failures=0', 'p50<1000s'];
  const remarksOf = async (inFlight: number, more: readonly string[] = []) => {
    const run = await bench.run(target, { window, ...COMMIT, inFlight, thresholds });
    const report = await bench.engine.report(run.replay.id, more);
    expect(report.thresholds.map(({ passed }) => passed)).toEqual([...thresholds, ...more].map(() => true));
    return report.remarks;
  };
  const approximate = 'the durations are approximate, run with inFlight 1 for faithful ones';
  expect(await remarksOf(1, ['p99<1000s'])).toEqual([]);
  expect(await remarksOf(64)).toEqual([`thresholds p95<1000s, p50<1000s: ${approximate}`]);
  expect(await remarksOf(64, ['p99<1000s', 'unknown=0'])).toEqual([
    `thresholds p95<1000s, p50<1000s: ${approximate}`,
    `threshold p99<1000s: ${approximate}`,
  ]);
});

it.each([1, 2, 64])('with %i statements in flight the result is the same', async (inFlight) => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  for (let step = 0; step < 100; step++) {
    const session = `s${step % 4}`;
    record.run(session, 'BEGIN');
    record.run(session, `UPDATE item SET v = v * 3 + ${step} % 7 WHERE id = ${1 + (step % 3)}`);
    record.run(session, 'UPDATE item SET v = v % 1000 WHERE id < 4');
    record.run(session, step % 5 === 0 ? 'ROLLBACK' : 'COMMIT');
  }
  const run = await bench.run(target, { window: await record.store(bench.journal), ...COMMIT, inFlight });
  expect(run.replay.summary).toMatchObject({ planned: 320, succeeded: 320, durationsApproximate: inFlight > 1 });
  let model = [0, 0, 0];
  for (let step = 0; step < 100; step++) {
    if (step % 5 === 0) continue;
    model[step % 3] = (model[step % 3] as number) * 3 + (step % 7);
    model = model.map((value) => value % 1000);
  }
  expect(await target.sql('SELECT v FROM item WHERE id < 4 ORDER BY id')).toEqual(model.map(String));
});

it('a lost connection costs the transaction under way, and nothing that came before or comes after', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', log('before'));
  record.run('b', 'BEGIN');
  record.run('b', log('lost'));
  const killed = record.run('b', 'SELECT pg_terminate_backend(pg_backend_pid())');
  record.run('b', log('lost too'));
  record.run('b', 'COMMIT');
  record.run('c', log('after'));
  const run = await bench.run(target, { window: await record.store(bench.journal), ...COMMIT, inFlight: 1 });
  expect(run.brief).toEqual([
    'SUCCEEDED',
    'SUCCEEDED',
    'SUCCEEDED',
    'UNKNOWN',
    'SKIPPED TRANSACTION_LOST',
    'SKIPPED TRANSACTION_LOST',
    'SUCCEEDED',
  ]);
  expect(run.outcome(killed).verdict).toBe('UNVERIFIABLE');
  expect(await target.sql(LOGGED)).toEqual(['before', 'after']);
});

it('with many in flight, what a lost connection had under way is UNKNOWN and everything else runs', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  for (let step = 0; step < 200; step++) {
    record.run('a', step === 100 ? 'SELECT pg_terminate_backend(pg_backend_pid())' : log(String(step)));
  }
  const run = await bench.run(target, { window: await record.store(bench.journal), ...COMMIT, inFlight: 16 });
  const { succeeded, unknown, planned } = run.replay.summary;
  expect(planned).toBe(200);
  expect(succeeded + unknown).toBe(200);
  expect(unknown).toBeLessThanOrEqual(16);
  // What is told as succeeded is there, once.
  const done = run.outcomes.filter((event) => event.status === 'SUCCEEDED').map((event) => String(event.ordinal - 1));
  expect(await target.sql('SELECT who FROM log ORDER BY who::int')).toEqual(done);
});
