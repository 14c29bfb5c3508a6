import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { RepriseError } from '../../src/errors.ts';
import type { JournalStore } from '../../src/journal/store.ts';
import type { Window } from '../../src/journal/window.ts';
import { Deferred } from '../../src/replay/deferred.ts';
import { ORDERINGS, type ReplayInput } from '../../src/replay/request.ts';
import type { RunObserver } from '../../src/replay/run-observer.ts';
import type { ReplayStore } from '../../src/replay/store.ts';
import { openDatabase } from '../../src/store/database.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { createReplayStore } from '../../src/store/replay-store.ts';
import { log, LOG_SCHEMA as SCHEMA } from '../support/log-table.ts';
import { HandMadeRecord } from '../support/record.ts';
import { NOTHING_LEFT, untilRunning, untilTrue, useBench } from '../support/replay.ts';

const bench = useBench();

const DAY_MS = 86_400_000;

/** The real store, of which one call fails: what a real one does only by chance. */
function failingStore(
  call: keyof ReplayStore,
  code: 'STORE_UNAVAILABLE' | 'REPLAY_STATE' = 'STORE_UNAVAILABLE',
): ReplayStore {
  return new Proxy(bench.store, {
    get(store, name: keyof ReplayStore) {
      return name === call ? () => Promise.reject(new RepriseError(code, 'no store')) : store[name];
    },
  });
}

/** The clock goes on by so many milliseconds at once. */
function skip(ms: number): void {
  const now = performance.now.bind(performance);
  const spy = vi.spyOn(performance, 'now').mockImplementation(() => now() + ms);
  onTestFinished(() => spy.mockRestore());
}

