import { RepriseError } from '../errors.ts';
import {
  type Edges,
  type Ordering,
  type Pace,
  RECORD_SLOWER,
  type ReplayInput,
  type ReplayRequest,
} from '../replay/request.ts';
import type { TargetSpec, TlsMode } from '../target/spec.ts';
import { builder, enumOf } from './builder.ts';
import { present } from './connection.ts';
import { EntryFilterInput, filterOfInput, WindowInput } from './journal-input.ts';

export const OrderingEnum = enumOf<Ordering>('Ordering', 'How recorded statements are arranged on the target.', {
  TIMESTAMP: 'One after another in recorded order, each session on a connection of its own.',
  COMMIT: 'Whole committed transactions in commit order: the fastest way to the state that the source had.',
  SESSION: 'The recorded concurrency: sessions side by side, each in its order. For load.',
});

export const EdgesEnum = enumOf<Edges>('Edges', 'What happens to a transaction that straddles an edge of the window.', {
  INCLUDE: 'It is replayed whole. Default of COMMIT.',
  CUT: 'Its entries inside are replayed, in a transaction of their own. Default of TIMESTAMP and SESSION.',
  EXCLUDE: 'Nothing of it is replayed.',
});

export const PaceModeEnum = enumOf<Pace['mode']>('PaceMode', 'When statements are sent.', {
  AS_FAST_AS_POSSIBLE: 'Without waiting.',
  RECORDED: 'On the recorded schedule, times `speed`.',
});

export const TlsModeEnum = enumOf<TlsMode>('TlsMode', 'How TLS is used towards the target, as libpq names it.', {
  DISABLE: 'Never.',
  PREFER: 'Where the server offers it.',
  REQUIRE: 'Always, whatever certificate.',
  VERIFY_FULL: 'Always, with a certificate of a known authority for this host.',
});

export const TargetInput = builder.inputType('TargetInput', {
  description:
    'The target: `alias` for one of the configuration, or `host` and `port`, which policy must allow. ' +
    "An alias's own password goes only to the alias's host, and not with another `user`.",
  fields: (t) => ({
    alias: t.string({ description: 'Name of a configured target; not with `host`, `port` or `tls`.' }),
    host: t.string({ description: 'Host name or address.' }),
    port: t.int({ description: 'Port, 1 to 65535; default 5432.' }),
    user: t.string({ description: 'Login; default: that of the alias, else the service decides.' }),
    password: t.field({ type: 'Secret', description: 'Password of the login. Kept only while the run lasts.' }),
    database: t.string({ description: 'Database to log in to.' }),
    tls: t.field({ type: TlsModeEnum, description: 'How TLS is used; default PREFER.' }),
  }),
});

const PaceInput = builder.inputType('PaceInput', {
  description: 'When statements are sent.',
  fields: (t) => ({
    mode: t.field({ type: PaceModeEnum, required: true, description: 'On the recorded schedule or without waiting.' }),
    speed: t.float({
      required: true,
      defaultValue: 1,
      description:
        'RECORDED: 0.1 to 100; 2 replays an hour in half an hour. Can be changed while the run lasts. With the other mode it is 1.',
    }),
    maxIdleMs: t.float({
      description: 'RECORDED: longer gaps of the record count as this long, 0 to 86400000; default: as they are.',
    }),
  }),
});

const DatabaseMappingInput = builder.inputType('DatabaseMappingInput', {
  description: 'Which database of the target stands for a recorded one.',
  fields: (t) => ({
    recorded: t.string({ required: true, description: 'Name in the record.' }),
    target: t.string({ required: true, description: 'Name on the target.' }),
  }),
});

const UserMappingInput = builder.inputType('UserMappingInput', {
  description: 'Which login of the target stands for a recorded user.',
  fields: (t) => ({
    recorded: t.string({ required: true, description: 'Name in the record.' }),
    user: t.string({ required: true, description: 'Login on the target.' }),
    password: t.field({ type: 'Secret', description: 'Its password. Kept only while the run lasts.' }),
  }),
});

