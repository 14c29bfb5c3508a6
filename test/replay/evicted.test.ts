import { describe, expect, it } from 'vitest';
import type { JournalStore } from '../../src/journal/store.ts';
import type { Window } from '../../src/journal/window.ts';
import { Deferred } from '../../src/replay/deferred.ts';
import { pageSizeOf } from '../../src/replay/plan.ts';
import { ORDERINGS, type Ordering } from '../../src/replay/request.ts';
import type { Replay } from '../../src/replay/store.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { HandMadeRecord } from '../support/record.ts';
import { type EndedRun, untilRunning, useBench } from '../support/replay.ts';

const DAY_MS = 86_400_000;
const bench = useBench();

/** The journal, of which retention takes everything before its third page is read. */
function evictedAtPage3(from: number): JournalStore {
  const keeping = { entriesPerTransaction: 1, bytesPerTransaction: 1, retentionBytes: null, retentionMs: DAY_MS };
  let pages = 0;
  const evicting = async () => {
    if (++pages === 3) await createJournalStore(bench.database, keeping).evict(from + 9 * DAY_MS * 1000);
  };
  return {
    ...bench.journal,
    async page(window, filter, after, limit) {
      if (window.from >= from) await evicting();
      return bench.journal.page(window, filter, after, limit);
    },
    async committed(...args) {
      await evicting();
      return bench.journal.committed(...args);
    },
  };
}

it.each(ORDERINGS)(
  'a run in %s ordering fails, and says how many statements were evicted before it came to them',
  async (ordering) => {
    const record = new HandMadeRecord();
    const twoPages = 2 * pageSizeOf({ pace: { mode: 'AS_FAST_AS_POSSIBLE' }, ordering });
    for (let step = 0; step < twoPages + 300; step++) record.run('a', `SELECT ${step}`);
    const window = await record.store(bench.journal);
    const engine = bench.anotherEngine({ journal: evictedAtPage3(window.from) });
    const target = await bench.target();
    const started = await bench.start(target, { window, ordering, restoreIds: false }, engine);
    const run = await started.ended();
    expect(run.replay.summary).toMatchObject({ planned: twoPages, succeeded: twoPages });
    expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'ENTRIES_EVICTED' } });
    const message = run.replay.error?.message;
    expect(message).toMatch(/^300 statements were not replayed/);
    expect((await engine.report(run.replay.id))?.remarks).toContain(message);
  },
);

it.each(ORDERINGS)(
  'a run in %s ordering of an old log, which came in behind what retention had taken before, fails when it is evicted',
  async (ordering) => {
    const old = new HandMadeRecord();
    const { secondDay } = await twoDays(1);
    await evictBefore(secondDay + DAY_MS * 1000);
    const twoPages = 2 * pageSizeOf({ pace: { mode: 'AS_FAST_AS_POSSIBLE' }, ordering });
    for (let step = 0; step < twoPages + 300; step++) old.run('a', `SELECT ${step}`);
    const window = await old.store(bench.journal);
    const engine = bench.anotherEngine({ journal: evictedAtPage3(window.from) });
    const started = await bench.start(await bench.target(), { window, ordering, restoreIds: false }, engine);
    const run = await started.ended();
    expect(run.replay.summary).toMatchObject({ planned: twoPages, succeeded: twoPages });
    expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'ENTRIES_EVICTED' } });
    expect(run.replay.error?.message).toMatch(/^300 statements were not replayed/);
  },
);

it('a run whose statements were all read before says nothing of their eviction', async () => {
  const record = new HandMadeRecord();
  for (let step = 0; step < 1000; step++) record.run('a', `SELECT ${step}`);
  const window = await record.store(bench.journal);
  const engine = bench.anotherEngine({ journal: evictedAtPage3(window.from) });
  const run = await (
    await bench.start(await bench.target(), { window, ordering: 'COMMIT', restoreIds: false }, engine)
  ).ended();
  expect(run.replay.summary).toMatchObject({ planned: 1000, succeeded: 1000 });
  expect(run.replay).toMatchObject({ state: 'COMPLETED', error: null });
});

it('statements that came while the plan was made are none that eviction took', async () => {
  const record = new HandMadeRecord();
  for (let step = 0; step < 10; step++) record.run('a', `SELECT ${step}`);
  await record.store(bench.journal);
  const window = record.window();
  const whole = evictedAtPage3(window.from);
  const journal: JournalStore = {
    ...whole,
    async sessionSpans(...args) {
      record.run('a', 'SELECT late');
      await record.store(bench.journal);
      return bench.journal.sessionSpans(...args);
    },
    async page(...args) {
      const page = await bench.journal.page(...args);
      const isOfPlan = args[0].from === window.from;
      // Everything has been read by now.
      for (let pages = 0; isOfPlan && pages < 3; pages++) await whole.page(window, {}, null, 1);
      return page;
    },
  };
  const engine = bench.anotherEngine({ journal });
  const run = await (await bench.start(await bench.target(), { window, ordering: 'TIMESTAMP' }, engine)).ended();
  expect(run.replay.summary).toMatchObject({ planned: 10, succeeded: 10 });
  expect(run.replay).toMatchObject({ state: 'COMPLETED', error: null });
});

/** Retention takes all that is older than the beginning of this day. */
async function evictBefore(day: number): Promise<void> {
  const keeping = { entriesPerTransaction: 1, bytesPerTransaction: 1, retentionBytes: null, retentionMs: DAY_MS };
  await createJournalStore(bench.database, keeping).evict(day + DAY_MS * 1000);
}

/** The journal, with something done ahead of the first page that the plan is read by. */
function aheadOfPage(from: number, doing: () => Promise<void> | void): JournalStore {
  return {
    ...bench.journal,
    async page(window, ...args) {
      if (window.from >= from) await doing();
      return bench.journal.page(window, ...args);
    },
    async committed(...args) {
      await doing();
      return bench.journal.committed(...args);
    },
  };
}

