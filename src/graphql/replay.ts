import { RepriseError } from '../errors.ts';
import { checkLists } from '../journal/window.ts';
import type { Divergence, LagCause, Verdict } from '../replay/event.ts';
import type { RunState } from '../replay/run-state.ts';
import type { Replay, StoredRequest } from '../replay/store.ts';
import type { Percentiles, ReplaySummary } from '../replay/summary.ts';
import { builder, enumOf } from './builder.ts';
import { connection, connectionOf, inRange } from './connection.ts';
import { EntryFilterRef, WindowRef } from './journal-input.ts';
import { NodeInterface } from './node.ts';
import { EdgesEnum, OrderingEnum, PaceModeEnum } from './replay-input.ts';

export const RunStateEnum = enumOf<RunState>('ReplayState', 'Where a run is in its life.', {
  PENDING: 'Accepted, not begun.',
  CONNECTING: 'Looking for its target, and reading its plan from the journal.',
  RUNNING: 'Sending statements.',
  PAUSED: 'Holding still; can be resumed.',
  COMPLETED: 'Walked its plan to the end. Whether statements failed is in the summary.',
  CANCELLED: 'Ended on request.',
  FAILED: 'Ended by itself before the end of its plan; `error` says why.',
  INTERRUPTED: 'Its service went away; can be resumed.',
});

export const DivergenceEnum = enumOf<Divergence>('Divergence', 'A difference between the record and the target.', {
  NEW_FAILURE: 'It succeeded in the record and failed here.',
  MISSING_FAILURE: 'It failed in the record and succeeded here.',
  DIFFERENT_FAILURE: 'It failed in both, with different SQLSTATEs.',
  ROW_COUNT: 'Another number of rows.',
  CHECKSUM: 'Other result rows.',
  SLOWER: 'It took longer than the request allows.',
});

export const LagCauseEnum = enumOf<LagCause>('LagCause', 'Why a statement was sent late.', {
  NONE: 'It was not late.',
  DISPATCHER: 'The replay itself was late.',
  SESSION_BUSY:
    "The session's previous statement was still running; in COMMIT ordering: as many statements were under way as may be.",
  LOCK: 'A lock on the target was waited for. Not told in COMMIT ordering.',
  TARGET: 'The target was slow.',
});

export const VerdictEnum = enumOf<Verdict>('Verdict', 'What the comparison with the record says.', {
  SAME: 'The outcome agrees and nothing differs.',
  DIVERGED: 'Something differs; see `divergences`.',
  UNVERIFIABLE: 'The journal holds nothing to compare with, or the statement was skipped.',
});

export const PercentilesRef = builder.objectRef<Percentiles>('Percentiles').implement({
  description: 'Milliseconds at percentiles; null while nothing was measured.',
  fields: (t) => ({
    p50: t.exposeFloat('p50', { nullable: true, description: 'Half of the values are at most this.' }),
    p95: t.exposeFloat('p95', { nullable: true, description: '95 % of the values are at most this.' }),
    p99: t.exposeFloat('p99', { nullable: true, description: '99 % of the values are at most this.' }),
  }),
});

const DivergenceCountRef = builder
  .objectRef<{ readonly divergence: Divergence; readonly count: number }>('DivergenceCount')
  .implement({
    description: 'Statements that diverged in one way.',
    fields: (t) => ({
      divergence: t.expose('divergence', { type: DivergenceEnum, description: 'In which way.' }),
      count: t.expose('count', { type: 'SafeInt', description: 'How many.' }),
    }),
  });

/** Divergences that occurred, as a list. */
export function divergenceCounts(counts: Readonly<Record<string, number>>) {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([divergence, count]) => ({ divergence: divergence as Divergence, count }));
}
export { DivergenceCountRef };

const LagShareRef = builder.objectRef<{ readonly cause: LagCause; readonly ms: number }>('LagShare').implement({
  description: 'Lag of one cause.',
  fields: (t) => ({
    cause: t.expose('cause', { type: LagCauseEnum, description: 'The cause.' }),
    ms: t.exposeFloat('ms', { description: 'Milliseconds, summed over all statements.' }),
  }),
});

