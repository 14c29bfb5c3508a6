import { type OutcomeFilterInput, OutcomeRowsDocument } from '../../client/index.ts';
import { ask, ofRun } from '../lib/api.ts';
import { nextFilled, type Page } from '../lib/paged.ts';
import type { Outcome } from './statement-tail.ts';

const PAGE = 200;

/** Where a page goes on: behind a place, or before it where the newest come first. */
interface Place {
  readonly after: string | null;
  readonly newest?: boolean;
  /** Default: 200. */
  readonly most?: number;
}

/** The next outcomes that pass the filter: at least one, or none any more. */
export function nextMatches(
  replayId: string,
  filter: OutcomeFilterInput,
  { after, newest = false, most = PAGE }: Place,
  abort: AbortSignal,
): Promise<Page<Outcome>> {
  return nextFilled(after, async (place) => {
    const ends = newest ? { last: most, before: place } : { first: most, after: place };
    const { replayStatements } = await ask(OutcomeRowsDocument, { replayId, filter, ...ends }, abort);
    const { nodes, pageInfo } = ofRun(replayStatements);
    const { hasNextPage, hasPreviousPage, startCursor, endCursor } = pageInfo;
    // An empty page at the end names no place: what comes later lies behind where it began.
    if (!newest) return { nodes, pageInfo: { hasNextPage, endCursor: endCursor ?? place } };
    return { nodes: [...nodes].reverse(), pageInfo: { hasNextPage: hasPreviousPage, endCursor: startCursor } };
  });
}
