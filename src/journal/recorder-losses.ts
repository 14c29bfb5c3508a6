import type { EntryPlace, NewEntry } from './entry.ts';
import { readPlaces } from './entry-places.ts';
import type { JournalStore, Loss } from './store.ts';

/** Whether the journal holds an entry at each of these places, or an earlier one of the list is the same place. */
export async function heldAt(store: JournalStore, places: readonly EntryPlace[]): Promise<readonly boolean[]> {
  const held: boolean[] = [];
  await readPlaces(store, places, (entry) => held.push(entry !== null));
  const seen = new Set<string>();
  return places.map(({ transactionId, sequence }, index) => {
    const before = seen.size;
    seen.add(`${transactionId}/${sequence}`);
    return held[index] === true || seen.size === before;
  });
}

/** What the journal loses with these entries, counted once although the call that brings them may be repeated. */
export async function lossesWith(
  store: JournalStore,
  entries: readonly NewEntry[],
  wentBack: (place: EntryPlace) => boolean,
): Promise<readonly Loss[]> {
  const losing = entries.filter((entry) => entry.unreplayable === 'COPY_DATA' || wentBack(entry));
  if (losing.length === 0) return [];
  const held = await heldAt(store, losing);
  return losing.flatMap((entry, index) => {
    if (held[index] === true) return [];
    const { timestamp: from, transactionId, sequence } = entry;
    const place = { count: 1, from, to: from, source: `transaction ${transactionId} sequence ${sequence}` };
    const losses: Loss[] = [];
    if (entry.unreplayable === 'COPY_DATA')
      losses.push({ ...place, reason: 'COPY_DATA', detail: 'COPY FROM STDIN was logged without its data' });
    if (wentBack(entry)) {
      const detail = 'the given time lies before that of the statement ahead of it in its transaction, which was taken';
      losses.push({ ...place, reason: 'CLOCK_WENT_BACK', detail });
    }
    return losses;
  });
}