const UserPasswordInput = builder.inputType('UserPasswordInput', {
  description: 'The password of a mapped login.',
  fields: (t) => ({
    recorded: t.string({ required: true, description: 'Recorded user that the login stands for.' }),
    password: t.field({ type: 'Secret', required: true, description: 'Kept only while the run lasts.' }),
  }),
});

/** Passwords for `resumeReplay`. */
export const CredentialsInput = builder.inputType('CredentialsInput', {
  description: 'Passwords that an INTERRUPTED run was started with: they are not stored.',
  fields: (t) => ({
    password: t.field({ type: 'Secret', description: "Of the target's login. Kept only while the run lasts." }),
    users: t.field({ type: [UserPasswordInput], description: 'Of mapped logins.' }),
  }),
});

export const SlowerInput = builder.inputType('SlowerInput', {
  description: 'When a statement counts as SLOWER: both conditions must hold.',
  fields: (t) => ({
    ratio: t.float({
      description: 'It took this many times what it is held against, 1 to 1000000; default: as where it is given.',
    }),
    minMs: t.float({
      description: 'And at least this many milliseconds more, 0 to 86400000; default: as where it is given.',
    }),
  }),
});

export const ReplayInputType = builder.inputType('ReplayInput', {
  description: 'One run: what, where, how. What is left out has the default that is named.',
  fields: (t) => ({
    window: t.field({ type: WindowInput, required: true, description: 'Which span of recorded time.' }),
    target: t.field({ type: TargetInput, required: true, description: 'Where it is executed.' }),
    ordering: t.field({ type: OrderingEnum, description: 'How statements are arranged; default TIMESTAMP.' }),
    pace: t.field({ type: PaceInput, description: 'When they are sent; default as fast as possible.' }),
    edges: t.field({
      type: EdgesEnum,
      description: 'What of transactions that straddle the window; default by ordering.',
    }),
    filter: t.field({
      type: EntryFilterInput,
      description:
        'Which entries; default all. Transaction control is kept unless its session or transaction is left out.',
    }),
    databases: t.field({
      type: [DatabaseMappingInput],
      description: "Databases by name, at most 1,000; default: the window holds one only, which goes to the target's.",
    }),
    users: t.field({
      type: [UserMappingInput],
      description: "Logins by recorded user, at most 1,000; default: the target's user for all.",
    }),
    stopAfterFailures: t.field({
      type: 'SafeInt',
      description: 'End the run after this many failures, 1 or more; default: never.',
    }),
    statementTimeoutMs: t.int({ description: 'Bound of each statement on the target, 1 to 86400000; default 60000.' }),
    connectTimeoutMs: t.int({ description: 'Bound of each connection attempt, 1 to 600000; default 10000.' }),
    runTimeoutMs: t.field({
      type: 'SafeInt',
      description: 'Bound of the whole run, pauses and resumptions included, 1 to 2592000000; default: none.',
    }),
    maxConnections: t.int({ description: 'Most connections to the target at once, 2 to 10000; default 100.' }),
    inFlight: t.int({
      description:
        'Statements under way on one connection, 1 to 1024; default 1024 (COMMIT) or 256 (SESSION, 4096 over all its connections), 1 where the run stops at the first failure; 1: faithful durations. Above 1 not for TIMESTAMP, and not for SESSION at recorded pace.',
    }),
    readOnly: t.boolean({ description: 'Let the target refuse writes; default false.' }),
    digestRows: t.boolean({
      description: "Digest result rows, to compare with the record's checksums; default false.",
    }),
    slower: t.field({
      type: SlowerInput,
      description: 'When a statement counts as SLOWER than in the record; default: 2 times and 10 ms.',
    }),
    thresholds: t.stringList({
      description:
        'Conditions on the ended run, at most 100, held against it at its end: `failures<1%`, `p95<50ms`, `regressions=0`; default: none.',
    }),
    restoreIds: t.boolean({
      description:
        'COMMIT: let sequences draw the recorded values; default true. True is refused with another ordering.',
    }),
    markProgress: t.boolean({
      description:
        'COMMIT: keep a row in `reprise_marker` on the target, so that a resumed run repeats no transaction; default false.',
    }),
    settleCommits: t.boolean({
      description:
        'Ask the target ahead of each COMMIT which transaction it ends, so that one whose answer is lost can be settled; default: where one statement at a time is under way on a connection.',
    }),
    syncCommits: t.boolean({
      description: 'SESSION: a statement waits for the transactions that had committed before it; default false.',
    }),
    scale: t.int({ description: 'SESSION: run every session this many times at once, 1 to 1000; default 1.' }),
  }),
});

