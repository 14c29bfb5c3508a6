import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { expect, it, vi } from 'vitest';
import { encodeEvents } from '../../src/replay/event-codec.ts';
import type { StoredRequest } from '../../src/replay/store.ts';
import type { ReplaySummary } from '../../src/replay/summary.ts';
import { openDatabase } from '../../src/store/database.ts';
import { createReplayStore } from '../../src/store/replay-store.ts';
import { createTestDatabase } from '../support/database.ts';
import { replayStoreContract } from './replay-contract.ts';

replayStoreContract('replays in PostgreSQL', async () => {
  const created = await createTestDatabase();
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

it('refuses events that waited for the transaction in which another process ended the run', async () => {
  const created = await createTestDatabase();
  const database = await openDatabase(created.url, { poolSize: 2 });
  const other = new Client({ connectionString: created.url });
  await other.connect();
  try {
    const store = createReplayStore(database);
    const id = randomUUID();
    await store.create({
      id,
      request: { target: {}, users: [] } as unknown as StoredRequest,
      targetLabel: 'target',
      ownerId: 'owner',
      createdAt: 1,
      summary: {} as ReplaySummary,
    });
    await other.query('begin');
    await other.query(`update reprise.replays set state = 'CANCELLED' where id = $1`, [id]);
    const chunk = encodeEvents([{ kind: 'STATE', seq: 1, at: 1, state: 'RUNNING', reason: null }]);
    const refused = expect(store.append(id, chunk, { sentThrough: 9 })).rejects.toMatchObject({ code: 'REPLAY_STATE' });
    await vi.waitFor(async () => {
      const { rows } = await other.query(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      expect(rows).toHaveLength(1);
    });
    await other.query('commit');
    await refused;
    expect(await store.chunks(id, 0, 9)).toEqual([]);
    expect(await store.sentThrough(id)).toBe(0);
  } finally {
    await other.end();
    await database.close();
    await created.drop();
  }
});
