import { expect, it } from 'vitest';
import type { JournalStore } from '../../src/journal/store.ts';
import { Deferred } from '../../src/replay/deferred.ts';
import { ORDERINGS, type ReplayInput } from '../../src/replay/request.ts';
import type { ReplayStore } from '../../src/replay/store.ts';
import { openDatabase } from '../../src/store/database.ts';
import { createReplayStore } from '../../src/store/replay-store.ts';
import { openNetwork } from '../support/network.ts';
import { openJournal } from '../support/policy.ts';
import { HandMadeRecord } from '../support/record.ts';
import { type EndedRun, NOTHING_LEFT, type Target, untilRunning, untilTrue, useBench } from '../support/replay.ts';
import { spawnReplay } from '../support/spawn-replay.ts';

const SCHEMA = 'CREATE TABLE ran (n int)';

const bench = useBench();

/** Statements that count their own executions: autocommit ones and transactions of three sessions. */
function counting(rounds: number): { record: HandMadeRecord; planned: number } {
  const record = new HandMadeRecord();
  let planned = 0;
  const run = (session: string, statement: string) => {
    planned += 1;
    record.run(session, statement);
  };
  const ran = () => `INSERT INTO ran SELECT ${planned + 1} FROM pg_sleep(0.001)`;
  for (let round = 0; round < rounds; round++) {
    run('a', ran());
    run('b', 'BEGIN');
    run('b', ran());
    run('c', ran());
    run('b', ran());
    run('b', 'COMMIT');
  }
  return { record, planned };
}

/** Ordinals differ between orderings; the statement itself tells its number. */
async function executions(target: { sql(text: string): Promise<string[]> }): Promise<Map<number, number>> {
  const rows = await target.sql('SELECT n, count(*) FROM ran GROUP BY n');
  return new Map(rows.map((row) => row.split('|').map(Number) as [number, number]));
}

function expectWhole(run: EndedRun, planned: number): void {
  expect(run.events.map((event) => event.seq)).toEqual(run.events.map((_, index) => index + 1));
  const ordinals = run.outcomes.map((event) => event.ordinal).sort((a, b) => a - b);
  expect(ordinals).toEqual(Array.from({ length: planned }, (_, index) => index + 1));
  const { summary } = run.replay;
  expect(summary.planned).toBe(planned);
  expect(summary.succeeded + summary.failed + summary.cascades + summary.skipped + summary.unknown).toBe(planned);
}

it.each(ORDERINGS)(
  '%s: a run whose process was killed goes on behind the last known outcome and repeats nothing',
  async (ordering) => {
    const target = await bench.target(SCHEMA);
    // Still under way when the process is killed: one after another takes longer.
    const { record, planned } = counting(ordering === 'TIMESTAMP' ? 200 : 400);
    const window = await record.store(bench.journal);
    const input: ReplayInput = { window, target: target.spec, ordering, restoreIds: false };
    const { id, kill } = await spawnReplay(bench.url, input);
    const stream = bench.engine.stream(id, 0);
    let outcomes = 0;
    for await (const event of stream) if (event.kind === 'OUTCOME' && ++outcomes > 200) break;
    await kill();
    // The server takes a moment to notice that the owner of the lock is gone.
    while (!(await bench.engine.recover()).includes(id)) await new Promise(setImmediate);
    const interrupted = await bench.engine.get(id);
    expect(interrupted).toMatchObject({ state: 'INTERRUPTED', error: { code: 'INTERRUPTED' } });
    const before = await bench.ended(id);
    expect(before.events.length).toBe(interrupted?.lastSeq);
    expect(before.events.map((event) => event.seq)).toEqual(before.events.map((_, index) => index + 1));
    expect(before.outcomes.length).toBeGreaterThanOrEqual(200);

    const resumed = await bench.engine.resume(id);
    expect(resumed.state).toMatch(/CONNECTING|RUNNING/);
    const after = await bench.ended(id);
    expect(after.states).toEqual(['CONNECTING', 'RUNNING', 'INTERRUPTED', 'CONNECTING', 'RUNNING', 'COMPLETED']);
    expect(after.events.slice(0, before.events.length)).toEqual(before.events);
    expectWhole(after, planned);
    expect(after.replay.summary.unknown).toBeGreaterThan(0);

    const ran = await executions(target);
    expect([...ran.values()].filter((times) => times !== 1)).toEqual([]);
    // What is told as succeeded outside of transactions is there; what is not told as unknown is as it was told.
    const numbers = new Map(
      (await bench.journal.page(window, {}, null, 10_000)).entries.map((entry) => [
        `${entry.transactionId} ${entry.sequence}`,
        Number(/SELECT (\d+)/.exec(entry.statement)?.[1] ?? 0),
      ]),
    );
    for (const event of after.outcomes) {
      const number = numbers.get(`${event.transactionId} ${event.key.sequence}`) ?? 0;
      if (number === 0) continue;
      if (event.status === 'SKIPPED') expect(ran.has(number)).toBe(false);
      const autocommit = event.sessionId !== record.sessionId('b');
      if (event.status === 'SUCCEEDED' && autocommit) expect(ran.has(number)).toBe(true);
    }
  },
);