type Given = typeof ReplayInputType.$inferInput;

/**
 * The engine's input of an API input.
 * @throws RepriseError BAD_INPUT: neither alias nor host, or both; a speed without a schedule
 */
export function replayInputOf(given: Given): ReplayInput {
  const { window, target, pace, filter, databases, users, slower, ...options } = given;
  return {
    window,
    target: targetOf(target, ['input', 'target']),
    ...present(options),
    ...(filter == null ? {} : { filter: filterOfInput(filter) }),
    ...(pace == null ? {} : { pace: paceOf(pace) }),
    ...(slower == null ? {} : { slower: slowerOf(slower, RECORD_SLOWER) }),
    ...(databases == null ? {} : { databases }),
    ...(users == null ? {} : { users: users.map((user) => ({ ...user, password: user.password ?? null })) }),
  } satisfies Partial<ReplayRequest> as ReplayInput;
}

/** A measure of SLOWER: what is not given of it is that of `standard`. */
export function slowerOf(
  given: typeof SlowerInput.$inferInput | null | undefined,
  standard: ReplayRequest['slower'],
): ReplayRequest['slower'] {
  return { ratio: given?.ratio ?? standard.ratio, minMs: given?.minMs ?? standard.minMs };
}

/** @throws RepriseError BAD_INPUT: a schedule for a run that keeps none */
function paceOf(pace: NonNullable<Given['pace']>): Pace {
  if (pace.mode === 'AS_FAST_AS_POSSIBLE') {
    // A speed of 1, its default, is what a caller need not have said.
    const given = pace.speed !== 1 ? 'speed' : pace.maxIdleMs != null ? 'maxIdleMs' : null;
    if (given === null) return { mode: 'AS_FAST_AS_POSSIBLE' };
    throw new RepriseError(
      'BAD_INPUT',
      `pace.${given} is for mode RECORDED: as fast as possible there is no schedule`,
      {
        path: ['input', 'pace', given],
      },
    );
  }
  return { mode: 'RECORDED', speed: pace.speed, maxIdleMs: pace.maxIdleMs ?? null };
}

/**
 * The engine's target of an API input; `path`: where the input stands among the arguments.
 * @throws RepriseError BAD_INPUT: neither alias nor host, or both
 */
export function targetOf(target: Given['target'], path: readonly string[]): TargetSpec {
  const { alias, host, port, tls, ...login } = target;
  if (alias != null) {
    if (host != null || port != null || tls != null) {
      throw new RepriseError(
        'BAD_INPUT',
        'target.alias brings its own host, port and tls: give the alias or a host, not both',
        { path },
      );
    }
    return { alias, ...present(login) };
  }
  if (host == null || host.trim() === '') {
    throw new RepriseError('BAD_INPUT', 'target needs an alias of the configuration, or a host', { path });
  }
  if (port != null && (port < 1 || port > 65_535)) {
    throw new RepriseError('BAD_INPUT', `target.port must be 1 to 65535, not ${port}`, { path: [...path, 'port'] });
  }
  return { host, port: port ?? 5432, ...present(login), ...(tls == null ? {} : { tls }) };
}
