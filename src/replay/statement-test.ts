import { readPlaces } from '../journal/entry-places.ts';
import { normaliseStatement, statementFingerprint } from '../journal/normalise.ts';
import type { JournalStore } from '../journal/store.ts';
import type { OutcomeEvent } from './event.ts';

/** Texts whose fingerprint is remembered by one test. */
const MEMORY = { texts: 2_000, longest: 20_000 } as const;

/** Tells for each of some outcomes whether its recorded statement has this fingerprint; false where its entry was evicted. */
export function statementTest(journal: JournalStore, fingerprint: string) {
  const known = new Map<string, boolean>();
  const isIt = (text: string): boolean => {
    let is = known.get(text);
    if (is === undefined) {
      is = statementFingerprint(normaliseStatement(text)) === fingerprint;
      if (known.size < MEMORY.texts && text.length <= MEMORY.longest) known.set(text, is);
    }
    return is;
  };
  return async (outcomes: readonly Pick<OutcomeEvent, 'transactionId' | 'key'>[]): Promise<readonly boolean[]> => {
    const places = outcomes.map(({ transactionId, key }) => ({ transactionId, sequence: key.sequence }));
    const are: boolean[] = [];
    await readPlaces(journal, places, (entry) => are.push(entry !== null && isIt(entry.statement)));
    return are;
  };
}
