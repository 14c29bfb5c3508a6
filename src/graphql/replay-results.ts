import { RepriseError } from '../errors.ts';
import { decodeSeqCursor, encodeSeqCursor } from '../journal/cursor.ts';
import { statementFingerprint } from '../journal/normalise.ts';
import { checkLists } from '../journal/window.ts';
import type { OutcomeEvent, SkipReason } from '../replay/event.ts';
import type { OutcomePage } from '../replay/outcomes.ts';
import {
  type DivergenceGroup,
  type FailureGroup,
  type ReplayReport,
  type StatementReport,
  sentCalls,
} from '../replay/store.ts';
import type { ThresholdResult, ThresholdUnit } from '../replay/thresholds.ts';
import { builder, enumOf } from './builder.ts';
import { type Connection, connectionOf, inRange, present } from './connection.ts';
import { orNull } from './errors.ts';
import { DivergenceCountRef, DivergenceEnum, divergenceCounts, PercentilesRef, VerdictEnum } from './replay.ts';
import { OutcomeEventRef, OutcomeStatusEnum, SkipReasonEnum } from './replay-events.ts';

const OutcomeEventConnection = connectionOf(OutcomeEventRef, 'outcomes of a run');

const StatementFilterInput = builder.inputType('OutcomeFilterInput', {
  description: 'Which outcomes to take: every given field must match, in a list (of at most 10,000) any one of it.',
  fields: (t) => ({
    statuses: t.field({ type: [OutcomeStatusEnum], description: 'What became of the statement.' }),
    verdicts: t.field({ type: [VerdictEnum], description: 'What the comparison with the record says.' }),
    divergences: t.field({ type: [DivergenceEnum], description: 'What differs from the record.' }),
    sqlstates: t.stringList({ description: 'SQLSTATEs of failures, five digits or capital letters each.' }),
    cascade: t.boolean({
      description: 'True: only failures that follow from an earlier one of their transaction; false: all but those.',
    }),
    fingerprint: t.string({
      description:
        'Normalised statement, by its `fingerprint` in the report; outcomes whose entry was evicted do not match.',
    }),
    fromSeq: t.field({ type: 'SafeInt', description: 'Numbers of events from this one on.' }),
    toSeq: t.field({ type: 'SafeInt', description: 'Numbers of events up to this one, not below `fromSeq`.' }),
    sessionId: t.string({ description: 'Recorded session.' }),
    transactionId: t.field({ type: 'UUID', description: 'Recorded transaction.' }),
  }),
});

builder.queryField('replayStatements', (t) =>
  t.field({
    type: OutcomeEventConnection,
    nullable: true,
    description:
      'Durable results of a run, one a statement, in the order of its events: the `first` after a place or the `last` ' +
      'before one; null when there is no such run. A page costs a bounded amount of work: where a filter lets little ' +
      'through it may hold less than was asked for, or nothing, and still say that more follows.',
    args: {
      replayId: t.arg({ type: 'UUID', required: true, description: 'UUID of the run.' }),
      filter: t.arg({ type: StatementFilterInput, description: 'Which outcomes; default: all.' }),
      first: t.arg.int({
        description: 'Most outcomes of the page, 1 to 1,000; default 100, unless `last` is given.',
      }),
      after: t.arg({
        type: 'Cursor',
        description: 'Only outcomes later than this one; a cursor of `replayProgress` serves too.',
      }),
      last: t.arg.int({
        description: 'The newest outcomes instead, so many of them, 1 to 1,000; not with `first`.',
      }),
      before: t.arg({
        type: 'Cursor',
        description: 'Only outcomes earlier than this one; with `last`: `startCursor` of the page that follows.',
      }),
    },
    resolve: async (_root, { replayId, filter, first, after, last, before }, { engine }) => {
      if (first != null && last != null) {
        throw new RepriseError('BAD_INPUT', 'give first or last, not both', { path: ['last'] });
      }
      const newest = last != null;
      const limit = newest ? inRange('last', last, 1, 1000) : inRange('first', first ?? 100, 1, 1000);
      const afterSeq = after == null ? 0 : decodeSeqCursor(after, ['after']);
      const beforeSeq = before == null ? null : decodeSeqCursor(before, ['before']);
      const wanted = filter == null ? {} : present(filter);
      const page = await orNull(engine.statements(replayId, wanted, { afterSeq, beforeSeq, limit, newest }));
      return page && outcomeConnection(page, newest, { after, before });
    },
  }),
);

/** A page of outcomes: its cursors lead on from where the reading stopped, which may lie beyond its outcomes. */
function outcomeConnection(
  { events, hasMore, stoppedAt }: OutcomePage,
  newest: boolean,
  { after, before }: { readonly after?: string | null | undefined; readonly before?: string | null | undefined },
): Connection<OutcomeEvent> {
  const edges = events.map((event) => ({ cursor: encodeSeqCursor(event.seq), node: event }));
  const stopped = stoppedAt === null ? null : encodeSeqCursor(stoppedAt);
  return {
    edges,
    pageInfo: {
      hasNextPage: newest ? before != null : hasMore,
      hasPreviousPage: newest ? hasMore : after != null,
      startCursor: (newest ? stopped : null) ?? edges[0]?.cursor ?? null,
      endCursor: (newest ? null : stopped) ?? edges.at(-1)?.cursor ?? null,
    },
  };
}