it.each(ORDERINGS)(
  '%s: a run that was interrupted in order goes on without a statement that nobody knows about',
  async (ordering) => {
    const target = await bench.target(SCHEMA);
    const { record, planned } = counting(100);
    const window = await record.store(bench.journal);
    const engine = bench.anotherEngine();
    const inFlight = ordering === 'TIMESTAMP' ? 1 : 4;
    const run = await bench.start(target, { window, ordering, restoreIds: false, inFlight }, engine);
    await run.event((event) => event.kind === 'OUTCOME' && event.ordinal > 50);
    await engine.stop();
    const before = await bench.ended(run.id);
    expect(before.states.at(-1)).toBe('INTERRUPTED');
    expect(before.replay.error).toBeNull();
    await bench.engine.resume(run.id);
    const after = await bench.ended(run.id);
    expect(after.states).toEqual(['CONNECTING', 'RUNNING', 'INTERRUPTED', 'CONNECTING', 'RUNNING', 'COMPLETED']);
    expectWhole(after, planned);
    // Only what was cut off on its way, or belonged to a transaction that was open.
    const { summary } = after.replay;
    expect(summary.skipped + summary.unknown).toBeLessThanOrEqual(4 * 3 + 4);
    expect([...(await executions(target)).values()].every((times) => times === 1)).toBe(true);
    const report = await bench.engine.report(run.id);
    expect(report.statements.reduce((sum, line) => sum + line.calls, 0)).toBe(planned);
  },
);

it('a resumed run makes settings of its sessions again', async () => {
  const target = await bench.target('CREATE TABLE log (who text)');
  const record = new HandMadeRecord();
  record.run('a', "SET application_name = 'kept'");
  record.run('a', 'BEGIN');
  record.run('a', "SET application_name = 'rolled back'");
  record.run('a', 'ROLLBACK');
  record.run('a', 'SELECT pg_sleep(600)');
  record.run('a', "INSERT INTO log SELECT current_setting('application_name')");
  const window = await record.store(bench.journal);
  const engine = bench.anotherEngine();
  const run = await bench.start(target, { window }, engine);
  await run.event((event) => event.kind === 'OUTCOME' && event.ordinal === 4);
  await engine.stop();
  await bench.engine.resume(run.id);
  const ended = await bench.ended(run.id);
  expect(ended.brief).toEqual([...Array(4).fill('SUCCEEDED'), 'SKIPPED RUN_ENDED', 'SUCCEEDED']);
  expect(await target.sql('SELECT who FROM log')).toEqual(['kept']);
});

it('what a run took before it was interrupted counts for its timeout', async () => {
  const target = await bench.target();
  const record = new HandMadeRecord();
  record.run('a', 'SELECT 1');
  record.run('a', 'SELECT pg_sleep(600)');
  record.run('a', 'SELECT pg_sleep(600)');
  const engine = bench.anotherEngine();
  const input = { window: await record.store(bench.journal), runTimeoutMs: 300_000 };
  const run = await bench.start(target, input, engine);
  await run.event((event) => event.kind === 'OUTCOME');
  await engine.stop();
  // Five minutes, without waiting for them.
  const store: ReplayStore = {
    ...bench.store,
    async get(id) {
      const replay = await bench.store.get(id);
      return replay && { ...replay, summary: { ...replay.summary, elapsedMs: 300_000 } };
    },
  };
  await bench.anotherEngine({ store }).resume(run.id);
  expect((await run.ended()).replay).toMatchObject({ state: 'FAILED', error: { code: 'RUN_TIMEOUT' } });
});

/** The journal, which gives no entries for a report before it is let. */
function withoutReports() {
  const asked = new Deferred<void>();
  const answer = new Deferred<void>();
  const journal: JournalStore = {
    ...bench.journal,
    async entriesByPlace(places) {
      asked.resolve();
      await answer.promise;
      return bench.journal.entriesByPlace(places);
    },
  };
  return { journal, asked: asked.promise, answer: () => answer.resolve() };
}

/** A run that was interrupted behind its first outcome and is resumed by `other`, which does not get its report made. */
async function resumedWithoutReport(target: Target, record: HandMadeRecord) {
  const engine = bench.anotherEngine();
  const run = await bench.start(target, { window: await record.store(bench.journal) }, engine);
  await run.event((event) => event.kind === 'OUTCOME');
  await engine.stop();
  const held = withoutReports();
  const other = bench.anotherEngine({ journal: held.journal });
  await other.resume(run.id);
  return { run, held, other };
}