describe.each(ORDERINGS)('%s', (ordering) => {
  const input = { ordering, restoreIds: false };

  /** The journal, of which `fails` decides whether the page of the plan can be read, the first one being 1. */
  function failingJournal(window: Window, fails: (page: number) => boolean): JournalStore {
    let page = 1;
    const read = async <T>(reading: () => Promise<T>): Promise<T> => {
      if (fails(page)) throw new RepriseError('STORE_UNAVAILABLE', 'the journal has gone');
      const isRead = await reading();
      page += 1;
      return isRead;
    };
    return {
      ...bench.journal,
      page: (...args) =>
        args[0].from === window.from ? read(() => bench.journal.page(...args)) : bench.journal.page(...args),
      committed: (...args) => read(() => bench.journal.committed(...args)),
    };
  }

  function severalPages(): HandMadeRecord {
    const record = new HandMadeRecord();
    for (let step = 0; step < 2_600; step++) record.run(`s${step % 2}`, 'SELECT 1');
    return record;
  }

  it('a journal that cannot be read on fails the run with what is wrong, and leaves nothing behind', async () => {
    const target = await bench.target(SCHEMA);
    const window = await severalPages().store(bench.journal);
    let attempts = 0;
    const journal = failingJournal(window, (page) => {
      // The second page of the plan is read ahead while the first is walked. It is tried again for half a minute.
      if (page === 2 && ++attempts === 2) skip(31_000);
      return page === 2;
    });
    const engine = bench.anotherEngine({ journal });
    const run = await (await bench.start(target, { window, ...input }, engine)).ended();
    expect(run.replay).toMatchObject({
      state: 'FAILED',
      error: { code: 'STORE_UNAVAILABLE', message: 'the journal has gone' },
    });
    expect(run.outcomes.length).toBeGreaterThan(0);
    await untilTrue(await target.connect(), NOTHING_LEFT);
  });

  it('a journal that is away for a moment fails no run', async () => {
    const target = await bench.target(SCHEMA);
    const window = await severalPages().store(bench.journal);
    const failed = new Set<number>();
    const journal = failingJournal(window, (page) => {
      const isFirst = !failed.has(page);
      failed.add(page);
      return isFirst;
    });
    const engine = bench.anotherEngine({ journal });
    const run = await (await bench.start(target, { window, ...input }, engine)).ended();
    expect(run.replay).toMatchObject({ state: 'COMPLETED', summary: { planned: 2_600, succeeded: 2_600 } });
    expect(failed.size).toBeGreaterThan(1);
  });

  it('a run that waits for the journal can be cancelled', async () => {
    const target = await bench.target(SCHEMA);
    const window = await severalPages().store(bench.journal);
    const asked = new Deferred<void>();
    const journal = failingJournal(window, (page) => {
      if (page === 2) asked.resolve();
      return page === 2;
    });
    const engine = bench.anotherEngine({ journal });
    const run = await bench.start(target, { window, ...input }, engine);
    await asked.promise;
    expect((await engine.cancel(run.id)).state).toBe('CANCELLED');
    await untilTrue(await target.connect(), NOTHING_LEFT);
  });

  it('a run that waits for a store which does not answer leaves the target when it is cancelled', async () => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', 'BEGIN');
    for (let step = 0; step < 1_000; step++) record.run('a', log(String(step)));
    record.run('a', 'COMMIT');
    const answer = new Deferred<void>();
    let isMarked = false;
    let isAway = false;
    const append: ReplayStore['append'] = async (...args) => {
      // What lies behind the first mark may not be sent.
      if (isMarked) await answer.promise;
      isMarked ||= args[2].sentThrough !== undefined;
      return bench.store.append(...args);
    };
    const get: ReplayStore['get'] = async (id) => {
      if (isAway) await answer.promise;
      return bench.store.get(id);
    };
    const engine = bench.anotherEngine({ store: { ...bench.store, append, get } });
    const run = await bench.start(target, { window: await record.store(bench.journal), ...input, inFlight: 1 }, engine);
    const watcher = await target.connect();
    await untilTrue(
      watcher,
      `SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'
         AND application_name LIKE 'reprise %' AND clock_timestamp() - state_change > interval '500ms'`,
    );
    isAway = true;
    const cancelled = engine.cancel(run.id);
    await untilTrue(watcher, NOTHING_LEFT);
    answer.resolve();
    expect((await cancelled).state).toBe('CANCELLED');
    expect(await target.sql('SELECT who FROM log')).toEqual([]);
  });

  it('results that cannot be stored from the start fail the run, and nothing else', async () => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', log('never'));
    const window = await record.store(bench.journal);
    const store = failingStore('append', 'REPLAY_STATE');
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', onUnhandled);
    const run = await (await bench.start(target, { window, ...input }, bench.anotherEngine({ store }))).ended();
    expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'STORE_UNAVAILABLE' } });
    expect(await target.sql('SELECT who FROM log')).toEqual([]);
    // Told of behind all microtasks of the turn.
    await new Promise(setImmediate);
    process.off('unhandledRejection', onUnhandled);
    expect(unhandled).toEqual([]);
  });

  it('a run that another process has ended stops, and does not write into its log', async () => {
    const target = await bench.target(SCHEMA);
    const record = new HandMadeRecord();
    record.run('a', log('a'));
    record.run('a', 'SELECT pg_sleep(600)');
    const failures: unknown[] = [];
    const engine = bench.anotherEngine({ onStoreFailure: (id, error) => failures.push([id, error]) });
    const run = await bench.start(target, { window: await record.store(bench.journal), ...input }, engine);
    const watcher = await target.connect();
    await untilRunning(watcher, 'pg_sleep(600)');
    await run.event((event) => event.kind === 'OUTCOME');
    await bench.store.transition(run.id, 'INTERRUPT', {}, null);
    const before = await bench.ended(run.id);
    // Its next write is refused: a summary, at the latest the next outcome.
    await watcher.query(
      `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(600)' AND datname = current_database()`,
    );
    while (engine.running > 0) await new Promise(setImmediate);
    expect(failures).toEqual([[run.id, expect.objectContaining({ code: 'REPLAY_STATE' })]]);
    expect((await bench.ended(run.id)).events).toEqual(before.events);
    await untilTrue(watcher, NOTHING_LEFT);
  });
});

/**
 * An engine, a run of which has ended while the store refused whatever it was told of it. `lastAt`: when the last of its three
 * statements was recorded, in milliseconds behind the first.
 */
