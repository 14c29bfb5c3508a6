import type { AppendResult, Loss } from '../journal/store.ts';
import type { PreparedEnd, PreparedEntry } from './prepare.ts';

/** A loss to be counted. */
export interface PlannedLoss extends Loss {
  readonly importId: string | null;
  /** Given for refusals: those of one transaction are counted together. */
  readonly transactionId: string | null;
}

/** Of what an import brings, what has no place in the journal. */
export class Unplaced {
  /** Entries of transactions that retention gave up, as it does of an open one once what it held of it is evicted. */
  readonly forgotten: PreparedEntry[] = [];
  /** Entries at places where the journal has another statement, or behind the end that it has of their transaction. */
  readonly differing: PreparedEntry[] = [];
  /** Ends of transactions that the journal has with the other one. */
  readonly differingEnds: PreparedEnd[] = [];

  get entries(): number {
    return this.forgotten.length + this.differing.length;
  }

  losses(): AppendResult['unplaced'] {
    const { forgotten, differing, differingEnds } = this;
    return [
      ...lossAmong(
        'EVICTED_BY_AGE',
        forgotten.map(({ transactionId, timestamp }) => ({ transactionId, at: timestamp })),
        'retention had forgotten the transaction, whose beginning it had evicted, before the rest was imported',
      ),
      ...lossAmong(
        'EFFECT_UNCERTAIN',
        [...differing.map(({ transactionId, timestamp }) => ({ transactionId, at: timestamp })), ...differingEnds],
        'an earlier import, by another version or of another part of the log, read this transaction otherwise, which was kept',
      ),
    ];
  }
}

function lossAmong(
  reason: 'EVICTED_BY_AGE' | 'EFFECT_UNCERTAIN',
  places: readonly { readonly transactionId: string; readonly at: number }[],
  detail: string,
): AppendResult['unplaced'] {
  const [first] = places;
  if (first === undefined) return [];
  const from = places.reduce((earliest, { at }) => Math.min(earliest, at), first.at);
  const to = places.reduce((latest, { at }) => Math.max(latest, at), first.at);
  return [{ reason, count: places.length, from, to, source: `transaction ${first.transactionId}`, detail }];
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
