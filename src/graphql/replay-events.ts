import { decodeSeqCursor, encodeSeqCursor } from '../journal/cursor.ts';
import type {
  NoticeCode,
  NoticeEvent,
  OutcomeEvent,
  OutcomeStatus,
  ReplayEvent,
  SkipReason,
  StateEvent,
} from '../replay/event.ts';
import { builder, enumOf } from './builder.ts';
import { inRange } from './connection.ts';
import { JournalEntry } from './journal-entry.ts';
import { type EventDetail, openProgress, type ProgressBatch } from './progress-source.ts';
import { DivergenceEnum, LagCauseEnum, ReplaySummaryRef, RunStateEnum, VerdictEnum } from './replay.ts';

export const OutcomeStatusEnum = enumOf<OutcomeStatus>('OutcomeStatus', 'What became of a statement on the target.', {
  SUCCEEDED: 'It was carried out.',
  FAILED: 'The target refused it.',
  SKIPPED: 'It was not sent; `skipReason` says why.',
  UNKNOWN: 'It may or may not have run; it is never repeated by itself.',
});

export const SkipReasonEnum = enumOf<SkipReason>('SkipReason', 'Why a statement was not sent.', {
  COPY_DATA: 'COPY … FROM STDIN, whose data the record does not hold.',
  FASTPATH: 'A fastpath function call.',
  PARAMETERS_NOT_LOGGED: 'The record does not hold its parameters.',
  TRUNCATED: 'Its text or parameters were cut.',
  TRANSACTION_LOST: 'Its transaction was lost with its connection, or an earlier statement of it failed (COMMIT).',
  RUN_ENDED: 'The run ended while it waited.',
  FAILED_IN_RECORD: 'It failed in the record, and COMMIT ordering leaves out what the source undid.',
  READ_ONLY: 'The run is read-only, and the statement would make its session writable.',
  ROLLED_BACK_IN_RECORD:
    'It ends a prepared transaction that the record rolled back: COMMIT ordering has left that out.',
});

const NoticeCodeEnum = enumOf<NoticeCode>('NoticeCode', 'What a notice tells.', {
  STALL: 'A session waits for a lock of another one: the walk goes on without it.',
  STALL_ENDED: 'It runs again, and what queued behind it is sent.',
  CONNECTION_LOST: 'A connection to the target was lost.',
  CONNECTION_REOPENED: 'Its session goes on over a new one.',
  TRANSACTION_CUT: 'A transaction was cut at an edge of the window.',
  TRANSACTION_CLOSED:
    'A transaction whose end the record does not hold was rolled back, or its COMMIT failed or was not answered.',
  SESSION_PREPARED: 'Settings and prepared statements from before the window were made again, or cannot be.',
  SPEED_CHANGED: 'The speed of the run was changed.',
  IDS_UNSETTLED: 'Which ids statements drew could not be settled from the record.',
  TARGET_NOTICE: 'The target sent a notice or warning.',
  PREPARED_LEFT: 'Transactions that the run has prepared (two-phase commit) stand on the target.',
  PLANNING: 'Reading the plan from the journal takes a while; nothing is sent before.',
  DATABASE_LEFT_OUT: 'Statements of a recorded database are not replayed, since others are mapped and it is not.',
  CONNECTIONS_LIMITED:
    'The target has refused a connection because it, the login or the database has as many as it lets have: sessions take turns.',
  NOTHING_REPLAYED:
    'The run has come to its end without sending a statement, or none but transaction control and session state.',
});

const ReplayEventRef = builder.interfaceRef<ReplayEvent>('ReplayEvent').implement({
  description: "One message of a run's durable log.",
  fields: (t) => ({
    seq: t.expose('seq', { type: 'SafeInt', description: 'Its number in the run, gapless from 1.' }),
    at: t.expose('at', { type: 'Timestamp', description: "When it was reported, by the service's clock." }),
  }),
  resolveType: (event) => TYPE_OF_KIND[event.kind],
});

const TYPE_OF_KIND = { OUTCOME: 'OutcomeEvent', STATE: 'StateEvent', NOTICE: 'NoticeEvent' } as const;

