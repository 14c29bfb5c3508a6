import { expect, it } from 'vitest';
import type { JournalStore } from '../../src/journal/store.ts';
import { Deferred } from '../../src/replay/deferred.ts';
import { ORDERINGS, type ReplayInput } from '../../src/replay/request.ts';
import { LOG_SCHEMA, log } from '../support/log-table.ts';
import { HandMadeRecord } from '../support/record.ts';
import { useBench } from '../support/replay.ts';

const bench = useBench();

/** Runs what sends nothing; the one sentence about it, the same in the notice and in the report. */
async function saidOf(record: HandMadeRecord, input: Omit<ReplayInput, 'target' | 'window'>): Promise<string> {
  const target = await bench.target(LOG_SCHEMA);
  const run = await bench.run(target, { window: await record.store(bench.journal), restoreIds: false, ...input });
  expect(run.states).toEqual(['CONNECTING', 'RUNNING', 'COMPLETED']);
  const [message, ...others] = run.notices('NOTHING_REPLAYED').map((notice) => notice.message);
  expect(others).toEqual([]);
  expect((await bench.engine.report(run.replay.id))?.remarks).toEqual([message]);
  return message ?? '';
}

const three = () => {
  const record = new HandMadeRecord();
  for (const word of ['a', 'b', 'c']) record.run(word, log(word), { user: 'app', database: 'shop' });
  return record;
};

it.each(ORDERINGS)('%s: a run that sent nothing says why', async (ordering) => {
  const empty = await bench.run(await bench.target(), { window: new HandMadeRecord().window(), ordering });
  expect((await bench.engine.report(empty.replay.id))?.remarks).toEqual([
    'nothing was replayed: the window holds no statement',
  ]);
  expect(await saidOf(three(), { ordering, filter: { users: [''] } })).toBe(
    'nothing was replayed: none of the 3 statements in the window passes the filter',
  );
  const copy = new HandMadeRecord();
  copy.run('a', 'COPY log FROM STDIN', { unreplayable: 'COPY_DATA' });
  copy.run('a', log('b'), { unreplayable: 'TRUNCATED' });
  copy.run('a', 'COPY log FROM STDIN', { unreplayable: 'COPY_DATA' });
  expect(await saidOf(copy, { ordering })).toBe(
    'nothing was replayed: all 3 statements were skipped (COPY_DATA 2, TRUNCATED 1)',
  );
});

it('a run whose mapping or edges leave nothing over names them', async () => {
  const target = await bench.target();
  const run = await bench.run(target, {
    window: await three().store(bench.journal),
    databases: [{ recorded: 'shpo', target: target.name }],
  });
  expect(run.notices('NOTHING_REPLAYED').map(({ message }) => message)).toEqual([
    'nothing was replayed: none of the 3 statements in the window passes the mapping of databases',
  ]);
  const undone = new HandMadeRecord();
  undone.run('a', 'BEGIN');
  undone.run('a', log('a'));
  undone.run('a', 'ROLLBACK');
  expect(await saidOf(undone, { ordering: 'COMMIT' })).toBe(
    'nothing was replayed: none of the 3 statements in the window is of a transaction that committed in it (edges INCLUDE)',
  );
});

it.each(ORDERINGS)('%s: a run that sent nothing but transaction control says so, and why', async (ordering) => {
  const record = three();
  record.run('a', 'BEGIN', { user: 'app' });
  record.run('a', log('d'), { user: 'app' });
  record.run('a', 'COMMIT', { user: 'app' });
  expect(await saidOf(record, { ordering, filter: { text: 'misspelt' } })).toBe(
    'nothing but transaction control was replayed: none of the 4 other statements in the window passes the filter',
  );
  record.run('a', 'SET a.b = 1', { user: 'app' });
  record.run('a', 'PREPARE q AS SELECT 1', { user: 'app' });
  expect(await saidOf(record, { ordering, filter: { text: 'misspelt' } })).toBe(
    'nothing but transaction control and session state was replayed: none of the 6 other statements in the window passes the filter',
  );
  const around = new HandMadeRecord();
  around.run('a', 'BEGIN');
  around.run('a', 'COPY log FROM STDIN', { unreplayable: 'COPY_DATA' });
  around.run('a', 'COMMIT');
  expect(await saidOf(around, { ordering })).toBe(
    'nothing but transaction control was replayed: its only other statement was skipped (COPY_DATA 1)',
  );
  const alone = new HandMadeRecord();
  alone.run('a', 'BEGIN');
  alone.run('a', 'COMMIT');
  expect(await saidOf(alone, { ordering })).toBe(
    'nothing but transaction control was replayed: the window holds no other statement',
  );
});

it('a run that sent a statement, whatever became of it, says nothing of it', async () => {
  const record = new HandMadeRecord();
  record.run('a', 'SELECT 1 / 0', { fails: '22012' });
  const run = await bench.run(await bench.target(), { window: await record.store(bench.journal) });
  expect(run.notices('NOTHING_REPLAYED')).toEqual([]);
});

it('a run that is paused while the journal is asked why nothing was replayed completes when it is resumed', async () => {
  const target = await bench.target();
  const asked = new Deferred<void>();
  const answer = new Deferred<void>();
  const journal: JournalStore = {
    ...bench.journal,
    async databaseCounts(...args) {
      asked.resolve();
      await answer.promise;
      return bench.journal.databaseCounts(...args);
    },
  };
  const engine = bench.anotherEngine({ journal });
  const run = await bench.start(target, { window: new HandMadeRecord().window() }, engine);
  await asked.promise;
  expect((await engine.pause(run.id)).state).toBe('PAUSED');
  answer.resolve();
  await run.event((event) => event.kind === 'NOTICE' && event.code === 'NOTHING_REPLAYED');
  expect((await engine.resume(run.id)).state).toBe('RUNNING');
  expect((await run.ended()).states).toEqual(['CONNECTING', 'RUNNING', 'PAUSED', 'RUNNING', 'COMPLETED']);
});
