import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { encodeEvents } from '../../src/replay/event-codec.ts';
import type { ReplayStore, StoredRequest } from '../../src/replay/store.ts';
import type { ReplaySummary } from '../../src/replay/summary.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { createReplayStore } from '../../src/store/replay-store.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { replayStoreContract } from './replay-contract.ts';

replayStoreContract('replays in PostgreSQL', async () => {
  const created = await createTestDatabase('journal');
  const connect = async () => {
    const database = await openDatabase(created.url, { poolSize: 4 });
    return { store: createReplayStore(database), close: () => database.close() };
  };
  const first = await connect();
  return {
    store: first.store,
    other: connect,
    close: async () => {
      await first.close();
      await created.drop();
    },
  };
});

describe('an append that waits for another transaction', () => {
  let created: TestDatabase;
  let database: Database;
  let store: ReplayStore;
  let other: Client;
  const id = '0190a0b0-0000-7000-8000-000000000001';
  const chunk = encodeEvents([{ kind: 'STATE', seq: 1, at: 1, state: 'RUNNING', reason: null }]);

  beforeEach(async () => {
    created = await createTestDatabase('journal');
    database = await openDatabase(created.url, { poolSize: 2, readTimeoutMs: 500 });
    store = createReplayStore(database);
    await store.create({
      id,
      request: { target: {}, users: [] } as unknown as StoredRequest,
      targetLabel: 'target',
      ownerId: 'owner',
      createdAt: 1,
      summary: {} as ReplaySummary,
      lossMark: 0,
    });
    other = new Client({ connectionString: created.url });
    await other.connect();
    await other.query('begin');
    await other.query(`update reprise.replays set state = 'CANCELLED' where id = $1`, [id]);
  });
  afterEach(async () => {
    await other.end();
    await database.close();
    await created.drop();
  });

  /** Until a statement that begins so waits for a lock. */
  const waits = (beginning: string) =>
    vi.waitFor(
      async () => {
        const { rows } = await other.query(
          `select query from pg_stat_activity, pg_stat_clear_snapshot()
           where datname = current_database() and wait_event_type = 'Lock'`,
        );
        expect(rows).toEqual([{ query: expect.stringMatching(`^${beginning}`) }]);
      },
      { timeout: 10_000 },
    );

  it('is refused when that ended the run', async () => {
    const refused = expect(store.append(id, chunk, { sentThrough: 9 })).rejects.toMatchObject({ code: 'REPLAY_STATE' });
    await waits('with run');
    await other.query('commit');
    await refused;
    expect(await store.chunks(id, 0, 9)).toEqual([]);
    expect(await store.sentThrough(id)).toBe(0);
  });

  it('takes longer than a read may', async () => {
    const appended = store.append(id, chunk, { sentThrough: 9 });
    await waits('select state');
    await other.query('rollback');
    await appended;
    expect(await store.chunks(id, 0, 9)).toEqual([chunk]);
    expect(await store.sentThrough(id)).toBe(9);
  });
});

describe('a run recorded before its chunks told what they hold', () => {
  const id = '0190a0b0-0000-7000-8000-000000000002';
  const state = encodeEvents([{ kind: 'STATE', seq: 1, at: 1, state: 'RUNNING', reason: null }]);
  const notice = encodeEvents([
    { kind: 'NOTICE', seq: 2, at: 2, code: 'TARGET_NOTICE', sessionId: null, message: 'kept' },
  ]);

  it('keeps its states and notices for those who read nothing else, and may be about any part of the record', async () => {
    const created = await createTestDatabase('journal');
    try {
      const before = await openDatabase(created.url, { poolSize: 2 });
      const store = createReplayStore(before);
      await store.create({
        id,
        request: { target: {}, users: [] } as unknown as StoredRequest,
        targetLabel: 'target',
        ownerId: 'owner',
        createdAt: 1,
        summary: {} as ReplaySummary,
        lossMark: 0,
      });
      for (const chunk of [state, notice]) await store.append(id, chunk, {});
      await before.close();
      const client = new Client({ connectionString: created.url });
      await client.connect();
      // As 0004 left it.
      await client.query('update reprise.replay_chunks set outcomes = last_seq - first_seq + 1');
      await client.query('alter table reprise.losses drop column at_end');
      for (const column of ['session_id', 'user_name', 'database', 'application'])
        await client.query(`drop index reprise.origins_${column}`);
      await client.query('drop index reprise.transactions_start');
      await client.query('drop index reprise.entries_session_state');
      await client.query('alter table reprise.replay_chunks drop column recorded_from, drop column recorded_to');
      await client.query('alter table reprise.replays drop column loss_mark');
      await client.query(
        'alter table reprise.journal_clock drop column transactions_peak_bytes, drop column transactions_peak_entries, drop column evicted_place',
      );
      await client.query('create index origins_session on reprise.origins (session_id)');
      await client.query(`delete from reprise.migrations where name > '0005'`);
      await client.end();
      const after = await openDatabase(created.url, { poolSize: 2 });
      const chunks = await createReplayStore(after).chunks(id, 0, 9, 'OTHER');
      const late = await createReplayStore(after).chunksByRecord(id, Number.MAX_SAFE_INTEGER, null, 9);
      await after.close();
      for (const found of [chunks, late]) expect(found.map(({ firstSeq }) => firstSeq)).toEqual([1, 2]);
    } finally {
      await created.drop();
    }
  });
});

it('an owner is alive for its own process also while its lock is lost with its connection', async () => {
  const created = await createTestDatabase('journal');
  const database = await openDatabase(created.url, { poolSize: 2 });
  onTestFinished(async () => {
    await database.close();
    await created.drop();
  });
  const store = createReplayStore(database);
  await store.holdOwnership('mine');
  const create = (id: string, ownerId: string) =>
    store.create({
      id,
      request: { target: {}, users: [] } as unknown as StoredRequest,
      targetLabel: 'target',
      ownerId,
      createdAt: 1,
      summary: {} as ReplaySummary,
      lossMark: 0,
    });
  await create('0190a0b0-0000-7000-8000-000000000001', 'mine');
  const dead = await create('0190a0b0-0000-7000-8000-000000000002', 'dead');
  // As when the server was started anew: writes have connections again before the lock is taken again.
  await database.write((client) =>
    client.query(
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and application_name = 'reprise listen'`,
    ),
  );
  const after = (lastSeq: number) =>
    encodeEvents([{ kind: 'STATE', seq: lastSeq + 1, at: 1, state: 'INTERRUPTED', reason: null }]);
  expect(await store.interruptOrphans(after)).toEqual([dead.id]);
});
