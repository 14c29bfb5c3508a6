import { type OutcomeFilterInput, OutcomeRowsDocument } from '../../client/index.ts';
import { ask, ofRun } from '../lib/api.ts';
import type { Page } from '../lib/paged.ts';
import type { Outcome } from './statement-tail.ts';

const PAGE = 200;

/** Where a page goes on: behind a place, or before it where the newest come first. */
interface Place {
  readonly after: string | null;
  readonly newest?: boolean;
  /** Default: 200. */
  readonly most?: number;
}

/**
 * The next outcomes that pass the filter: at least one, or none any more. The service looks at a bounded part of a run
 * at once, so that a page may be empty and lead on.
 */
export async function nextMatches(
  replayId: string,
  filter: OutcomeFilterInput,
  { after, newest = false, most = PAGE }: Place,
  abort: AbortSignal,
): Promise<Page<Outcome>> {
  let place = after;
  for (;;) {
    const ends = newest ? { last: most, before: place } : { first: most, after: place };
    const { replayStatements } = await ask(OutcomeRowsDocument, { replayId, filter, ...ends }, abort);
    const { nodes, pageInfo } = ofRun(replayStatements);
    const page = newest
      ? {
          nodes: [...nodes].reverse(),
          pageInfo: { hasNextPage: pageInfo.hasPreviousPage, endCursor: pageInfo.startCursor },
        }
      : { nodes, pageInfo };
    if (nodes.length > 0 || !page.pageInfo.hasNextPage) return page;
    place = page.pageInfo.endCursor;
  }
}