export const ReplaySummaryRef = builder.objectRef<ReplaySummary>('ReplaySummary').implement({
  description:
    'Counts and figures of a run so far. In a COMPLETED run succeeded + failed + cascades + skipped + unknown = planned.',
  fields: (t) => ({
    planned: t.expose('planned', {
      type: 'SafeInt',
      nullable: true,
      description: 'Statements that the run will report on; null until counted.',
    }),
    succeeded: t.expose('succeeded', { type: 'SafeInt', description: 'Statements that succeeded.' }),
    failed: t.expose('failed', { type: 'SafeInt', description: 'Statements that failed by themselves.' }),
    cascades: t.expose('cascades', {
      type: 'SafeInt',
      description: 'Statements that failed only because an earlier one of their transaction had.',
    }),
    skipped: t.expose('skipped', { type: 'SafeInt', description: 'Statements that were not sent.' }),
    unknown: t.expose('unknown', { type: 'SafeInt', description: 'Statements that may or may not have run.' }),
    same: t.expose('same', { type: 'SafeInt', description: 'Statements that did what the record says.' }),
    diverged: t.expose('diverged', { type: 'SafeInt', description: 'Statements that did not.' }),
    unverifiable: t.expose('unverifiable', { type: 'SafeInt', description: 'Statements with nothing to compare.' }),
    unverifiableFailures: t.field({
      type: 'SafeInt',
      description:
        'Statements that failed by themselves and of which the record does not tell the outcome. Of runs of earlier releases: 0.',
      resolve: ({ unverifiableFailures = 0 }) => unverifiableFailures,
    }),
    divergences: t.field({
      type: [DivergenceCountRef],
      description: 'Diverged statements by the way in which they did; one may count in several.',
      resolve: ({ divergences }) => divergenceCounts(divergences),
    }),
    rows: t.expose('rows', { type: 'SafeInt', description: 'Rows returned or affected in all.' }),
    stalls: t.expose('stalls', {
      type: 'SafeInt',
      description: 'Times the stall breaker took a session out of the walk.',
    }),
    connectionsOpened: t.expose('connectionsOpened', {
      type: 'SafeInt',
      description: 'Connections opened to the target.',
    }),
    firstError: t.exposeString('firstError', {
      nullable: true,
      description: 'First failure: `tx <id> seq <n>: <message>`; null without one.',
    }),
    elapsedMs: t.exposeFloat('elapsedMs', { description: 'Milliseconds that the run has taken.' }),
    rate: t.exposeFloat('rate', {
      description: 'Statements a second: over the last seconds, and over the whole run when it has ended.',
    }),
    etaMs: t.exposeFloat('etaMs', {
      nullable: true,
      description: 'Estimated milliseconds to the end; null when it cannot be told.',
    }),
    position: t.expose('position', {
      type: 'Timestamp',
      nullable: true,
      description: 'Recorded time of the newest statement reported; null before the first.',
    }),
    duration: t.field({ type: PercentilesRef, description: 'Durations on the target.', resolve: (s) => s.duration }),
    recordedDuration: t.field({
      type: PercentilesRef,
      description: 'Recorded durations of the same statements.',
      resolve: (s) => s.recordedDuration,
    }),
    lag: t.field({ type: PercentilesRef, description: 'How late statements were sent.', resolve: (s) => s.lag }),
    lagByCause: t.field({
      type: [LagShareRef],
      description: 'Lag by cause, the causes that occurred.',
      resolve: ({ lagByCause }) =>
        Object.entries(lagByCause)
          .filter(([, ms]) => ms > 0)
          .map(([cause, ms]) => ({ cause: cause as LagCause, ms })),
    }),
    durationsApproximate: t.exposeBoolean('durationsApproximate', {
      description: 'True when several statements were under way on a connection: durations are shares of a batch.',
    }),
  }),
});

const MappingRef = builder.objectRef<{ readonly recorded: string; readonly target: string }>('NameMapping').implement({
  description: 'A recorded name and what stands for it on the target.',
  fields: (t) => ({
    recorded: t.exposeString('recorded', { description: 'Name in the record.' }),
    target: t.exposeString('target', { description: 'Name on the target.' }),
  }),
});