const FailureGroupRef = builder.objectRef<FailureGroup>('FailureGroup').implement({
  description: 'Failures of a run that are alike: one SQLSTATE, one normalised statement.',
  fields: (t) => ({
    sqlstate: t.exposeString('sqlstate', { description: 'Their SQLSTATE.' }),
    fingerprint: t.string({
      description: 'Identifies the normalised statement over runs.',
      // Reports of before this field hold none.
      resolve: ({ fingerprint, normalised }) => fingerprint ?? statementFingerprint(normalised),
    }),
    normalised: t.exposeString('normalised', { description: 'Their statement with its constants replaced.' }),
    count: t.expose('count', { type: 'SafeInt', description: 'How many, cascades included.' }),
    cascades: t.expose('cascades', { type: 'SafeInt', description: 'Those that only follow from an earlier failure.' }),
    expected: t.expose('expected', {
      type: 'SafeInt',
      description: 'Those that failed with the same SQLSTATE in the record.',
    }),
    firstSeq: t.expose('firstSeq', { type: 'SafeInt', description: '`seq` of the first.' }),
    lastSeq: t.expose('lastSeq', { type: 'SafeInt', description: '`seq` of the last.' }),
    sampleMessage: t.exposeString('sampleMessage', { description: 'Message of one of them.' }),
  }),
});

const SkipCountRef = builder.objectRef<{ readonly reason: SkipReason; readonly count: number }>('SkipCount').implement({
  description: 'Calls that were not sent, for one reason.',
  fields: (t) => ({
    reason: t.expose('reason', { type: SkipReasonEnum, description: 'Why.' }),
    count: t.expose('count', { type: 'SafeInt', description: 'How many.' }),
  }),
});

export const StatementReportRef = builder.objectRef<StatementReport>('StatementReport').implement({
  description: 'What a run did with one normalised statement.',
  fields: (t) => ({
    fingerprint: t.exposeString('fingerprint', { description: 'Identifies the normalised statement over runs.' }),
    normalised: t.exposeString('normalised', { description: 'The statement with its constants replaced.' }),
    calls: t.expose('calls', { type: 'SafeInt', description: 'Times it was reported on.' }),
    sent: t.field({
      type: 'SafeInt',
      description: 'Calls that succeeded or failed. Of runs of earlier releases: all.',
      resolve: sentCalls,
    }),
    skips: t.field({
      type: [SkipCountRef],
      description: 'Calls that were not sent, by reason. Of runs of earlier releases: none.',
      resolve: ({ skips = {} }) =>
        Object.entries(skips).map(([reason, count]) => ({ reason: reason as SkipReason, count })),
    }),
    failures: t.expose('failures', { type: 'SafeInt', description: 'Times it failed on the target by itself.' }),
    cascades: t.expose('cascades', {
      type: 'SafeInt',
      description: 'Times it failed only because an earlier statement had.',
    }),
    unverifiableFailures: t.field({
      type: 'SafeInt',
      description:
        'Of its failures, those of which the record does not tell the outcome. Of runs of earlier releases: 0.',
      resolve: ({ unverifiableFailures = 0 }) => unverifiableFailures,
    }),
    recordedFailures: t.expose('recordedFailures', { type: 'SafeInt', description: 'Times it failed in the record.' }),
    rows: t.expose('rows', { type: 'SafeInt', description: 'Rows returned or affected in all.' }),
    recorded: t.field({
      type: PercentilesRef,
      description: 'Recorded durations.',
      resolve: ({ recorded }) => recorded,
    }),
    replayed: t.field({
      type: PercentilesRef,
      description: 'Durations on the target.',
      resolve: ({ replayed }) => replayed,
    }),
    regressed: t.exposeBoolean('regressed', {
      description:
        'True when it got worse: calls diverged by more than their time, or failed where the record does not tell their outcome, or its 95th percentile (below 20 calls: its median) is SLOWER.',
    }),
    verdict: t.expose('verdict', { type: VerdictEnum, description: 'DIVERGED when any call did.' }),
    divergences: t.field({
      type: [DivergenceCountRef],
      description: 'Calls that diverged, by the way in which they did.',
      resolve: ({ divergences }) => divergenceCounts(divergences),
    }),
  }),
});