export const OutcomeEventRef = builder.objectRef<OutcomeEvent>('OutcomeEvent').implement({
  description: 'The outcome of one statement: exactly one event for each planned statement.',
  interfaces: [ReplayEventRef],
  fields: (t) => ({
    ordinal: t.expose('ordinal', { type: 'SafeInt', description: "Its place in the run's plan, from 1." }),
    transactionId: t.expose('transactionId', { type: 'UUID', description: 'The recorded transaction.' }),
    sequence: t.field({
      type: 'SafeInt',
      description: 'Its place in the transaction.',
      resolve: ({ key }) => key.sequence,
    }),
    timestamp: t.field({ type: 'Timestamp', description: 'Its recorded time.', resolve: ({ key }) => key.timestamp }),
    sessionId: t.exposeString('sessionId', { description: 'The recorded session.' }),
    copy: t.exposeInt('copy', { description: 'Which copy of the session ran it: 0, or up to `scale` − 1.' }),
    entry: t.field({
      type: JournalEntry,
      nullable: true,
      description: 'The recorded statement; null when it was evicted meanwhile.',
      resolve: ({ transactionId, key }, _args, { loaders }) =>
        loaders.entry.load({ transactionId, sequence: key.sequence }),
    }),
    status: t.expose('status', { type: OutcomeStatusEnum, description: 'What became of it.' }),
    cascade: t.exposeBoolean('cascade', {
      description: 'True for a failure that only follows from an earlier one of its transaction.',
    }),
    skipReason: t.expose('skipReason', {
      type: SkipReasonEnum,
      nullable: true,
      description: 'Why it was SKIPPED; else null.',
    }),
    sqlstate: t.exposeString('sqlstate', { nullable: true, description: 'SQLSTATE of a failure; else null.' }),
    message: t.exposeString('message', { nullable: true, description: 'Message of a failure; else null.' }),
    errorPosition: t.exposeInt('errorPosition', {
      nullable: true,
      description: 'Character of the statement at which the target saw the error, from 1.',
    }),
    rows: t.expose('rows', {
      type: 'SafeInt',
      nullable: true,
      description: 'Rows returned or affected; null when there are none to count.',
    }),
    digest: t.exposeString('digest', { nullable: true, description: 'Digest of the result rows, when asked for.' }),
    durationMs: t.exposeFloat('durationMs', {
      nullable: true,
      description: 'Milliseconds on the target; null when not sent.',
    }),
    durationApproximate: t.exposeBoolean('durationApproximate', {
      description: 'True when several statements were under way: the duration is a share of a batch.',
    }),
    lagMs: t.exposeFloat('lagMs', {
      nullable: true,
      description: 'Milliseconds that it was sent late; null when not sent.',
    }),
    lagCause: t.expose('lagCause', { type: LagCauseEnum, description: 'Why it was late.' }),
    verdict: t.expose('verdict', { type: VerdictEnum, description: 'What the comparison with the record says.' }),
    divergences: t.field({
      type: [DivergenceEnum],
      description: 'What differs; empty unless DIVERGED.',
      resolve: ({ divergences }) => [...divergences],
    }),
  }),
});

builder.objectRef<StateEvent>('StateEvent').implement({
  description: 'The run changed its state. The last event of a run that ended is one of these.',
  interfaces: [ReplayEventRef],
  fields: (t) => ({
    state: t.expose('state', { type: RunStateEnum, description: 'The new state.' }),
    reason: t.exposeString('reason', { nullable: true, description: "Why: an error's message, or who asked." }),
  }),
});

builder.objectRef<NoticeEvent>('NoticeEvent').implement({
  description: "Something to know that is no statement's outcome.",
  interfaces: [ReplayEventRef],
  fields: (t) => ({
    code: t.expose('code', { type: NoticeCodeEnum, description: 'What it tells.' }),
    sessionId: t.exposeString('sessionId', { nullable: true, description: 'The recorded session that it concerns.' }),
    message: t.exposeString('message', { description: 'For people.' }),
  }),
});

const DetailEnum = enumOf<EventDetail>('EventDetail', 'Which events a stream of a run carries.', {
  STATEMENTS: 'All.',
  FAILURES: 'States, notices, and outcomes that failed, are unknown or diverged; the cursor moves over the rest too.',
  SUMMARY: 'States and notices, with a fresh summary twice a second.',
});

const ReplayProgressRef = builder.objectRef<ProgressBatch>('ReplayProgress').implement({
  description: 'One payload of a run’s stream.',
  fields: (t) => ({
    cursor: t.field({
      type: 'Cursor',
      description: 'Behind everything that this payload has passed: give it as `after` to go on from here.',
      resolve: ({ lastSeq }) => encodeSeqCursor(lastSeq),
    }),
    events: t.field({
      type: [ReplayEventRef],
      description: 'Events in order; none twice, none left out that `detail` asks for.',
      resolve: ({ events }) => [...events],
    }),
    state: t.field({
      type: RunStateEnum,
      description: 'Where the run is now, which may be ahead of the events.',
      resolve: async (batch) => (await batch.snapshot()).state,
    }),
    summary: t.field({
      type: ReplaySummaryRef,
      description: 'Counts and figures now, which may be ahead of the events.',
      resolve: async (batch) => (await batch.snapshot()).summary,
    }),
  }),
});

builder.subscriptionField('replayProgress', (t) =>
  t.field({
    type: ReplayProgressRef,
    description:
      'The durable log of a run, from its beginning or after a cursor: every event once, in order, at the speed of ' +
      'the client. Completes by itself when the run has ended and everything was delivered.',
    args: {
      replayId: t.arg({ type: 'UUID', required: true, description: 'UUID of the run.' }),
      after: t.arg({ type: 'Cursor', description: 'A cursor of an earlier payload; default: from the start.' }),
      batchSize: t.arg.int({ required: true, defaultValue: 1, description: 'Most events of a payload, 1 to 1,000.' }),
      maxWaitMs: t.arg.int({
        required: true,
        defaultValue: 0,
        description: 'How long a payload may wait to fill after its first event, 0 to 10,000.',
      }),
      detail: t.arg({
        type: DetailEnum,
        required: true,
        defaultValue: 'STATEMENTS',
        description: 'Which events to carry.',
      }),
    },
    subscribe: async (_root, { replayId, after, batchSize, maxWaitMs, detail }, { engine, signal }) => {
      inRange('batchSize', batchSize, 1, 1000);
      inRange('maxWaitMs', maxWaitMs, 0, 10_000);
      const seq = after == null ? 0 : decodeSeqCursor(after, ['after']);
      return openProgress(engine, { replayId, after: seq, batchSize, maxWaitMs, detail }, signal);
    },
    resolve: (batch) => batch,
  }),
);