const RequestRef = builder.objectRef<StoredRequest>('ReplayRequest').implement({
  description: 'What was asked for, with the defaults filled in and without any password.',
  fields: (t) => ({
    ordering: t.expose('ordering', { type: OrderingEnum, description: 'How statements are arranged.' }),
    edges: t.expose('edges', { type: EdgesEnum, description: 'What of transactions that straddle the window.' }),
    filter: t.field({ type: EntryFilterRef, description: 'Which entries are taken.', resolve: ({ filter }) => filter }),
    slowerRatio: t.float({
      description: 'Times its recorded duration from which on a statement counts as SLOWER,',
      resolve: ({ slower }) => slower.ratio,
    }),
    slowerMinMs: t.float({
      description: 'with at least this many milliseconds more.',
      resolve: ({ slower }) => slower.minMs,
    }),
    connectTimeoutMs: t.exposeFloat('connectTimeoutMs', { description: 'Bound of each connection attempt.' }),
    paceMode: t.field({
      type: PaceModeEnum,
      description: 'When statements are sent.',
      resolve: ({ pace }) => pace.mode,
    }),
    speed: t.float({
      nullable: true,
      description: 'Times the recorded schedule, as it was set last; null as fast as possible.',
      resolve: ({ pace }) => (pace.mode === 'RECORDED' ? pace.speed : null),
    }),
    maxIdleMs: t.float({
      nullable: true,
      description: 'Longest gap of the schedule; null without a bound.',
      resolve: ({ pace }) => (pace.mode === 'RECORDED' ? pace.maxIdleMs : null),
    }),
    databases: t.field({
      type: [MappingRef],
      nullable: true,
      description: 'Databases by recorded name; null for the one of the window.',
      resolve: ({ databases }) => databases && [...databases],
    }),
    users: t.field({
      type: [MappingRef],
      description: 'Logins by recorded user.',
      resolve: ({ users }) => users.map(({ recorded, user }) => ({ recorded, target: user })),
    }),
    needsCredentials: t.boolean({
      description: 'Whether resuming it needs `credentials.password`: it was started with one.',
      resolve: ({ withheld }) => withheld?.target ?? false,
    }),
    needsCredentialsOf: t.stringList({
      description: 'Recorded users whose logins need a password in `credentials.users` for resuming.',
      resolve: ({ withheld }) => [...(withheld?.users ?? [])],
    }),
    stopAfterFailures: t.expose('stopAfterFailures', {
      type: 'SafeInt',
      nullable: true,
      description: 'Failures that end the run; null: none do.',
    }),
    statementTimeoutMs: t.exposeFloat('statementTimeoutMs', { description: 'Bound of each statement.' }),
    runTimeoutMs: t.exposeFloat('runTimeoutMs', { nullable: true, description: 'Bound of the run; null: none.' }),
    maxConnections: t.exposeInt('maxConnections', { description: 'Most connections at once.' }),
    inFlight: t.exposeInt('inFlight', { description: 'Statements under way on one connection.' }),
    readOnly: t.exposeBoolean('readOnly', { description: 'Whether the target was told to refuse writes.' }),
    digestRows: t.exposeBoolean('digestRows', { description: 'Whether result rows are digested.' }),
    thresholds: t.stringList({
      description: 'Conditions on the ended run.',
      // Runs of earlier versions were stored without.
      resolve: ({ thresholds }) => [...(thresholds ?? [])],
    }),
    restoreIds: t.exposeBoolean('restoreIds', { description: 'Whether sequences draw the recorded values.' }),
    markProgress: t.exposeBoolean('markProgress', { description: 'Whether progress is marked on the target.' }),
    settleCommits: t.boolean({
      description: 'Whether the target is asked ahead of each COMMIT which transaction it ends.',
      // Runs of earlier versions were stored without.
      resolve: ({ settleCommits }) => settleCommits ?? false,
    }),
    syncCommits: t.exposeBoolean('syncCommits', { description: 'Whether statements wait for commits before them.' }),
    scale: t.exposeInt('scale', { description: 'Times every session is run at once.' }),
  }),
});

