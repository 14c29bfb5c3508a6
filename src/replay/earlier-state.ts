import type { Entry, EntryKey, Micros } from '../journal/entry.ts';
import { sessionEffect } from '../journal/statement-type.ts';
import type { JournalStore } from '../journal/store.ts';
import { sessionKey } from './plan.ts';

const PAGE = 2_000;
/** Session ids in one filter. */
const SESSIONS_AT_ONCE = 500;
const PREPARES = /^\s*(?:prepare|deallocate)\b(?!\s+transaction\b)/i;
/** Statements kept of one session; older ones are dropped first. Twice what a session remembers would do. */
const MOST_KEPT = 1_000;
/** How far before `from` a session's settings are looked for: 7 days, in microseconds. */
const LOOK_BACK: Micros = 7 * 86_400 * 1_000_000;

/**
 * Finds the settings and prepared statements that sessions made before the window (docs/replay.md S5), in
 * recorded order, by session key. What failed, was rolled back with its transaction or was done again since did not
 * last and is left out: some sessions set their search path once for each transaction of a week.
 */
export async function findEarlierState(
  journal: JournalStore,
  before: Micros,
  sessions: Iterable<{ readonly key: string; readonly sessionId: string }>,
): Promise<ReadonlyMap<string, readonly Entry[]>> {
  const found = new Map<string, Map<string, Entry>>();
  if (before <= 0) return new Map();
  const wanted = new Set<string>();
  const ids = new Set<string>();
  for (const session of sessions) {
    wanted.add(session.key);
    ids.add(session.sessionId);
  }
  const window = { from: Math.max(0, before - LOOK_BACK), to: before - 1 };
  const list = [...ids];
  for (let at = 0; at < list.length; at += SESSIONS_AT_ONCE) {
    const filter = {
      sessionIds: list.slice(at, at + SESSIONS_AT_ONCE),
      // PREPARE, LISTEN and the functions that lock or set are of other types, but few of them outlive a
      // transaction; SET and OTHER hold what can be made again.
      statementTypes: ['SET', 'OTHER'] as const,
      outcome: 'SUCCEEDED' as const,
    };
    let after: EntryKey | null = null;
    for (;;) {
      const page: { readonly entries: readonly Entry[]; readonly hasMore: boolean } = await journal.page(
        window,
        filter,
        after,
        PAGE,
      );
      const lasting = await withoutRolledBack(journal, page.entries);
      for (const entry of lasting) {
        const key = sessionKey(entry.origin);
        if (!wanted.has(key)) continue;
        let kept = found.get(key);
        if (kept === undefined) {
          kept = new Map();
          found.set(key, kept);
        }
        keep(kept, entry);
      }
      after = page.entries.at(-1) ?? null;
      if (!page.hasMore || after === null) break;
    }
  }
  return new Map([...found].map(([key, kept]) => [key, [...kept.values()]]));
}

/** Adds an entry to those of its session, in the order of time, in the place of an older one that had the same effects. */
function keep(kept: Map<string, Entry>, entry: Entry): void {
  const effects = sessionEffect(entry.statement);
  const [only] = effects;
  if (only === undefined) return;
  if (effects.length === 1 && only.kind === 'DEALLOCATE' && only.name !== null) {
    kept.delete(`PREPARED ${only.name}`);
    return;
  }
  const key = effects.map(({ kind, name }) => `${kind} ${name ?? entry.statement}`).join('\n');
  kept.delete(key);
  kept.set(key, entry);
  if (kept.size <= MOST_KEPT) return;
  const oldest = kept.keys().next().value;
  if (oldest !== undefined) kept.delete(oldest);
}

async function withoutRolledBack(journal: JournalStore, entries: readonly Entry[]): Promise<readonly Entry[]> {
  const ids = [...new Set(entries.map((entry) => entry.transactionId))];
  const transactions = await journal.transactions(ids);
  const rolledBack = new Set(ids.filter((_, index) => transactions[index]?.status === 'ROLLED_BACK'));
  // PREPARE and DEALLOCATE stand outside of transactions: a rollback leaves them.
  return entries.filter((entry) => !rolledBack.has(entry.transactionId) || PREPARES.test(entry.statement));
}