const DivergenceGroupRef = builder.objectRef<DivergenceGroup>('DivergenceGroup').implement({
  description: 'Calls of one normalised statement that diverged in one way; a call may count in several groups.',
  fields: (t) => ({
    divergence: t.expose('divergence', { type: DivergenceEnum, description: 'In which way.' }),
    fingerprint: t.exposeString('fingerprint', { description: 'Identifies the normalised statement over runs.' }),
    normalised: t.exposeString('normalised', { description: 'The statement with its constants replaced.' }),
    count: t.expose('count', { type: 'SafeInt', description: 'How many calls.' }),
    firstSeq: t.expose('firstSeq', { type: 'SafeInt', description: '`seq` of the first.' }),
    lastSeq: t.expose('lastSeq', { type: 'SafeInt', description: '`seq` of the last.' }),
    sample: t.exposeString('sample', { description: 'Of the first: what was recorded and what happened.' }),
    firstCursor: t.field({
      type: 'Cursor',
      description: 'Place before the first: with it as `after`, `replayStatements` begins at the first.',
      resolve: ({ firstSeq }) => encodeSeqCursor(firstSeq - 1),
    }),
  }),
});

const ThresholdUnitEnum = enumOf<ThresholdUnit>('ThresholdUnit', 'What the number of a threshold counts in.', {
  STATEMENTS: 'Statements.',
  PERCENT: 'Percent of all statements reported on.',
  MS: 'Milliseconds.',
  PER_SECOND: 'Statements a second.',
});

const ThresholdResultRef = builder.objectRef<ThresholdResult>('ThresholdResult').implement({
  description: 'What became of a condition on the run.',
  fields: (t) => ({
    threshold: t.exposeString('threshold', { description: 'The condition, as it was asked for.' }),
    passed: t.exposeBoolean('passed', { description: 'Whether it holds; false also where nothing was measured.' }),
    actual: t.exposeFloat('actual', {
      nullable: true,
      description: 'What was measured, in `unit`; null when nothing was.',
    }),
    unit: t.expose('unit', { type: ThresholdUnitEnum, description: 'What `actual` counts in.' }),
  }),
});

const ReplayReportRef = builder.objectRef<ReplayReport>('ReplayReport').implement({
  description: 'What is kept of a run beyond its events; of a run under way, what they say so far.',
  fields: (t) => ({
    statements: t.field({
      type: [StatementReportRef],
      description: 'Normalised statements.',
      resolve: ({ statements }) => [...statements],
    }),
    failures: t.field({
      type: [FailureGroupRef],
      description: 'Failures by kind.',
      resolve: ({ failures }) => [...failures],
    }),
    divergences: t.field({
      type: [DivergenceGroupRef],
      description: 'Divergences by kind and statement.',
      resolve: ({ divergences }) => [...divergences],
    }),
    thresholds: t.field({
      type: [ThresholdResultRef],
      description: "What became of the request's conditions, then of those that were asked for here.",
      resolve: ({ thresholds }) => [...thresholds],
    }),
    remarks: t.stringList({
      description: 'Sentences about what could not be settled: ids, unknown outcomes, cut transactions.',
      resolve: ({ remarks }) => [...remarks],
    }),
    lostStatements: t.field({
      type: 'SafeInt',
      description:
        'Statements that were not replayed since their transaction was lost, with a connection or by a stop of the run.',
      resolve: ({ lostStatements }) => lostStatements ?? 0,
    }),
  }),
});

builder.queryField('replayFailures', (t) =>
  t.field({
    type: [FailureGroupRef],
    nullable: true,
    description: 'Failures of a run, grouped by SQLSTATE and normalised statement; null when there is no such run.',
    args: { replayId: t.arg({ type: 'UUID', required: true, description: 'UUID of the run.' }) },
    resolve: async (_root, { replayId }, { engine }) => {
      const report = await orNull(engine.report(replayId));
      return report && [...report.failures];
    },
  }),
);

builder.queryField('replayReport', (t) =>
  t.field({
    type: ReplayReportRef,
    nullable: true,
    description: 'The report of a run; null when there is no such run.',
    args: {
      replayId: t.arg({ type: 'UUID', required: true, description: 'UUID of the run.' }),
      thresholds: t.arg.stringList({
        description: "Conditions to evaluate, at most 100, in addition to the request's.",
      }),
    },
    resolve: (_root, { replayId, thresholds }, { engine }) => orNull(engine.report(replayId, thresholds ?? [])),
  }),
);

builder.queryField('replayDivergences', (t) =>
  t.field({
    type: [DivergenceGroupRef],
    nullable: true,
    description:
      'Divergences of a run, grouped by their way and normalised statement, most first; null when there is no such run.',
    args: {
      replayId: t.arg({ type: 'UUID', required: true, description: 'UUID of the run.' }),
      divergences: t.arg({ type: [DivergenceEnum], description: 'Only these ways, at most 10,000; default: all.' }),
      fingerprint: t.arg.string({ description: 'Only this normalised statement.' }),
    },
    resolve: async (_root, { replayId, divergences, fingerprint }, { engine }) => {
      checkLists({ divergences }, []);
      const ways = divergences == null ? null : new Set(divergences);
      const report = await orNull(engine.report(replayId));
      if (report === null) return null;
      return report.divergences.filter(
        (group) =>
          (ways === null || ways.has(group.divergence)) && (fingerprint == null || group.fingerprint === fingerprint),
      );
    },
  }),
);