it('the end of a resumed run does not wait for its report, and who asks for that gets it whole', async () => {
  const target = await bench.target(SCHEMA);
  const { record, planned } = counting(20);
  const { run, held, other } = await resumedWithoutReport(target, record);
  expect((await bench.ended(run.id)).replay.state).toBe('COMPLETED');
  await held.asked;
  const reading = other.report(run.id);
  expect(await bench.store.report(run.id)).toBeNull();
  held.answer();
  const report = await reading;
  expect(report.statements.reduce((sum, line) => sum + line.calls, 0)).toBe(planned);
  expect(await bench.store.report(run.id)).toEqual(report);
});

it('cancelling a resumed run does not wait for its report, and stopping the service gives that up', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'INSERT INTO ran VALUES (1)');
  record.run('b', 'SELECT pg_sleep(600)');
  record.run('c', 'SELECT pg_sleep(600)');
  const { run, held, other } = await resumedWithoutReport(target, record);
  expect((await other.cancel(run.id)).state).toBe('CANCELLED');
  await held.asked;
  expect(other.running).toBe(0);
  const stopping = other.stop();
  held.answer();
  await stopping;
  expect(await bench.store.report(run.id)).toBeNull();
  expect((await bench.engine.report(run.id)).statements).not.toEqual([]);
});

it('of two that resume the same run at once one has it, and the run is not harmed', async () => {
  const target = await bench.target(SCHEMA);
  const { record, planned } = counting(20);
  const window = await record.store(bench.journal);
  const engine = bench.anotherEngine();
  const run = await bench.start(target, { window }, engine);
  await run.event((event) => event.kind === 'OUTCOME');
  await engine.stop();
  const other = bench.anotherEngine();
  const asked = await Promise.allSettled([bench.engine, bench.engine, other].map((by) => by.resume(run.id)));
  expect(asked.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  for (const result of asked) {
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'REPLAY_STATE' });
  }
  const ended = await bench.ended(run.id);
  expect(ended.replay.state).toBe('COMPLETED');
  expectWhole(ended, planned);
});

it('an interrupted run that is deleted while it is being resumed is told as not found, and sends nothing', async () => {
  const target = await bench.target(SCHEMA);
  const engine = bench.anotherEngine();
  const run = await bench.start(target, { window: await counting(50).record.store(bench.journal) }, engine);
  await run.event((event) => event.kind === 'OUTCOME');
  await engine.stop();
  const before = await executions(target);
  const store: ReplayStore = {
    ...bench.store,
    async sentThrough(id) {
      const mark = await bench.store.sentThrough(id);
      while ((await bench.store.deleteEnded(Number.MAX_SAFE_INTEGER)) !== null);
      return mark;
    },
  };
  await expect(bench.anotherEngine({ store }).resume(run.id)).rejects.toMatchObject({ code: 'REPLAY_NOT_FOUND' });
  expect(await bench.engine.get(run.id)).toBeNull();
  expect(await executions(target)).toEqual(before);
});

it('an interrupted run can be cancelled, and its log says so', async () => {
  const target = await bench.target(SCHEMA);
  const engine = bench.anotherEngine();
  const run = await bench.start(target, { window: await counting(50).record.store(bench.journal) }, engine);
  await run.event((event) => event.kind === 'OUTCOME');
  await engine.stop();
  expect((await bench.engine.cancel(run.id)).state).toBe('CANCELLED');
  const ended = await bench.ended(run.id);
  expect(ended.states.slice(-2)).toEqual(['INTERRUPTED', 'CANCELLED']);
  await expect(bench.engine.resume(run.id)).rejects.toMatchObject({ code: 'REPLAY_STATE' });
});

it('a run whose window has got other entries meanwhile is not resumed into the wrong statements', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  for (let step = 1; step <= 50; step++)
    record.run('a', `INSERT INTO ran SELECT ${step} FROM pg_sleep(0.01)`, { at: step });
  const window = await record.store(bench.journal);
  const engine = bench.anotherEngine();
  const run = await bench.start(target, { window }, engine);
  await run.event((event) => event.kind === 'OUTCOME' && event.ordinal === 5);
  await engine.stop();
  record.run('late', 'INSERT INTO ran VALUES (0)', { at: 0.5 });
  await record.store(bench.journal);
  await bench.engine.resume(run.id);
  const ended = await bench.ended(run.id);
  expect(ended.replay).toMatchObject({ state: 'FAILED', error: { code: 'REPLAY_STATE' } });
  expect(ended.replay.error?.message).toContain('start a new replay');
  expect([...(await executions(target)).values()].every((times) => times === 1)).toBe(true);
});