async function leftBehind(input: Partial<ReplayInput> = {}, lastAt = 2) {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', log('a'), { durationMs: 1 });
  record.run('a', 'SELECT pg_advisory_xact_lock(1)');
  record.run('a', log('b'), { at: lastAt });
  let away = false;
  const store = new Proxy(bench.store, {
    get(real, name: keyof ReplayStore) {
      if (name !== 'append' && name !== 'transition') return real[name];
      // Refused for good, as by a store that has been away for half a minute.
      return async (...args: never[]) => {
        if (away) throw new RepriseError('REPLAY_STATE', 'no store');
        return (real[name] as (...args: never[]) => Promise<unknown>)(...args);
      };
    },
  });
  const failed = new Deferred<unknown>();
  const engine = bench.anotherEngine({ store, onStoreFailure: (_id, error) => failed.resolve(error) });
  // Alive for all to see.
  await engine.recover();
  const outsider = await target.connect();
  await outsider.query('SELECT pg_advisory_lock(1)');
  await record.store(bench.journal);
  const window = record.window(0, lastAt + 1);
  const run = await bench.start(target, { window, inFlight: 1, restoreIds: false, ...input }, engine);
  await run.event((event) => event.kind === 'OUTCOME');
  await untilRunning(outsider, 'pg_advisory_xact_lock(1)');
  away = true;
  await outsider.query('SELECT pg_advisory_unlock(1)');
  await failed.promise;
  const comeBack = () => {
    away = false;
  };
  /** … and the run is INTERRUPTED, as whoever controls it finds. */
  const interrupted = async () => {
    comeBack();
    await expect(engine.pause(run.id)).rejects.toThrow('INTERRUPTED');
  };
  return { run, engine, target, window, comeBack, interrupted };
}

it('a run whose end could not be stored is interrupted when the store is back, and can be resumed', async () => {
  const { run, engine, target, comeBack } = await leftBehind();
  comeBack();
  const left = await run.ended();
  expect(left.replay).toMatchObject({
    state: 'INTERRUPTED',
    error: { code: 'INTERRUPTED', message: 'the end of the run could not be stored' },
  });
  expect(left.brief).toEqual(['SUCCEEDED']);
  await engine.resume(run.id);
  const ended = await run.ended();
  expect(ended.replay.state).toBe('COMPLETED');
  // What nothing durable tells of is in doubt, and not sent again.
  expect(ended.brief).toEqual(['SUCCEEDED', 'UNKNOWN', 'UNKNOWN']);
  expect((await target.sql('SELECT who FROM log')).filter((who) => who === 'a')).toEqual(['a']);
});

it('who controls such a run finds it interrupted at once', async () => {
  const { run, engine, comeBack } = await leftBehind();
  await expect(engine.pause(run.id)).rejects.toThrow('no store');
  comeBack();
  expect((await engine.cancel(run.id)).state).toBe('CANCELLED');
  expect((await run.ended()).states).toEqual(['CONNECTING', 'RUNNING', 'INTERRUPTED', 'CONNECTING', 'CANCELLED']);
});

