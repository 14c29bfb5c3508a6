import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OutcomeEvent } from '../../src/replay/event.ts';
import { type Call, compareCallOrder, RecordedOutcomes } from '../../src/replay/recorded-outcomes.ts';
import type { ReplayStore } from '../../src/replay/store.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { createReplayStore } from '../../src/store/replay-store.ts';
import { outcome, scriptedRun } from '../server/support.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let home: TestDatabase;
let database: Database;
let store: ReplayStore;

beforeAll(async () => {
  home = await createTestDatabase('journal');
  database = await openDatabase(home.url);
  store = createReplayStore(database);
});
afterAll(async () => {
  await database.close();
  await home.drop();
});

/** Few different times and positions, so that many are equal; copies tell the rest apart. */
const calls = fc
  .uniqueArray(fc.tuple(fc.nat(12), fc.nat(2), fc.nat(2), fc.nat(1)), {
    selector: (one) => one.join(),
    maxLength: 60,
    size: 'max',
  })
  .map((all) =>
    all.map(([timestamp, position, sequence, copy]): Call => {
      return { key: { timestamp, position: BigInt(position), sequence: sequence + 1 }, copy };
    }),
  );
/** How many events each chunk holds. */
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });

/** A run that reported on the calls in this order, in chunks of these sizes, with a notice alone in some. */
async function reported(order: readonly Call[], chunks: readonly number[]): Promise<string> {
  const { id, feed } = await scriptedRun(store);
  let [left, chunk] = [chunks[0]!, 0];
  for (const [index, { key, copy }] of order.entries()) {
    feed.emit(outcome(index + 1, { key, copy, transactionId: randomUUID() }));
    left -= 1;
    if (left > 0) continue;
    await feed.flush();
    chunk += 1;
    left = chunks[chunk % chunks.length]!;
    if (chunk % 4 !== 0) continue;
    feed.emit({ kind: 'NOTICE', code: 'STALL', sessionId: null, message: 'waits' });
    await feed.flush();
  }
  await feed.transition('COMPLETE', {}, null);
  await feed.close();
  return id;
}

async function readAll(reader: RecordedOutcomes): Promise<OutcomeEvent[]> {
  const read: OutcomeEvent[] = [];
  for (;;) {
    const batch = await reader.next();
    if (batch.length === 0) return read;
    read.push(...batch);
  }
}

const placesOf = (found: readonly Call[]) =>
  found.map(({ key, copy }) => `${key.timestamp} ${key.position} ${key.sequence} ${copy}`);

describe('outcomes in recorded order', () => {
  test('are each there once, whatever the order of the reports, the chunks, the memory and the place to begin at', async () => {
    await fc.assert(
      fc.asyncProperty(
        calls,
        sizes,
        fc.integer({ min: 1, max: 20 }),
        fc.nat(70),
        async (order, chunks, memory, from) => {
          const id = await reported(order, chunks);
          const sorted = [...order].sort(compareCallOrder);
          expect(placesOf(await readAll(new RecordedOutcomes(store, id, null, memory)))).toEqual(placesOf(sorted));
          const after = sorted[from] ?? null;
          const behind = after === null ? sorted : sorted.slice(from + 1);
          expect(placesOf(await readAll(new RecordedOutcomes(store, id, after, memory)))).toEqual(placesOf(behind));
        },
      ),
      { numRuns: 40 },
    );
  });

  test('are all there where the chunks do not tell which part of the record they are about', async () => {
    const order = [5, 1, 4, 2, 3].map((timestamp) => ({ key: { timestamp, position: 1n, sequence: 1 }, copy: 0 }));
    const id = await reported(order, [2]);
    // As the migration leaves the chunks that were there before.
    await database.query
      .updateTable('replay_chunks')
      .set({ recorded_from: Number.MIN_SAFE_INTEGER, recorded_to: Number.MAX_SAFE_INTEGER })
      .where('replay_id', '=', id)
      .execute();
    const times = async (after: Call | null) =>
      (await readAll(new RecordedOutcomes(store, id, after))).map(({ key }) => key.timestamp);
    expect(await times(null)).toEqual([1, 2, 3, 4, 5]);
    expect(await times(order[3]!)).toEqual([3, 4, 5]);
  });

  test('are read from chunks of their part of the record, not from all', async () => {
    const order = Array.from({ length: 4000 }, (_, index) => ({
      key: { timestamp: index, position: 1n, sequence: index + 1 },
      copy: 0,
    }));
    const id = await reported(order, [200]);
    const reader = new RecordedOutcomes(store, id, order[2100]!);
    const [first] = await reader.next();
    expect(first?.key.timestamp).toBe(2101);
    expect(reader.looked).toBeLessThanOrEqual(400);
  });
});
