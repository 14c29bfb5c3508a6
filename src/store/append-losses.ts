import type { AppendResult, Loss } from '../journal/store.ts';
import type { PreparedEntry } from './prepare.ts';

/** A loss to be counted. */
export interface PlannedLoss extends Loss {
  readonly importId: string | null;
  /** Given for refusals: those of one transaction are counted together. */
  readonly transactionId: string | null;
}

/** Retention gives an open transaction up once what it held of it is evicted: what an import brings of it later has no place. */
export function forgottenLoss(entries: readonly PreparedEntry[]): AppendResult['forgotten'] {
  const [first] = entries;
  if (first === undefined) return null;
  return {
    reason: 'EVICTED_BY_AGE',
    count: entries.length,
    from: entries.reduce((from, { timestamp }) => Math.min(from, timestamp), first.timestamp),
    to: entries.reduce((to, { timestamp }) => Math.max(to, timestamp), first.timestamp),
    source: `transaction ${first.transactionId}`,
    detail: 'retention had forgotten the transaction, whose beginning it had evicted, before the rest was imported',
  };
}

/** One entry that was refused or altered; `transactionId`: see `PlannedLoss`. */
export function lossOf(
  reason: 'REFUSED_TRANSACTION_TOO_LARGE' | 'TRUNCATED',
  entry: PreparedEntry,
  source: string,
  transactionId: string | null,
): PlannedLoss {
  const detail =
    reason === 'TRUNCATED'
      ? 'the statement held characters that PostgreSQL cannot store'
      : 'the transaction is over the limit of entries or bytes per transaction';
  return {
    reason,
    count: 1,
    from: entry.timestamp,
    to: entry.timestamp,
    source,
    detail,
    importId: null,
    transactionId,
  };
}