describe.each(ORDERINGS)('%s: what was left in doubt is told of', (ordering) => {
  const inDoubt = ['SUCCEEDED', 'UNKNOWN', 'UNKNOWN'];

  it('where the run is cancelled without being resumed', async () => {
    const { run, engine, interrupted } = await leftBehind({ ordering });
    await interrupted();
    const { recordedDuration, rate } = (await run.ended()).replay.summary;
    expect(recordedDuration.p50).not.toBeNull();
    const figures = { recordedDuration, rate, unverifiableFailures: 0, etaMs: null };
    expect((await engine.cancel(run.id)).summary).toMatchObject({ succeeded: 1, unknown: 2, ...figures });
    const ended = await run.ended();
    expect(ended.replay).toMatchObject({ state: 'CANCELLED', summary: { planned: 3, succeeded: 1, unknown: 2 } });
    expect(ended.brief).toEqual(inDoubt);
    expect((await engine.report(run.id)).statements.reduce((sum, { unknown = 0 }) => sum + unknown, 0)).toBe(2);
  });

  it('where the run is cancelled while it is CONNECTING again, and sends nothing', async () => {
    const { run, target, interrupted } = await leftBehind({ ordering });
    await interrupted();
    const asked = new Deferred<void>();
    const sessionSpans: JournalStore['sessionSpans'] = async (...args) => {
      if (isAsked) return bench.journal.sessionSpans(...args);
      isAsked = true;
      asked.resolve();
      return new Promise(() => {});
    };
    let isAsked = false;
    let isBack = false;
    const append: ReplayStore['append'] = async (...args) => {
      if (isBack || !isAsked || args[1] !== null) return bench.store.append(...args);
      isBack = true;
      throw new RepriseError('STORE_UNAVAILABLE', 'restarting');
    };
    const store = { ...bench.store, append };
    const engine = bench.anotherEngine({ store, journal: { ...bench.journal, sessionSpans } });
    await engine.resume(run.id);
    await asked.promise;
    expect((await engine.cancel(run.id)).state).toBe('CANCELLED');
    expect(isBack).toBe(true);
    const ended = await run.ended();
    expect(ended.replay).toMatchObject({ error: null, summary: { planned: 3, succeeded: 1, unknown: 2 } });
    expect(ended.brief).toEqual(inDoubt);
    await untilTrue(await target.connect(), NOTHING_LEFT);
  });

  it('where the time of the run is over while it is CONNECTING again', async () => {
    const { run, interrupted } = await leftBehind({ ordering, runTimeoutMs: 300_000, edges: 'INCLUDE' });
    await interrupted();
    const get: ReplayStore['get'] = async (id) => {
      const replay = await bench.store.get(id);
      return replay && { ...replay, summary: { ...replay.summary, elapsedMs: 300_000 } };
    };
    const sessionSpans: JournalStore['sessionSpans'] = async (...args) => {
      if (!isOver) await over.promise;
      return bench.journal.sessionSpans(...args);
    };
    const over = new Deferred<void>();
    let isOver = false;
    const observer: RunObserver = {
      began: () => ({
        state() {},
        finishing() {
          isOver = true;
          over.resolve();
        },
        ended() {},
      }),
    };
    const store = { ...bench.store, get };
    await bench.anotherEngine({ store, journal: { ...bench.journal, sessionSpans }, observer }).resume(run.id);
    const ended = await run.ended();
    expect(ended.replay).toMatchObject({ state: 'FAILED', error: { code: 'RUN_TIMEOUT' } });
    expect(ended.brief).toEqual(inDoubt);
  });
});

it('a run that is cancelled tells how many statements in doubt its plan does not hold any more', async () => {
  const { run, engine, interrupted } = await leftBehind();
  await interrupted();
  const page: JournalStore['page'] = async (...args) => {
    const read = await bench.journal.page(...args);
    // Read from behind the last outcome that is known.
    expect(args[2]).not.toBeNull();
    return { ...read, entries: read.entries.slice(0, 1) };
  };
  const journal = { ...bench.journal, page, evictedSince: async () => true };
  await engine.stop();
  expect((await bench.anotherEngine({ journal }).cancel(run.id)).state).toBe('CANCELLED');
  const ended = await run.ended();
  expect(ended.brief).toEqual(['SUCCEEDED', 'UNKNOWN']);
  expect(ended.events.at(-1)).toMatchObject({
    reason: expect.stringContaining('1 statement that may have been sent is not listed as UNKNOWN'),
  });
});

it.each(ORDERINGS)(
  '%s: where retention took the beginning of its plan, none is told of in place of another',
  async (ordering) => {
    // What is left of it is no other record's.
    const { run, engine, window, interrupted } = await leftBehind({ ordering }, DAY_MS);
    new HandMadeRecord();
    await interrupted();
    const keeping = { entriesPerTransaction: 1, bytesPerTransaction: 1, retentionBytes: null, retentionMs: DAY_MS };
    await createJournalStore(bench.database, keeping).evict(window.from + 2 * DAY_MS * 1000);
    await engine.cancel(run.id);
    const ended = await run.ended();
    expect(ended.brief).toEqual(['SUCCEEDED']);
    expect(ended.events.at(-1)).toMatchObject({
      state: 'CANCELLED',
      reason: expect.stringContaining(
        '2 statements that may have been sent are not listed as UNKNOWN: retention took them',
      ),
    });
  },
);

it('a run whose doubts cannot be listed stays INTERRUPTED, and they stay in doubt', async () => {
  const { run, engine, interrupted } = await leftBehind();
  await interrupted();
  const asked = new Deferred<void>();
  const page: JournalStore['page'] = async (...args) => {
    if (isCutOff) asked.resolve();
    if (isCutOff) return new Promise(() => {});
    isCutOff = true;
    const read = await bench.journal.page(...args);
    return { ...read, entries: read.entries.slice(0, 1), hasMore: true };
  };
  let isCutOff = false;
  const stopped = bench.anotherEngine({ ownerId: `gone ${run.id}`, journal: { ...bench.journal, page } });
  const cancelled = expect(stopped.cancel(run.id)).rejects.toMatchObject({ code: 'REPLAY_STATE' });
  await asked.promise;
  await stopped.stop();
  await cancelled;
  // What the first page held is as little told of as the rest: a run that is resumed takes the known for what it did.
  expect((await run.ended()).brief).toEqual(['SUCCEEDED']);
  // As by the next start.
  expect((await engine.cancel(run.id)).state).toBe('CANCELLED');
  expect((await run.ended()).brief).toEqual(['SUCCEEDED', 'UNKNOWN', 'UNKNOWN']);
});