/** Runs a record in a process of its own, up to where it sleeps; `watcher`: a connection to its target. */
async function asleepElsewhere(record: HandMadeRecord) {
  const target = await bench.target(SCHEMA);
  const watcher = await target.connect();
  const input: ReplayInput = { window: await record.store(bench.journal), target: target.spec };
  const { id, kill } = await spawnReplay(bench.url, input);
  await untilRunning(watcher, 'pg_sleep(600)');
  return { id, kill, watcher };
}

it('a session that gave itself another application name is ended too before a resumed run sends anything', async () => {
  const record = new HandMadeRecord();
  record.run('a', "SET application_name = 'its own'");
  record.run('a', 'INSERT INTO ran SELECT 1 FROM pg_sleep(600)');
  record.run('a', 'INSERT INTO ran VALUES (2)');
  const { id, kill, watcher } = await asleepElsewhere(record);
  await kill();
  while (!(await bench.engine.recover()).includes(id)) await new Promise(setImmediate);
  await bench.engine.resume(id);
  expect((await bench.ended(id)).replay.state).toBe('COMPLETED');
  const { rows } = await watcher.query(
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'its own'",
  );
  expect(rows).toEqual([]);
});

it('cancelling a run whose process was killed ends what that has left running, and tells of it', async () => {
  const record = new HandMadeRecord();
  record.run('a', 'INSERT INTO ran SELECT 1 FROM pg_sleep(600)');
  record.run('a', 'INSERT INTO ran VALUES (2)');
  const { id, kill, watcher } = await asleepElsewhere(record);
  await kill();
  while (!(await bench.engine.recover()).includes(id)) await new Promise(setImmediate);
  expect((await bench.engine.cancel(id)).state).toBe('CANCELLED');
  const { brief, events } = await bench.ended(id);
  expect(brief).toEqual(['UNKNOWN', 'UNKNOWN']);
  expect(events.at(-1)).toMatchObject({ reason: 'cancelled on request' });
  await untilTrue(watcher, NOTHING_LEFT);
});

it('a service that is cut off from the journal sends no more than its mark allows, which is UNKNOWN behind a takeover', async () => {
  const target = await bench.target(SCHEMA);
  const { record, planned } = counting(15);
  const network = await openNetwork(bench.database.options.port);
  const url = new URL(bench.url);
  url.port = String(network.port);
  const database = await openDatabase(url.href);
  const failures: unknown[] = [];
  const engine = bench.anotherEngine({
    store: createReplayStore(database),
    journal: openJournal(database),
    onStoreFailure: (_id, error) => failures.push(error),
  });
  await engine.recover();
  const run = await bench.start(target, { window: await record.store(bench.journal) }, engine);
  await run.event((event) => event.kind === 'OUTCOME' && event.ordinal > 20);
  network.cut();
  // The server takes a moment to notice that the connections of its owner are gone.
  while (!(await bench.engine.recover()).includes(run.id)) await new Promise(setImmediate);
  const mark = await bench.store.sentThrough(run.id);
  await bench.engine.resume(run.id);
  const ended = await bench.ended(run.id);
  expect(ended.events.at(-1)).toMatchObject({ state: 'COMPLETED' });
  expectWhole(ended, planned);
  const unknown = ended.outcomes.filter(({ status }) => status === 'UNKNOWN');
  expect(unknown.length).toBeGreaterThan(0);
  expect(Math.max(...unknown.map(({ ordinal }) => ordinal))).toBe(mark);
  network.mend();
  // Whoever was cut off hears then that the run is another's.
  while (engine.running > 0) await new Promise(setImmediate);
  expect(failures).toHaveLength(1);
  expect([...(await executions(target)).values()].filter((times) => times !== 1)).toEqual([]);
  await engine.stop();
  await database.close();
  await network.close();
});

it('a run whose process was killed can be resumed through another service that was there all along', async () => {
  const record = new HandMadeRecord();
  record.run('a', 'INSERT INTO ran SELECT 1 FROM pg_sleep(600)');
  record.run('a', 'INSERT INTO ran VALUES (2)');
  const { id, kill } = await asleepElsewhere(record);
  await expect(bench.engine.cancel(id)).rejects.toThrow('another process of the service runs it');
  await kill();
  // The server takes a moment to notice that the owner of the lock is gone.
  const resumed = () =>
    bench.engine.resume(id).catch((error) => {
      if (error.code !== 'REPLAY_STATE') throw error;
      return null;
    });
  while ((await resumed()) === null) await new Promise(setImmediate);
  const { states } = await bench.ended(id);
  expect(states).toEqual(['CONNECTING', 'RUNNING', 'INTERRUPTED', 'CONNECTING', 'RUNNING', 'COMPLETED']);
});