const RunErrorRef = builder.objectRef<NonNullable<Replay['error']>>('ReplayEndError').implement({
  description: 'Why a run FAILED or was INTERRUPTED.',
  fields: (t) => ({
    code: t.exposeString('code', { description: 'As in `ErrorCode`, where it is one of them.' }),
    message: t.exposeString('message', { description: 'For people.' }),
  }),
});

export const ReplayRef = builder.objectRef<Replay>('Replay');
const ReplayConnection = connectionOf(ReplayRef, 'replays');

ReplayRef.implement({
  description: 'One run: a window, a target, options; with a state and a durable result per statement.',
  interfaces: [NodeInterface],
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'targetLabel' in value && 'ownerId' in value,
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Its UUID.' }),
    window: t.field({
      type: WindowRef,
      description: 'Which span of recorded time.',
      resolve: ({ request }) => request.window,
    }),
    request: t.field({ type: RequestRef, description: 'What was asked for.', resolve: ({ request }) => request }),
    state: t.expose('state', { type: RunStateEnum, description: 'Where it is in its life.' }),
    createdAt: t.expose('createdAt', { type: 'Timestamp', description: 'When it was asked for.' }),
    startedAt: t.expose('startedAt', { type: 'Timestamp', nullable: true, description: 'When it began; null before.' }),
    endedAt: t.expose('endedAt', { type: 'Timestamp', nullable: true, description: 'When it ended; null before.' }),
    target: t.string({
      description: 'The target as resolved, without credentials: `host:port/database`.',
      resolve: ({ targetLabel }) => targetLabel,
    }),
    targetVersion: t.exposeString('targetVersion', {
      nullable: true,
      description: '`server_version` of the target; null before it is connected to.',
    }),
    summary: t.field({
      type: ReplaySummaryRef,
      description: 'Counts and figures so far.',
      resolve: ({ summary }) => summary,
    }),
    error: t.field({
      type: RunErrorRef,
      nullable: true,
      description: 'Why it FAILED or was INTERRUPTED; else null.',
      resolve: ({ error }) => error,
    }),
    inDoubt: t.field({
      type: 'SafeInt',
      description:
        'Of a run that a crash has INTERRUPTED: statements, at most, that may have been sent and have no outcome yet. Resuming ' +
        'it settles them or tells of them as UNKNOWN. 0 for any other run. Costs a look at all of its events.',
      resolve: (replay, _args, { engine }) => engine.inDoubt(replay),
    }),
    lastSeq: t.expose('lastSeq', {
      type: 'SafeInt',
      description: 'Number of its newest durable event; 0 before the first.',
    }),
  }),
});

builder.queryField('replay', (t) =>
  t.field({
    type: ReplayRef,
    nullable: true,
    description: 'A run, with live figures while it is under way; null when there is none with this id.',
    args: { id: t.arg({ type: 'UUID', required: true, description: 'Its UUID.' }) },
    resolve: (_root, { id }, { engine }) => engine.get(id),
  }),
);

builder.queryField('replays', (t) =>
  t.field({
    type: ReplayConnection,
    description: 'Runs, newest first.',
    args: {
      states: t.arg({
        type: [RunStateEnum],
        description: 'Only runs in one of these states, at most 10,000; default: all.',
      }),
      first: t.arg.int({ required: true, defaultValue: 20, description: 'Most runs of the page, 1 to 1,000.' }),
      after: t.arg({ type: 'Cursor', description: 'Only runs older than this one.' }),
    },
    resolve: async (_root, { states, first, after }, { engine }) => {
      inRange('first', first, 1, 1000);
      checkLists({ states }, []);
      const before = after == null ? null : decodeReplayCursor(after);
      const runs = await engine.list(states == null ? {} : { states }, before, first + 1);
      return connection(runs.slice(0, first), encodeReplayCursor, runs.length > first, after);
    },
  }),
);

// By number, not by id: the list goes on behind a run that was deleted.
function encodeReplayCursor({ number }: Replay): string {
  return Buffer.from(`r2:${number}`, 'latin1').toString('base64url');
}

function decodeReplayCursor(cursor: string): number {
  const match = /^r2:(\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'));
  if (match !== null) return Number(match[1]);
  throw new RepriseError(
    'CURSOR_INVALID',
    'after is not a cursor of the replays: pass one back exactly as it was received',
    {
      path: ['after'],
    },
  );
}
