import type { Preflight } from '../replay/preflight.ts';
import type { PreflightProblem } from '../replay/preflight-problems.ts';
import { builder, enumOf } from './builder.ts';
import { asData, resultOf } from './errors.ts';
import {
  JournalCoverage,
  StatementTypeCountRef,
  statementTypeCounts,
  TransactionCountsRef,
} from './journal-coverage.ts';
import { SkipReasonEnum } from './replay-events.ts';
import { ReplayInputType, replayInputOf } from './replay-input.ts';

const SeverityEnum = enumOf<PreflightProblem['severity']>('PreflightSeverity', 'How bad a problem is.', {
  ERROR: 'The run, or statements of it, would fail or be refused.',
  WARNING: 'The run would go, with less than was recorded or than was asked for.',
});

const ProblemRef = builder.objectRef<PreflightProblem>('PreflightProblem').implement({
  description: 'Something that the run would meet.',
  fields: (t) => ({
    severity: t.expose('severity', { type: SeverityEnum, description: 'How bad it is.' }),
    code: t.exposeString('code', { description: 'What it is: an error code, a loss reason, or a word of its own.' }),
    message: t.exposeString('message', { description: 'For people.' }),
  }),
});

const SkippedRef = builder.objectRef<Preflight['skipped'][number]>('SkippedStatements').implement({
  description: 'Statements that would not be sent.',
  fields: (t) => ({
    reason: t.expose('reason', { type: SkipReasonEnum, description: 'Why.' }),
    count: t.expose('count', { type: 'SafeInt', description: 'How many.' }),
  }),
});

const PreflightRef = builder.objectRef<Preflight>('Preflight').implement({
  description: 'What a run would do and meet, found out without running a statement of it.',
  fields: (t) => ({
    target: t.string({
      description: 'The target as resolved, without credentials: `host:port/database`.',
      resolve: ({ targetLabel }) => targetLabel,
    }),
    reachable: t.exposeBoolean('reachable', { description: 'Whether the target let us in.' }),
    serverVersion: t.exposeString('serverVersion', {
      nullable: true,
      description: 'Its `server_version`; null when out of reach.',
    }),
    statements: t.expose('statements', { type: 'SafeInt', description: 'Statements that would be reported on.' }),
    otherSessions: t.expose('otherSessions', {
      type: 'SafeInt',
      nullable: true,
      description: "Other client sessions in the target's database; null when out of reach.",
    }),
    transactions: t.expose('transactions', {
      type: 'SafeInt',
      description: 'Transactions that would be replayed, times `scale`; in COMMIT ordering the committed ones.',
    }),
    transactionsByStatus: t.field({
      type: TransactionCountsRef,
      description: 'Transactions of the entries that pass the filter.',
      resolve: ({ transactionsByStatus }) => transactionsByStatus,
    }),
    sessions: t.expose('sessions', { type: 'SafeInt', description: 'Recorded sessions.' }),
    sessionsAtOnce: t.expose('sessionsAtOnce', {
      type: 'SafeInt',
      description: 'Most sessions that are open at the same moment.',
    }),
    reads: t.expose('reads', {
      type: 'SafeInt',
      description: 'Entries that pass the filter and read, times `scale`; in COMMIT ordering those that a run sends.',
    }),
    writes: t.expose('writes', {
      type: 'SafeInt',
      description: 'Entries that pass the filter and write, times `scale`; in COMMIT ordering those that a run sends.',
    }),
    byType: t.field({
      type: [StatementTypeCountRef],
      description:
        'Entries that pass the filter (in COMMIT ordering those that a run sends), times `scale`, by what they do, most first; types without entries are left out.',
      resolve: ({ byType }) => statementTypeCounts(byType),
    }),
    skipped: t.field({
      type: [SkippedRef],
      description: 'Entries that would not be sent, by why.',
      resolve: ({ skipped }) => [...skipped],
    }),
    statementKinds: t.expose('statementKinds', {
      type: 'SafeInt',
      description: 'Different normalised statements that were found.',
    }),
    kindsChecked: t.expose('kindsChecked', {
      type: 'SafeInt',
      description: 'Statements that the target was asked to parse, to find what it does not have.',
    }),
    estimatedMs: t.exposeFloat('estimatedMs', {
      nullable: true,
      description:
        'Estimated milliseconds: the recorded span at the asked speed (with `maxIdleMs`, at most this), or the recorded durations as fast as possible; null when it cannot be told.',
    }),
    coverage: t.field({
      type: JournalCoverage,
      description: 'What the journal can vouch for in the window.',
      resolve: ({ coverage }) => coverage,
    }),
    problems: t.field({
      type: [ProblemRef],
      description: 'What the run would meet.',
      resolve: ({ problems }) => [...problems],
    }),
  }),
});

const PreflightReplayResult = resultOf('PreflightReplayResult', PreflightRef);

builder.queryField('preflightReplay', (t) =>
  t.field({
    type: PreflightReplayResult,
    description:
      'Finds out what `startReplay` with the same input would do; connects to the target and changes nothing.',
    args: { input: t.arg({ type: ReplayInputType, required: true, description: 'What, where, how.' }) },
    resolve: (_root, { input }, { engine }) => asData(async () => engine.preflight(replayInputOf(input))),
  }),
);
