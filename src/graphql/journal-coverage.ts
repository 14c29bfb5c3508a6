import type { StatementType } from '../journal/entry.ts';
import type { Coverage, CoverageBucket, Loss, LossReason } from '../journal/store.ts';
import { checkWindow } from '../journal/window.ts';
import { builder, enumOf } from './builder.ts';
import { inRange } from './connection.ts';
import { StatementTypeEnum, WindowInput, WindowRef } from './journal-input.ts';

const LossReasonEnum = enumOf<LossReason>('LossReason', 'Why the journal cannot vouch for something.', {
  COPY_DATA: 'COPY FROM STDIN: the statement is there, its data is not in a server log.',
  FASTPATH: 'Fastpath function call, which has no SQL text.',
  PARAMETERS_NOT_LOGGED: 'The statement has parameters that the server did not log.',
  TRUNCATED: 'Text or parameters were cut.',
  UNPARSABLE_LINE: 'A record that is not one; import went on behind it.',
  STATEMENT_TEXT_MISSING: 'An error or a duration whose statement the log does not show.',
  SESSION_UNKNOWN: 'A record that no session can be found for.',
  OUTCOME_UNKNOWN: 'The log ends before the statement does.',
  SESSION_JOINED_LATE: 'The log begins within a session: earlier settings and prepared statements are missing.',
  CLOCK_WENT_BACK:
    "The server's clock, or the times that `logStatement` was given within a transaction, stepped back by more than a second.",
  EFFECT_UNCERTAIN:
    'A statement left something else than its outcome says: undone with its pipeline, or committed in part ahead of its failure.',
  REFUSED_TRANSACTION_TOO_LARGE: 'Over the limit of entries or bytes per transaction.',
  EVICTED_BY_AGE: 'Retention removed entries that were older than it keeps.',
  EVICTED_BY_SIZE: 'Retention removed the oldest entries to stay within its size.',
});

const LossRef = builder.objectRef<Loss>('Loss').implement({
  description: 'Something that the journal cannot vouch for.',
  fields: (t) => ({
    reason: t.expose('reason', { type: LossReasonEnum, description: 'What happened.' }),
    count: t.expose('count', { type: 'SafeInt', description: 'Statements or records lost.' }),
    from: t.expose('from', { type: 'Timestamp', nullable: true, description: 'Begin of its span; null when unknown.' }),
    to: t.expose('to', { type: 'Timestamp', nullable: true, description: 'End of its span; null when unknown.' }),
    source: t.exposeString('source', {
      nullable: true,
      description: '`file:line` of the first, or another place to look at.',
    }),
    detail: t.exposeString('detail', { nullable: true, description: 'One sentence with what was seen.' }),
  }),
});

const BucketRef = builder.objectRef<CoverageBucket>('CoverageBucket').implement({
  description: 'A part of the window.',
  fields: (t) => ({
    from: t.expose('from', { type: 'Timestamp', description: 'First microsecond.' }),
    to: t.expose('to', { type: 'Timestamp', description: 'Last microsecond.' }),
    entries: t.expose('entries', { type: 'SafeInt', description: 'Entries in it.' }),
    failures: t.expose('failures', { type: 'SafeInt', description: 'Entries that failed on the source.' }),
  }),
});

export const StatementTypeCountRef = builder
  .objectRef<{ readonly statementType: StatementType; readonly entries: number }>('StatementTypeCount')
  .implement({
    description: 'Entries of one statement type.',
    fields: (t) => ({
      statementType: t.expose('statementType', { type: StatementTypeEnum, description: 'The type.' }),
      entries: t.expose('entries', { type: 'SafeInt', description: 'Entries of it.' }),
    }),
  });

/** Counts by type as a list, most first, without those that are 0: the database counts in no order. */
export function statementTypeCounts(byType: Readonly<Record<string, number>>) {
  return Object.entries(byType)
    .filter(([, entries]) => entries > 0)
    .sort(([oneType, one], [otherType, other]) => other - one || (oneType < otherType ? -1 : 1))
    .map(([statementType, entries]) => ({ statementType: statementType as StatementType, entries }));
}

export const TransactionCountsRef = builder.objectRef<Coverage['transactions']>('TransactionCounts').implement({
  description: 'Transactions with at least one entry in the window, by what became of them.',
  fields: (t) => ({
    committed: t.expose('committed', { type: 'SafeInt', description: 'Committed ones.' }),
    rolledBack: t.expose('rolledBack', { type: 'SafeInt', description: 'Rolled back ones.' }),
    open: t.expose('open', { type: 'SafeInt', description: 'Those whose end the journal does not know.' }),
  }),
});

export const JournalCoverage = builder.objectRef<Coverage>('JournalCoverage').implement({
  description:
    'What the journal can and cannot vouch for in a window. An evicted or badly captured hour never looks quiet.',
  fields: (t) => ({
    window: t.field({
      type: WindowRef,
      description: 'The window that was asked for.',
      resolve: ({ window }) => window,
    }),
    entries: t.expose('entries', { type: 'SafeInt', description: 'Entries in it.' }),
    failures: t.expose('failures', { type: 'SafeInt', description: 'Entries that failed on the source.' }),
    unknownOutcomes: t.expose('unknownOutcomes', {
      type: 'SafeInt',
      description: 'Entries whose outcome was not recorded.',
    }),
    transactions: t.field({
      type: TransactionCountsRef,
      description: 'Transactions, by what became of them.',
      resolve: ({ transactions }) => transactions,
    }),
    sessions: t.expose('sessions', { type: 'SafeInt', description: 'Recorded sessions.' }),
    databases: t.stringList({ description: 'Recorded databases.', resolve: ({ databases }) => [...databases] }),
    first: t.expose('first', {
      type: 'Timestamp',
      nullable: true,
      description: 'Of the first entry; null in an empty window.',
    }),
    last: t.expose('last', {
      type: 'Timestamp',
      nullable: true,
      description: 'Of the last entry; null in an empty window.',
    }),
    byType: t.field({
      type: [StatementTypeCountRef],
      description: 'Entries by statement type, most first; types without entries are left out.',
      resolve: ({ byType }) => statementTypeCounts(byType),
    }),
    buckets: t.field({
      type: [BucketRef],
      description: 'The window in equal parts, in order.',
      resolve: ({ buckets }) => [...buckets],
    }),
    losses: t.field({
      type: [LossRef],
      description: 'Every loss that touches the window.',
      resolve: ({ losses }) => [...losses],
    }),
  }),
});

builder.queryField('journalCoverage', (t) =>
  t.field({
    type: JournalCoverage,
    description: 'What the journal holds of a window, and what it knows to be missing.',
    args: {
      window: t.arg({ type: WindowInput, required: true, description: 'Which span of recorded time.' }),
      buckets: t.arg.int({ required: true, defaultValue: 60, description: 'Parts to count apart, 1 to 1,000.' }),
    },
    resolve: (_root, { window, buckets }, { journal }) =>
      journal.coverage(checkWindow(window), inRange('buckets', buckets, 1, 1000)),
  }),
);
