import { expect, it } from 'vitest';
import type { JournalStore } from '../../src/journal/store.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

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

it.each(['TIMESTAMP', 'SESSION', 'COMMIT'] as const)(
  'a run in %s ordering fails, and says how many statements were evicted before it came to them',
  async (ordering) => {
    const record = new HandMadeRecord();
    for (let step = 0; step < 1300; step++) record.run('a', `SELECT ${step}`);
    const window = await record.store(bench.journal);
    const engine = bench.anotherEngine({ journal: evictedAtPage3(window.from) });
    const target = await bench.target();
    const started = await bench.start(target, { window, ordering, restoreIds: false }, engine);
    const run = await started.ended();
    expect(run.replay.summary).toMatchObject({ planned: 1000, succeeded: 1000 });
    expect(run.replay).toMatchObject({ state: 'FAILED', error: { code: 'ENTRIES_EVICTED' } });
    const message = run.replay.error?.message;
    expect(message).toMatch(/^300 statements were not replayed/);
    expect((await engine.report(run.replay.id))?.remarks).toContain(message);
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
