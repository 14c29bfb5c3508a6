import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { JournalLimits, JournalStore } from '../../src/journal/store.ts';
import {
  ALL,
  appendTransaction,
  begin,
  commit,
  DAY,
  entry,
  readAll,
  SECOND,
  START,
  type Subject,
} from './journal-fixtures.ts';

/** Retention by age and size: J14, J15. */
export function retentionContract(subject: Subject): void {
  let store: JournalStore;
  beforeEach(() => {
    store = subject.store();
  });
  const reopen = async (limits: Partial<JournalLimits>) => {
    store = await subject.reopen(limits);
  };

  describe('retention', () => {
    it('evicts whole days by age with their transactions, and coverage says so (J14, J15)', async () => {
      await reopen({ retentionMs: 2 * 86_400_000 });
      const old = await appendTransaction(store, 3);
      const across = randomUUID();
      await store.append({
        begun: [begin(across)],
        entries: [
          entry(across, 1),
          entry(across, 2, { timestamp: START + DAY }),
          entry(across, 3, { timestamp: START + DAY + 1 }),
        ],
        ended: [commit(across, START + DAY + 2)],
      });
      const kept = await appendTransaction(store, 2, { timestamp: START + DAY });
      const midnight = START - (START % DAY);
      expect(await store.evict(midnight + 3 * DAY - 1)).toBe(0);
      expect(await store.evict(midnight + 3 * DAY)).toBe(4);
      expect(await store.evict(midnight + 3 * DAY)).toBe(0);
      expect((await readAll(store, ALL, {}, 3)).map((one) => one.transactionId)).toEqual([across, kept, across, kept]);
      expect(await store.transaction(old)).toBeNull();
      expect(await store.transaction(across)).toMatchObject({ commitSeq: 2n, entryCount: 3 });
      expect((await store.committed(ALL, {}, 0n, 9)).map(({ entries }) => entries.length)).toEqual([2, 2]);
      expect(await store.committedCount(ALL, {}, 'INCLUDE')).toBe(4);
      expect(await store.committedProfile(ALL, {}, 'INCLUDE')).toMatchObject({ transactions: 2, entries: 4 });
      expect((await store.coverage({ from: START, to: START + 1 }, 0)).losses).toMatchObject([
        { reason: 'EVICTED_BY_AGE', count: 4, from: START, to: START + 2_000 },
      ]);
      expect((await store.coverage({ from: START + DAY, to: START + DAY + 1 }, 0)).losses).toEqual([]);
      expect(await store.append({ entries: [entry(across, 1)] })).toMatchObject({ duplicates: 1 });
      expect((await store.transaction(await appendTransaction(store, 1)))?.commitSeq).toBe(4n);
    });

    it('keeps the day of a young open transaction from eviction by age', async () => {
      await reopen({ retentionMs: 1 });
      const id = randomUUID();
      await store.append({ begun: [begin(id)], entries: [entry(id, 1)] });
      const midnight = START - (START % DAY);
      expect(await store.evict(midnight + DAY + SECOND)).toBe(0);
      expect(await store.evict(START + DAY + SECOND)).toBe(1);
      expect(await store.transaction(id)).toBeNull();
    });

    it('evicts the oldest days by size, and the oldest hours of the only day left', async () => {
      await reopen({ retentionBytes: 400_000 });
      const hour = 3_600 * SECOND;
      const midnight = START - (START % DAY);
      const statement = 'x'.repeat(900);
      await appendTransaction(store, 200, { timestamp: midnight - DAY, statement });
      for (let step = 0; step < 6; step += 1)
        await appendTransaction(store, 200, { timestamp: midnight + step * hour, statement });
      const evicted = await store.evict(midnight + DAY);
      const left = await readAll(store, ALL, {}, 500);
      expect(left.length).toBe(1_400 - evicted);
      expect(left.length).toBeGreaterThan(0);
      expect(left.length % 200).toBe(0);
      expect(left[0]?.timestamp).toBe(midnight + (6 - left.length / 200) * hour);
      expect(await store.evict(midnight + DAY)).toBe(0);
      expect((await store.coverage(ALL, 0)).losses).toMatchObject([
        { reason: 'EVICTED_BY_SIZE', count: evicted, from: midnight - DAY },
      ]);
      expect((await store.committed(ALL, {}, 0n, 99)).length).toBe(left.length / 200);
    });

    it('keeps transactions of an old log that came in behind an eviction by size', async () => {
      await reopen({ retentionBytes: 600_000 });
      const statement = 'x'.repeat(900);
      await appendTransaction(store, 1_000, { timestamp: START - DAY, statement });
      const kept = await appendTransaction(store, 2);
      expect(await store.evict(START)).toBe(1_000);
      const old = await appendTransaction(store, 3, { timestamp: START - 5 * DAY });
      expect(await store.evict(START)).toBe(0);
      expect(await readAll(store, ALL, {}, 9)).toHaveLength(5);
      expect((await store.committed(ALL, {}, 0n, 9)).map(({ transaction }) => transaction.id)).toEqual([kept, old]);
    });

    it('counts what comes back and is evicted again once, and what is new to the same day as well (J15)', async () => {
      await reopen({ retentionMs: 86_400_000 });
      const day = { from: START, to: START + DAY - 1 };
      const evictAgain = async (first: number, count: number) => {
        for (let step = first; step < first + count; step += 1)
          await appendTransaction(store, 1, { timestamp: START + step * SECOND });
        const mark = await store.lossMark();
        expect(await store.evict(START + 3 * DAY)).toBe(count);
        expect(await store.evictedSince(mark, START)).toBe(true);
        expect(await store.evictedSince(await store.lossMark(), START)).toBe(false);
        return (await store.losses(day)).map((loss) => [loss.reason, loss.count, loss.from, loss.to]);
      };
      const last = (step: number) => START + step * SECOND;
      expect(await evictAgain(0, 5)).toEqual([['EVICTED_BY_AGE', 5, START, last(4)]]);
      expect(await evictAgain(0, 5)).toEqual([['EVICTED_BY_AGE', 5, START, last(4)]]);
      expect(await evictAgain(2, 3)).toEqual([['EVICTED_BY_AGE', 5, START, last(4)]]);
      expect(await evictAgain(1, 7)).toEqual([['EVICTED_BY_AGE', 8, START, last(7)]]);
    });

    it('keeps everything without limits', async () => {
      await appendTransaction(store, 1);
      expect(await store.evict(START + 1_000 * DAY)).toBe(0);
      expect(await readAll(store, ALL, {}, 9)).toHaveLength(1);
    });
  });
}
