import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodeEvents } from '../../src/replay/event-codec.ts';
import { hasEnded, RUN_STATES, type RunState } from '../../src/replay/run-state.ts';
import type { ReplayStore, StoredRequest } from '../../src/replay/store.ts';
import { Tally } from '../../src/replay/tally.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { createReplayStore } from '../../src/store/replay-store.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const OLD = 1_000;
const YOUNG = 2_000;

let created: TestDatabase;
let database: Database;
let store: ReplayStore;
let client: Client;

beforeEach(async () => {
  created = await createTestDatabase('journal');
  database = await openDatabase(created.url, { poolSize: 2 });
  store = createReplayStore(database);
  client = new Client({ connectionString: created.url });
  await client.connect();
});
afterEach(async () => {
  await client.end();
  await database.close();
  await created.drop();
});

/** A run with something in every table. */
async function run(state: RunState, endedAt: number | null): Promise<string> {
  const id = randomUUID();
  await store.create({
    id,
    request: { target: {}, users: [] } as unknown as StoredRequest,
    targetLabel: 'target',
    ownerId: 'owner',
    createdAt: OLD,
    summary: new Tally().summary(0),
    lossMark: 0,
  });
  for (const seq of [1, 2, 3]) {
    await store.append(id, encodeEvents([{ kind: 'STATE', seq, at: seq, state: 'RUNNING', reason: null }]), {});
  }
  await store.saveReport(id, { statements: [], failures: [], divergences: [], thresholds: [], remarks: [] });
  await store.saveSequenceStarts(id, {});
  await client.query('update reprise.replays set state = $2, ended_at = $3 where id = $1', [id, state, endedAt]);
  return id;
}

/** Rows of a run in each table that holds any of runs. */
async function rowsOf(id: string): Promise<Record<string, number>> {
  const { rows: tables } = await client.query<{ name: string }>(
    `select table_name as name from information_schema.columns where table_schema = 'reprise' and column_name = 'replay_id'`,
  );
  const counts: Record<string, number> = {};
  for (const [name, column] of [['replays', 'id'], ...tables.map((table) => [table.name, 'replay_id'])]) {
    const { rows } = await client.query(`select count(*)::int from reprise.${name} where ${column} = $1`, [id]);
    counts[name as string] = rows[0].count;
  }
  return counts;
}

const WHOLE = { replays: 1, replay_chunks: 3, replay_reports: 1, replay_sequences: 1 };
const NOTHING = { replays: 0, replay_chunks: 0, replay_reports: 0, replay_sequences: 0 };

it('a run that ended before is deleted with every row of it, the oldest first, whichever way it ended', async () => {
  const ended = RUN_STATES.filter(hasEnded);
  const ids: string[] = [];
  for (const state of ended) ids.push(await run(state, OLD));
  expect(await rowsOf(ids[0] as string)).toEqual(WHOLE);
  const deleted: (string | null)[] = [];
  for (const _ of [...ids, 'none is left']) deleted.push(await store.deleteEnded(YOUNG));
  expect(deleted).toEqual([...ids, null]);
  for (const id of ids) expect(await rowsOf(id)).toEqual(NOTHING);
});

it('a younger run stays whole, and so does one that has not ended, however old it is', async () => {
  const kept = [await run('COMPLETED', YOUNG)];
  for (const state of RUN_STATES) if (!hasEnded(state)) kept.push(await run(state, null));
  const old = await run('FAILED', YOUNG - 1);
  expect(await store.deleteEnded(YOUNG)).toBe(old);
  expect(await store.deleteEnded(YOUNG)).toBeNull();
  for (const id of kept) expect(await rowsOf(id)).toEqual(WHOLE);
});

it('an interrupted run that is just being resumed is neither waited for nor deleted', async () => {
  const [resumed, other] = [await run('INTERRUPTED', OLD), await run('COMPLETED', OLD)];
  await client.query('begin');
  await client.query(`update reprise.replays set state = 'CONNECTING', ended_at = null where id = $1`, [resumed]);
  expect(await store.deleteEnded(YOUNG)).toBe(other);
  expect(await store.deleteEnded(YOUNG)).toBeNull();
  await client.query('commit');
  expect(await store.deleteEnded(YOUNG)).toBeNull();
  expect(await rowsOf(resumed)).toEqual(WHOLE);
});

it('a run is deleted by its id when it has ended, and only then', async () => {
  for (const state of RUN_STATES) {
    const id = await run(state, hasEnded(state) ? YOUNG : null);
    if (hasEnded(state)) {
      await store.delete(id);
      expect(await rowsOf(id)).toEqual(NOTHING);
      await expect(store.delete(id)).rejects.toMatchObject({ code: 'REPLAY_NOT_FOUND' });
    } else {
      await expect(store.delete(id)).rejects.toMatchObject({
        code: 'REPLAY_STATE',
        message: `cannot delete a replay that is ${state}: cancel it first`,
      });
      expect(await rowsOf(id)).toEqual(WHOLE);
    }
  }
  await expect(store.delete('no id')).rejects.toMatchObject({ code: 'REPLAY_NOT_FOUND' });
});

it('two processes that delete at once delete each run once', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 6; n += 1) ids.push(await run('COMPLETED', OLD));
  const rounds = await Promise.all(Array.from({ length: 8 }, () => store.deleteEnded(YOUNG)));
  const deleted = rounds.filter((id) => id !== null);
  for (let id = await store.deleteEnded(YOUNG); id !== null; id = await store.deleteEnded(YOUNG)) deleted.push(id);
  expect(deleted.sort()).toEqual(ids.sort());
});
