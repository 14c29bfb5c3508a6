import { type OutcomeFilterInput, OutcomeRowsDocument } from '../../client/index.ts';
import { ask } from '../lib/api.ts';
import { coarseForm } from '../lib/normalised.ts';
import type { Page } from '../lib/paged.ts';
import type { Outcome } from './statement-tail.ts';

/** Which outcomes of a run to look for; the API filters by `filter`, the rest is done here. */
export interface Wanted {
  readonly filter: OutcomeFilterInput;
  readonly accepts: (outcome: Outcome) => boolean;
  /** No match lies before this place. */
  readonly from?: string;
  /** No match lies behind this event. */
  readonly lastSeq?: number;
}

const PAGE = 500;
const ENOUGH = 50;

/** Accepts outcomes whose statement has this normalised form. */
export function ofStatement(normalised: string): (outcome: Outcome) => boolean {
  const wanted = coarseForm(normalised);
  const known = new Map<string, boolean>();
  return ({ entry }) => {
    if (!entry) return false;
    let is = known.get(entry.statement);
    if (is === undefined) {
      is = coarseForm(entry.statement) === wanted;
      if (entry.statement.length < 2000) known.set(entry.statement, is);
    }
    return is;
  };
}

/** The next matches: reads on until there are enough of them, or no more outcomes. */
export async function nextMatches(
  replayId: string,
  wanted: Wanted,
  after: string | null,
  abort: AbortSignal,
): Promise<Page<Outcome>> {
  const nodes: Outcome[] = [];
  let cursor = after ?? wanted.from ?? null;
  for (;;) {
    const { replayStatements } = await ask(
      OutcomeRowsDocument,
      { replayId, filter: wanted.filter, first: PAGE, after: cursor },
      abort,
    );
    if (!replayStatements) return { nodes, pageInfo: { hasNextPage: false, endCursor: cursor } };
    for (const outcome of replayStatements.nodes) if (wanted.accepts(outcome)) nodes.push(outcome);
    const { hasNextPage, endCursor } = replayStatements.pageInfo;
    const last = replayStatements.nodes.at(-1);
    const over = wanted.lastSeq !== undefined && last !== undefined && last.seq >= wanted.lastSeq;
    if (!hasNextPage || over) return { nodes, pageInfo: { hasNextPage: false, endCursor } };
    cursor = endCursor;
    if (nodes.length >= ENOUGH) return { nodes, pageInfo: { hasNextPage: true, endCursor } };
  }
}
