import {
  COMPARED_RUNS_SLOWER,
  type RunComparison,
  type RunVerdict,
  type StatementComparison,
} from '../replay/compare-runs.ts';
import { builder, enumOf } from './builder.ts';
import { asData, resultOf } from './errors.ts';
import { PercentilesRef, ReplayRef } from './replay.ts';
import { SlowerInput, slowerOf } from './replay-input.ts';
import { StatementReportRef } from './replay-results.ts';

const RunVerdictEnum = enumOf<RunVerdict>('RunVerdict', 'How a statement of run B did against run A.', {
  ONLY_IN_A: 'No call of it succeeded or failed in run B.',
  ONLY_IN_B: 'No call of it succeeded or failed in run A.',
  NEW_FAILURES: 'A larger share of its calls failed, of those that succeeded or failed.',
  FIXED: 'A smaller share of them failed.',
  DIFFERENT_RESULTS:
    'As many calls had other numbers of rows all in all, or another share of them differs from the record by number of rows or, where both runs digested, checksum.',
  SLOWER: 'Its 95th percentile (below 20 calls: its median) grew by more than was put up with.',
  FASTER: 'It shrank by as much.',
  SAME: 'None of these.',
});

const StatementComparisonRef = builder.objectRef<StatementComparison>('StatementComparison').implement({
  description: 'One normalised statement in two runs.',
  fields: (t) => ({
    fingerprint: t.exposeString('fingerprint', { description: 'Identifies the normalised statement over runs.' }),
    normalised: t.exposeString('normalised', { description: 'The statement with its constants replaced.' }),
    a: t.field({
      type: StatementReportRef,
      nullable: true,
      description: 'Its line in the report of run A; null when there is none.',
      resolve: ({ a }) => a,
    }),
    b: t.field({
      type: StatementReportRef,
      nullable: true,
      description: 'Its line in the report of run B; null when there is none.',
      resolve: ({ b }) => b,
    }),
    deltaMs: t.field({
      type: PercentilesRef,
      description: 'Durations on the target, B less A; null where one is not known.',
      resolve: ({ deltaMs }) => deltaMs,
    }),
    verdict: t.expose('verdict', { type: RunVerdictEnum, description: 'The first verdict that holds.' }),
  }),
});

const VerdictCountRef = builder
  .objectRef<{ readonly verdict: RunVerdict; readonly statements: number }>('RunVerdictCount')
  .implement({
    description: 'Statements of one verdict.',
    fields: (t) => ({
      verdict: t.expose('verdict', { type: RunVerdictEnum, description: 'The verdict.' }),
      statements: t.expose('statements', { type: 'SafeInt', description: 'Normalised statements.' }),
    }),
  });

const ReplayComparisonRef = builder.objectRef<RunComparison>('ReplayComparison').implement({
  description: 'Two runs side by side, as before (A) and after (B) an upgrade.',
  fields: (t) => ({
    a: t.field({ type: ReplayRef, description: 'Run A, with its counts and figures.', resolve: ({ a }) => a }),
    b: t.field({ type: ReplayRef, description: 'Run B.', resolve: ({ b }) => b }),
    statements: t.field({
      type: [StatementComparisonRef],
      description: 'Normalised statements of either, worst first.',
      resolve: ({ statements }) => [...statements],
    }),
    totals: t.field({
      type: [VerdictCountRef],
      description: 'Statements by verdict, all verdicts.',
      resolve: ({ totals }) =>
        Object.entries(totals).map(([verdict, statements]) => ({ verdict: verdict as RunVerdict, statements })),
    }),
    remarks: t.stringList({
      description: 'What makes the two less than comparable: other windows, settings, ends.',
      resolve: ({ remarks }) => [...remarks],
    }),
  }),
});

const CompareReplaysResult = resultOf('CompareReplaysResult', ReplayComparisonRef);

builder.queryField('compareReplays', (t) =>
  t.field({
    type: CompareReplaysResult,
    description: 'Compares two runs that have ended, statement by statement.',
    args: {
      a: t.arg({ type: 'UUID', required: true, description: 'UUID of the run before.' }),
      b: t.arg({ type: 'UUID', required: true, description: 'UUID of the run after.' }),
      slower: t.arg({
        type: SlowerInput,
        description: 'What counts as slower or faster, by the 95th percentile; default: 1.25 times and 1 ms.',
      }),
    },
    resolve: (_root, { a, b, slower }, { engine }) =>
      asData(() => engine.compare(a, b, slowerOf(slower, COMPARED_RUNS_SLOWER))),
  }),
);
