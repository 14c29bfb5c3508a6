import type { JournalStore } from '../journal/store.ts';
import { counted } from './counted.ts';
import { planFilter } from './plan.ts';
import type { ReplayRequest } from './request.ts';

/** Databases that are told of one by one. */
const MOST_NAMED = 20;

/**
 * What a replay leaves out of its window because the request maps other databases: a sentence for each recorded database.
 * Empty where nothing is mapped, and where the filter names the databases: whoever names them knows.
 */
export async function readLeftOut(journal: JournalStore, request: ReplayRequest): Promise<readonly string[]> {
  if (request.databases === null || request.filter.databases !== undefined) return [];
  const mapped = new Set<string | null>(request.databases.map(({ recorded }) => recorded));
  const { databases: _, ...filter } = planFilter(request);
  const counts = await journal.databaseCounts(request.window, filter);
  const leftOut = counts.filter(({ database }) => !mapped.has(database));
  const sentences = leftOut.slice(0, MOST_NAMED).map(({ database, entries, sessions }) => {
    const of = `of ${counted(sessions, 'session')}`;
    return database === null
      ? `${leaveOut(entries, of)}: the record does not tell the database, and only mapped ones are replayed`
      : `${leaveOut(entries, `${of} of database ${JSON.stringify(database)}`)}: it is not mapped; map it too, or name those ` +
          'that are meant in filter.databases';
  });
  const rest = leftOut.slice(MOST_NAMED);
  if (rest.length > 0) {
    const entries = rest.reduce((sum, one) => sum + one.entries, 0);
    sentences.push(`${leaveOut(entries, `of ${rest.length} more databases`)}, likewise`);
  }
  return sentences;
}

function leaveOut(entries: number, of: string): string {
  return `${counted(entries, 'statement')} ${of} in the window ${entries === 1 ? 'is' : 'are'} left out`;
}