/** Statements of one day and as many of the next. */
async function twoDays(of: number) {
  const record = new HandMadeRecord();
  // The second day is no other record's.
  new HandMadeRecord();
  for (const day of [0, DAY_MS])
    for (let step = 0; step < of; step++) record.run('a', `SELECT ${step}`, { at: day + step });
  await record.store(bench.journal);
  return { window: record.window(0, DAY_MS + of), secondDay: record.start + DAY_MS * 1000 };
}

/** A run that was interrupted when it had sent ten statements or more. */
async function interruptedOnTheWay(window: Window, ordering: Ordering): Promise<EndedRun> {
  const engine = bench.anotherEngine();
  const input = { window, ordering, restoreIds: false, inFlight: 1 };
  const run = await bench.start(await bench.target(), input, engine);
  await run.event((event) => event.kind === 'OUTCOME' && event.ordinal >= 10);
  await engine.stop();
  return bench.ended(run.id);
}

describe.each(ORDERINGS)('a run in %s ordering that was interrupted', (ordering) => {
  it('before it sent anything tells how many statements were evicted until it was resumed', async () => {
    const { window, secondDay } = await twoDays(10);
    const stopped = new Deferred<void>();
    let running: readonly Replay[] | undefined;
    const journal = aheadOfPage(window.from, async () => {
      running ??= await bench.store.list({ states: ['RUNNING'] }, null, 1);
      void engine.stop().then(() => stopped.resolve());
    });
    const engine = bench.anotherEngine({ journal });
    const started = await bench.start(await bench.target(), { window, ordering, restoreIds: false }, engine);
    await stopped.promise;
    // A crash would have left as much.
    expect(running).toMatchObject([{ id: started.id, summary: { planned: 20 } }]);
    const interrupted = await bench.ended(started.id);
    expect(interrupted.replay).toMatchObject({ state: 'INTERRUPTED', summary: { planned: 20 } });
    expect(interrupted.brief).toEqual([]);
    await evictBefore(secondDay);
    await bench.engine.resume(started.id);
    const run = await bench.ended(started.id);
    expect(run.replay.summary).toMatchObject({ planned: 10, succeeded: 10 });
    expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'ENTRIES_EVICTED' } });
    expect(run.replay.error?.message).toMatch(/^10 statements were not replayed/);
  });

  it('sends nothing more where what it has done cannot be found in what is left of its plan', async () => {
    const { window, secondDay } = await twoDays(700);
    const interrupted = await interruptedOnTheWay(window, ordering);
    const { id } = interrupted.replay;
    expect(interrupted.replay).toMatchObject({ state: 'INTERRUPTED', summary: { planned: 1400 } });
    await evictBefore(secondDay);
    await bench.engine.resume(id);
    const run = await bench.ended(id);
    expect(run.outcomes).toEqual(interrupted.outcomes);
    expect(run.replay).toMatchObject({
      state: 'FAILED',
      error: { code: 'ENTRIES_EVICTED' },
      summary: { planned: 1400, succeeded: interrupted.outcomes.length },
    });
    const message = run.replay.error?.message;
    expect(message).toMatch(/^retention took 700 of 1400 statements out of the journal/);
    expect((await bench.engine.report(id))?.remarks).toContain(message);
  });

  it('tells how many of those that were left were evicted, when nothing of the window is there any more', async () => {
    const record = new HandMadeRecord();
    for (let step = 0; step < 1300; step++) record.run('a', `SELECT ${step}`);
    const window = await record.store(bench.journal);
    const interrupted = await interruptedOnTheWay(window, ordering);
    const { id } = interrupted.replay;
    expect(interrupted.replay).toMatchObject({ state: 'INTERRUPTED', summary: { planned: 1300 } });
    const done = interrupted.outcomes.length;
    await evictBefore(window.from + DAY_MS * 1000);
    await bench.engine.resume(id);
    const run = await bench.ended(id);
    expect(run.replay.summary).toMatchObject({ planned: done, succeeded: done });
    expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'ENTRIES_EVICTED' } });
    expect(run.replay.error?.message).toMatch(new RegExp(`^${1300 - done} statements were not replayed`));
    const { thresholds } = await bench.engine.report(id, ['regressions=0', 'failures=0']);
    expect(thresholds.map(({ actual, passed }) => [actual, passed])).toEqual([
      [null, false],
      [0, true],
    ]);
  });
});

it('a resumed run takes none for evicted of a transaction that another user goes on with, whatever retention took before', async () => {
  const { secondDay } = await twoDays(1);
  await evictBefore(secondDay);
  const record = new HandMadeRecord();
  record.run('a', 'BEGIN', { user: 'one' });
  record.run('a', 'SELECT pg_sleep(600)', { user: 'one' });
  record.run('a', 'SELECT 2', { user: 'two' });
  record.run('a', 'COMMIT', { user: 'one' });
  record.run('b', 'SELECT 3', { user: 'one' });
  const window = await record.store(bench.journal);
  const target = await bench.target();
  const engine = bench.anotherEngine();
  const input = { window, ordering: 'COMMIT', restoreIds: false, filter: { users: ['one'] } } as const;
  const started = await bench.start(target, input, engine);
  await untilRunning(await target.connect(), 'pg_sleep(600)');
  await engine.stop();
  expect((await bench.ended(started.id)).replay).toMatchObject({ state: 'INTERRUPTED', summary: { planned: 5 } });
  await bench.engine.resume(started.id);
  const run = await bench.ended(started.id);
  expect(run.replay).toMatchObject({ state: 'COMPLETED', error: null, summary: { planned: 5 } });
});
