import type { JournalStore, Loss, LossReason } from '../journal/store.ts';
import type { ReplayRequest } from './request.ts';

/** Whose statements a run meets one by one and reports as SKIPPED. */
const TOLD_AS_SKIPPED: ReadonlySet<LossReason> = new Set(['COPY_DATA', 'FASTPATH', 'PARAMETERS_NOT_LOGGED']);

/**
 * What the journal lost of a run's window, whatever its filter: a sentence for each reason.
 * @throws RepriseError STORE_UNAVAILABLE
 */
export async function readLostInWindow(journal: JournalStore, { window }: ReplayRequest): Promise<readonly string[]> {
  const losses = await journal.losses(window);
  return losses.filter(({ reason }) => !TOLD_AS_SKIPPED.has(reason)).map(lossInWindow);
}

/** A loss as a sentence. */
export function lossInWindow({ reason, count, detail }: Loss): string {
  return `${count} × ${reason} in the window${detail === null ? '' : `: ${detail}`}`;
}
