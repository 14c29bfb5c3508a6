import { decodeCallCursor, encodeCallCursor } from '../journal/cursor.ts';
import { type CallComparison, type CallDifference, type ComparedCall, callOf } from '../replay/compare-calls.ts';
import { COMPARED_RUNS_SLOWER } from '../replay/compare-runs.ts';
import type { Call } from '../replay/recorded-outcomes.ts';
import { builder, enumOf } from './builder.ts';
import { connection, connectionOf, inRange, present } from './connection.ts';
import { asData, resultOf } from './errors.ts';
import { JournalEntry } from './journal-entry.ts';
import { ReplayRef } from './replay.ts';
import { OutcomeEventRef } from './replay-events.ts';
import { SlowerInput, slowerOf } from './replay-input.ts';

const CallDifferenceEnum = enumOf<CallDifference>(
  'CallDifference',
  'How a call of run B did against the same call of run A.',
  {
    ONLY_IN_A: 'Run B did not send it: it has no outcome of it, or skipped it.',
    ONLY_IN_B: 'Run A did not send it.',
    UNKNOWN: 'It may or may not have run in one of them, so that nothing more can be said.',
    NEW_FAILURE: 'It failed in B and had not in A.',
    FIXED: 'It failed in A and did not in B.',
    DIFFERENT_FAILURE: 'It failed in both, with another SQLSTATE.',
    ROW_COUNT: 'It succeeded in both with another number of rows.',
    CHECKSUM: 'It succeeded in both with another digest of its rows.',
    SLOWER: 'It took more time in B by more than is put up with.',
    FASTER: 'It took less by as much.',
  },
);

const ComparedCallRef = builder.objectRef<ComparedCall>('ComparedCall').implement({
  description: 'One call in two runs: a recorded statement, or one copy of it, and what became of it in each.',
  fields: (t) => ({
    transactionId: t.field({
      type: 'UUID',
      description: 'The recorded transaction.',
      resolve: (call) => callOf(call).transactionId,
    }),
    sequence: t.field({
      type: 'SafeInt',
      description: 'Its place in the transaction.',
      resolve: (call) => callOf(call).key.sequence,
    }),
    timestamp: t.field({
      type: 'Timestamp',
      description: 'Its recorded time.',
      resolve: (call) => callOf(call).key.timestamp,
    }),
    sessionId: t.string({ description: 'The recorded session.', resolve: (call) => callOf(call).sessionId }),
    copy: t.int({
      description: 'Which copy of the session made it: 0, or up to `scale` − 1.',
      resolve: (call) => callOf(call).copy,
    }),
    entry: t.field({
      type: JournalEntry,
      nullable: true,
      description: 'The recorded statement with its parameters; null when it was evicted meanwhile.',
      resolve: (call, _args, { loaders }) => {
        const { transactionId, key } = callOf(call);
        return loaders.entry.load({ transactionId, sequence: key.sequence });
      },
    }),
    differences: t.field({
      type: [CallDifferenceEnum],
      description: 'In what they differ; never empty.',
      resolve: ({ differences }) => [...differences],
    }),
    a: t.field({
      type: OutcomeEventRef,
      nullable: true,
      description: 'What became of it in run A; null when A did not report on it.',
      resolve: ({ a }) => a,
    }),
    b: t.field({
      type: OutcomeEventRef,
      nullable: true,
      description: 'What became of it in run B; null when B did not report on it.',
      resolve: ({ b }) => b,
    }),
  }),
});

const ComparedCallConnection = connectionOf(ComparedCallRef, 'calls that differ between two runs');

const ReplayCallComparisonRef = builder
  .objectRef<CallComparison & { readonly cursor: string | null | undefined }>('ReplayCallComparison')
  .implement({
    description: 'The calls that differ between two runs, as before (A) and after (B) an upgrade.',
    fields: (t) => ({
      a: t.field({ type: ReplayRef, description: 'Run A, with its counts and figures.', resolve: ({ a }) => a }),
      b: t.field({ type: ReplayRef, description: 'Run B.', resolve: ({ b }) => b }),
      calls: t.field({
        type: ComparedCallConnection,
        description: 'A page of them, in recorded order.',
        resolve: ({ calls, hasMore, stoppedAt, cursor }) => {
          const page = connection(calls, (call) => cursorOf(callOf(call)), hasMore, cursor);
          // Leads on from where the reading stopped, which may lie beyond the last call found.
          const endCursor = stoppedAt === null ? page.pageInfo.endCursor : cursorOf(stoppedAt);
          return { ...page, pageInfo: { ...page.pageInfo, endCursor } };
        },
      }),
      remarks: t.stringList({
        description: 'What makes the two less than comparable: other windows, settings, ends.',
        resolve: ({ remarks }) => [...remarks],
      }),
    }),
  });

function cursorOf({ key, copy }: Call): string {
  return encodeCallCursor(key, copy);
}

const CallFilterInput = builder.inputType('ComparedCallFilterInput', {
  description:
    'Which differing calls to take: every given field must match, in a list (of at most 10,000) any one of it.',
  fields: (t) => ({
    differences: t.field({ type: [CallDifferenceEnum], description: 'Those that differ in any of these ways.' }),
    fingerprint: t.string({
      description:
        'Normalised statement, by its `fingerprint` in `compareReplays`; calls whose entry was evicted do not match.',
    }),
    cascade: t.boolean({
      description: 'Calls that only follow from an earlier failure, in either run (true), or only others (false).',
    }),
  }),
});

const CompareReplayCallsResult = resultOf('CompareReplayCallsResult', ReplayCallComparisonRef);

builder.queryField('compareReplayCalls', (t) =>
  t.field({
    type: CompareReplayCallsResult,
    description:
      'Compares two runs that have ended call by call, paired by recorded statement. A page costs a bounded amount of ' +
      'work: where little differs it may hold less than was asked for, or nothing, and still say that more follows.',
    args: {
      a: t.arg({ type: 'UUID', required: true, description: 'UUID of the run before.' }),
      b: t.arg({ type: 'UUID', required: true, description: 'UUID of the run after.' }),
      filter: t.arg({ type: CallFilterInput, description: 'Which calls; default: all that differ.' }),
      slower: t.arg({
        type: SlowerInput,
        description: 'What counts as slower or faster, of a single call; default: 1.25 times and 1 ms.',
      }),
      first: t.arg.int({
        required: true,
        defaultValue: 100,
        description: 'Most calls of the page, 1 to 1,000.',
      }),
      after: t.arg({ type: 'Cursor', description: 'Only calls later in the record than this one.' }),
    },
    resolve: (_root, { a, b, filter, slower, first, after }, { engine }) =>
      asData(async () => {
        const limit = inRange('first', first, 1, 1000);
        const place = { after: after == null ? null : decodeCallCursor(after, ['after']), limit };
        const wanted = {
          filter: filter == null ? {} : present(filter),
          slower: slowerOf(slower, COMPARED_RUNS_SLOWER),
        };
        return { ...(await engine.compareCalls([a, b], wanted, place)), cursor: after };
      }),
  }),
);
