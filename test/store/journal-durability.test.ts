import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { startEmbedded } from '../../src/store/embedded.ts';
import { createJournalStore } from '../../src/store/journal-store.ts';
import { createTestDatabase } from '../support/database.ts';
import { startTestServer } from '../support/postgres.ts';
import { ALL, appendTransaction, NO_LIMITS, readAll, START } from './journal-fixtures.ts';

const CHILD = fileURLToPath(new URL('./append-child.ts', import.meta.url));
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Starts a process that appends `count` transactions; `ids` fills as they are acknowledged. */
function startAppending(url: string, count: number): { child: ChildProcess; ids: string[]; exited: Promise<unknown> } {
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD, url, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const ids: string[] = [];
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  lines.on('line', (line) => ids.push(line));
  return { child, ids, exited: Promise.all([once(child, 'exit'), once(lines, 'close')]) };
}

async function reached(ids: readonly string[], child: ChildProcess, count: number): Promise<void> {
  while (ids.length < count) await once(child.stdout as NodeJS.ReadableStream, 'data');
}

describe('durability of the journal', () => {
  it('keeps commit positions and arrivals gapless while several processes append', async () => {
    const created = await createTestDatabase('journal');
    const runs = [startAppending(created.url, 60), startAppending(created.url, 60)];
    await Promise.all(runs.map((run) => run.exited));
    const database = await openDatabase(created.url, { poolSize: 2 });
    try {
      const store = createJournalStore(database, NO_LIMITS);
      const ids = runs.flatMap((run) => run.ids);
      expect(new Set(ids).size).toBe(120);
      const transactions = await store.transactions(ids);
      const gapless = Array.from({ length: 120 }, (_, index) => BigInt(index + 1));
      const sorted = (list: readonly (bigint | null | undefined)[]) =>
        [...list].sort((a, b) => Number((a ?? 0n) - (b ?? 0n)));
      expect(sorted(transactions.map((one) => one?.commitSeq))).toEqual(gapless);
      expect(sorted(transactions.map((one) => one?.position))).toEqual(gapless);
      const arrivals = (await readAll(store, ALL, {}, 500))
        .filter((one) => one.sequence === 1)
        .map((one) => one.arrival);
      expect(sorted(arrivals)).toEqual(gapless);
    } finally {
      await database.close();
      await created.drop();
    }
  });

  it('keeps what a killed process had acknowledged, whole transactions only', async () => {
    const created = await createTestDatabase('journal');
    const { child, ids, exited } = startAppending(created.url, 1_000_000);
    await reached(ids, child, 20);
    child.kill('SIGKILL');
    await exited;
    const database = await openDatabase(created.url, { poolSize: 2 });
    try {
      const store = createJournalStore(database, NO_LIMITS);
      const kept = await store.transactions(ids);
      expect(kept.filter((one) => one?.status !== 'COMMITTED' || one.entryCount !== 2)).toEqual([]);
      const entries = await readAll(store, ALL, {}, 500);
      expect(entries.length).toBe(2 * (await store.committedProfile(ALL, {}, 'INCLUDE')).transactions);
    } finally {
      await database.close();
      await created.drop();
    }
  });

  it('keeps every acknowledged append when the server is killed, says so, and goes on when it is back', async () => {
    const server = await startTestServer({ fsync: 'on', full_page_writes: 'on' });
    const port = String(server.port);
    await server.createDatabase('journal');
    const database = await openDatabase(server.url('journal'), { poolSize: 2 });
    const store = createJournalStore(database, NO_LIMITS);
    let again: Awaited<ReturnType<typeof startEmbedded>> | null = null;
    try {
      const acknowledged: string[] = [];
      let killing: Promise<void> | null = null;
      let failure: unknown = null;
      while (failure === null) {
        await appendTransaction(store, 3).then(
          (id) => acknowledged.push(id),
          (error: unknown) => {
            failure = error;
          },
        );
        if (acknowledged.length === 25) killing ??= server.kill();
      }
      await killing;
      expect(failure).toMatchObject({ code: 'STORE_UNAVAILABLE' });
      await expect(store.page(ALL, {}, null, 1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });

      again = await startEmbedded({ dataDir: server.dataDir, settings: { port } });
      const kept = await store.transactions(acknowledged);
      expect(kept.filter((one) => one?.status !== 'COMMITTED' || one.entryCount !== 3)).toEqual([]);
      const next = await store.transaction(await appendTransaction(store, 1, { timestamp: START + 5 }));
      expect(next?.commitSeq).toBe(BigInt((await store.committedProfile(ALL, {}, 'INCLUDE')).transactions));
    } finally {
      await database.close();
      await again?.stop();
      await server.stop();
    }
  });
});
