import type { Entry, EntryPlace } from './entry.ts';
import type { JournalStore } from './store.ts';

/**
 * Reads the entries of places, as many at once as a page holds, and gives each, null where there is none, with the index of its
 * place, in the order of the places. Whoever keeps what is given bounds the memory that it takes.
 * @throws RepriseError STORE_UNAVAILABLE
 */
export async function readPlaces(
  journal: Pick<JournalStore, 'entriesByPlace'>,
  places: readonly EntryPlace[],
  take: (entry: Entry | null, index: number) => void,
): Promise<void> {
  for (let index = 0; index < places.length; ) {
    const page = await journal.entriesByPlace(index === 0 ? places : places.slice(index));
    for (const entry of page) take(entry, index++);
  }
}
