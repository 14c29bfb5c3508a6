import { RepriseError } from '../errors.ts';
import type { AppendStatistics } from '../journal/append-statistics.ts';
import type { Origin } from '../journal/entry.ts';
import type { AppendResult, JournalBatch, JournalLimits } from '../journal/store.ts';
import { planAppend } from './append-plan.ts';
import { lockJournal, writePlan } from './append-write.ts';
import type { Database } from './database.ts';
import { isUnavailable, storeError } from './failures.ts';
import type { Origins } from './origins.ts';
import { type PreparedBatch, prepareBatch } from './prepare.ts';

interface Waiting {
  readonly batch: PreparedBatch;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: unknown) => void;
}

// A group shares one database transaction, hence one flush to disk; larger ones gain nothing and hold memory.
const GROUP_ENTRIES = 10_000;
const GROUP_BYTES = 16 * 1024 * 1024;
const GROUP_BATCHES = 1_000;

const DOING = 'append to the journal';

/**
 * Group commit: appends that arrive while another is being written are written together, in call order,
 * each succeeding or failing on its own.
 */
export function createAppendQueue(
  database: Database,
  origins: Origins,
  limits: JournalLimits,
  statistics: AppendStatistics,
): (batch: JournalBatch) => Promise<AppendResult> {
  const queue: Waiting[] = [];
  let running = false;

  async function writeGroup(group: readonly Waiting[]): Promise<void> {
    const batches = group.map((waiting) => waiting.batch);
    const known = await origins.intern(mergeOrigins(batches));
    const plan = await database.write(async (client) => {
      const state = await lockJournal(client, batches);
      const planned = planAppend(batches, known, state, limits);
      if (planned.results.some((result) => !(result instanceof RepriseError))) await writePlan(client, planned, known);
      return planned;
    });
    statistics.appended(plan.entries.length, plan.losses);
    plan.results.forEach((result, index) => {
      const waiting = group[index] as Waiting;
      if (result instanceof RepriseError) waiting.reject(result);
      else waiting.resolve(result);
    });
  }

  async function run(): Promise<void> {
    while (queue.length > 0) {
      const group = takeGroup(queue);
      try {
        await writeGroup(group);
      } catch (error) {
        // The server refuses something that the plan let through: only its own batch may fail for it.
        if (group.length > 1 && !isUnavailable(error)) await writeApart(group);
        else for (const waiting of group) waiting.reject(storeError(error, DOING));
      }
    }
    // In the same turn as the look at the queue: a call in between would wait for ever.
    running = false;
  }

  async function writeApart(group: readonly Waiting[]): Promise<void> {
    for (const waiting of group) {
      try {
        await writeGroup([waiting]);
      } catch (error) {
        waiting.reject(storeError(error, DOING));
      }
    }
  }

  return (batch) =>
    new Promise((resolve, reject) => {
      // A throw here rejects this call alone.
      queue.push({ batch: prepareBatch(batch, origins.keyOf), resolve, reject });
      if (running) return;
      running = true;
      // Calls of the same turn of the event loop join the first group.
      queueMicrotask(() => void run());
    });
}

function takeGroup(queue: Waiting[]): Waiting[] {
  let taken = 0;
  let entries = 0;
  let bytes = 0;
  while (taken < queue.length && taken < GROUP_BATCHES) {
    const { batch } = queue[taken] as Waiting;
    if (taken > 0 && (entries + batch.entries.length > GROUP_ENTRIES || bytes + batch.bytes > GROUP_BYTES)) break;
    entries += batch.entries.length;
    bytes += batch.bytes;
    taken += 1;
  }
  return queue.splice(0, taken);
}

function mergeOrigins(batches: readonly PreparedBatch[]): Map<string, Origin> {
  const merged = new Map<string, Origin>();
  for (const batch of batches) for (const [key, origin] of batch.origins) merged.set(key, origin);
  return merged;
}