it('who cancels a run whose end cannot be stored is told so', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', log('a'));
  record.run('a', 'SELECT pg_sleep(600)');
  let away = false;
  const transition: ReplayStore['transition'] = async (...args) => {
    if (away) throw new RepriseError('REPLAY_STATE', 'no store');
    return bench.store.transition(...args);
  };
  const engine = bench.anotherEngine({ store: { ...bench.store, transition }, onStoreFailure: () => {} });
  const run = await bench.start(target, { window: await record.store(bench.journal) }, engine);
  await run.event((event) => event.kind === 'OUTCOME');
  away = true;
  await expect(engine.cancel(run.id)).rejects.toThrow('no store');
  away = false;
  expect((await engine.cancel(run.id)).state).toBe('CANCELLED');
});

it('a run that another process has taken stops when this one hears of it, though there is nothing to store', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'SELECT pg_sleep(600)');
  const database = await openDatabase(bench.url);
  onTestFinished(() => database.close());
  const lost = new Deferred<unknown>();
  const real = createReplayStore(database);
  let isTaken = false;
  const get: ReplayStore['get'] = async (id) => {
    if (!isTaken) return real.get(id);
    isTaken = false;
    throw new RepriseError('STORE_UNAVAILABLE', 'still coming back');
  };
  const onStoreFailure = (_id: string, error: unknown) => lost.resolve(error);
  const engine = bench.anotherEngine({ store: { ...real, get }, onStoreFailure });
  await engine.recover();
  const run = await bench.start(target, { window: await record.store(bench.journal) }, engine);
  const watcher = await target.connect();
  await untilRunning(watcher, 'pg_sleep(600)');
  await bench.store.transition(run.id, 'INTERRUPT', {}, null);
  await bench.store.transition(run.id, 'RESUME', { ownerId: 'another' }, null);
  isTaken = true;
  // Its lock has gone with this connection, by which the other has taken it for dead.
  await database.write((client) =>
    client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'reprise listen'`,
    ),
  );
  expect(await lost.promise).toMatchObject({ code: 'REPLAY_STATE' });
  await untilTrue(watcher, NOTHING_LEFT);
  expect(await bench.store.get(run.id)).toMatchObject({ state: 'CONNECTING', ownerId: 'another' });
  await bench.store.transition(run.id, 'CANCEL', {}, null);
});

it('with marks, what was under way when the store failed for good is there exactly once when the run has been resumed', async () => {
  const target = await bench.target('CREATE TABLE ran (n int)');
  const record = new HandMadeRecord();
  record.run('a', 'SELECT pg_advisory_xact_lock(1)');
  record.run('a', 'BEGIN');
  record.run('a', 'INSERT INTO ran SELECT 1 FROM pg_advisory_xact_lock(2)');
  record.run('a', 'COMMIT');
  for (let n = 2; n <= 5; n++) record.run('b', `INSERT INTO ran VALUES (${n})`);
  let away = false;
  const append: ReplayStore['append'] = async (...args) => {
    if (away) throw new RepriseError('REPLAY_STATE', 'no store');
    return bench.store.append(...args);
  };
  const transition: ReplayStore['transition'] = async (...args) => {
    if (away) throw new RepriseError('REPLAY_STATE', 'no store');
    return bench.store.transition(...args);
  };
  const failed = new Deferred<unknown>();
  const onStoreFailure = (_id: string, error: unknown) => failed.resolve(error);
  const engine = bench.anotherEngine({ store: { ...bench.store, append, transition }, onStoreFailure });
  await engine.recover();
  const outsider = await target.connect();
  await outsider.query('SELECT pg_advisory_lock(1), pg_advisory_lock(2)');
  const input = { ordering: 'COMMIT', markProgress: true, restoreIds: false } as const;
  const run = await bench.start(target, { window: await record.store(bench.journal), ...input }, engine);
  await untilRunning(outsider, 'pg_advisory_xact_lock(1)');
  away = true;
  await outsider.query('SELECT pg_advisory_unlock(1)');
  await failed.promise;
  away = false;
  await expect(engine.pause(run.id)).rejects.toThrow('INTERRUPTED');
  await outsider.query('SELECT pg_advisory_unlock(2)');
  await engine.resume(run.id);
  expect((await run.ended()).replay.state).toBe('COMPLETED');
  expect(await target.sql('SELECT n FROM ran ORDER BY n')).toEqual(['1', '2', '3', '4', '5']);
});

it('a run stays as resumable as it was when the store is away while it is resumed', async () => {
  const { run, comeBack } = await leftBehind();
  comeBack();
  const { error } = (await run.ended()).replay;
  let attempts = 0;
  const transition: ReplayStore['transition'] = async (...args) => {
    if (args[1] !== 'RESUME' || ++attempts > 2) return bench.store.transition(...args);
    // As long as the store is tried again.
    if (attempts === 2) skip(31_000);
    throw new RepriseError('STORE_UNAVAILABLE', 'no store');
  };
  const engine = bench.anotherEngine({ store: { ...bench.store, transition } });
  await expect(engine.resume(run.id)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  while (engine.running > 0) await new Promise(setImmediate);
  expect((await run.ended()).replay).toMatchObject({ state: 'INTERRUPTED', error });
  await bench.engine.resume(run.id);
  const ended = await run.ended();
  expect(ended.replay.state).toBe('COMPLETED');
  expect(ended.brief).toEqual(['SUCCEEDED', 'UNKNOWN', 'UNKNOWN']);
});

it('a run in COMMIT ordering that reads what a session had set can be cancelled while the journal does not answer', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN', { at: 10 });
  record.run('a', log('a'), { at: 20 });
  record.run('a', 'COMMIT', { at: 110 });
  await record.store(bench.journal);
  let isWalked = false;
  const asked = new Deferred<void>();
  const answer = new Deferred<void>();
  const transition: ReplayStore['transition'] = (...args) => {
    isWalked ||= args[1] === 'RUN';
    return bench.store.transition(...args);
  };
  const page: JournalStore['page'] = async (...args) => {
    if (isWalked) {
      asked.resolve();
      await answer.promise;
    }
    return bench.journal.page(...args);
  };
  const engine = bench.anotherEngine({ store: { ...bench.store, transition }, journal: { ...bench.journal, page } });
  const input = { window: record.window(100, 200), ordering: 'COMMIT', restoreIds: false } as const;
  const run = await bench.start(target, input, engine);
  await asked.promise;
  expect((await engine.cancel(run.id)).state).toBe('CANCELLED');
  answer.resolve();
});

it('a store that cannot keep a run refuses to start it', async () => {
  const target = await bench.target(SCHEMA);
  const store = failingStore('create');
  const engine = bench.anotherEngine({ store });
  const input = { window: new HandMadeRecord().window(), target: target.spec };
  await expect(engine.start(input)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  expect(engine.running).toBe(0);
});

it('a run that was stored when the store seemed to fail is interrupted', async () => {
  const target = await bench.target(SCHEMA);
  const { promise: stored, resolve } = new Deferred<string>();
  const create: ReplayStore['create'] = async (replay) => {
    resolve((await bench.store.create(replay)).id);
    throw new RepriseError('STORE_UNAVAILABLE', 'no answer');
  };
  const engine = bench.anotherEngine({ store: { ...bench.store, create } });
  const input = { window: new HandMadeRecord().window(), target: target.spec };
  await expect(engine.start(input)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  expect((await bench.ended(await stored)).states).toEqual(['INTERRUPTED']);
});

it('a report that cannot be stored does not keep the run from its end', async () => {
  const target = await bench.target(SCHEMA);
  const record = new HandMadeRecord();
  record.run('a', log('a'));
  const store = failingStore('saveReport');
  const engine = bench.anotherEngine({ store });
  const run = await (await bench.start(target, { window: await record.store(bench.journal) }, engine)).ended();
  expect(run.replay.state).toBe('COMPLETED');
  expect((await bench.engine.report(run.replay.id)).statements).toHaveLength(1);
});
