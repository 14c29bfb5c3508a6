import type { Command } from 'commander';
import type { CredentialsInput, ReplayInput, WindowInput } from '../client/index.ts';
import { EDGES, ORDERINGS } from '../client/words.ts';
import { type Io, usage } from './io.ts';
import {
  addFilterFlags,
  addWindowFlags,
  choice,
  collect,
  decimal,
  type FilterFlags,
  filterOf,
  milliseconds,
  type WindowFlags,
  wholeMilliseconds,
  wholeNumber,
  withoutAbsent,
} from './options.ts';
import {
  addHostFlags,
  type PasswordFlags,
  passwordOf,
  secretOf,
  type TargetFlags,
  targetOf,
} from './target-options.ts';

/** Everything about a run that flags can say. */
export interface RequestFlags extends WindowFlags, FilterFlags, TargetFlags {
  readonly ordering?: (typeof ORDERINGS)[number];
  readonly speed?: number;
  readonly maxIdle?: number;
  readonly edges?: (typeof EDGES)[number];
  readonly mapDatabase?: readonly string[];
  readonly mapUser?: readonly string[];
  readonly stopAfter?: number;
  readonly statementTimeout?: number;
  readonly connectTimeout?: number;
  readonly runTimeout?: number;
  readonly maxConnections?: number;
  readonly inFlight?: number;
  readonly readOnly?: boolean;
  readonly digestRows?: boolean;
  readonly slowerRatio?: number;
  readonly slowerMin?: number;
  readonly restoreIds?: boolean;
  readonly markProgress?: boolean;
  readonly settleCommits?: boolean;
  readonly syncCommits?: boolean;
  readonly scale?: number;
  readonly threshold?: readonly string[];
}

/** Flags for every field of a replay's request. What is not given gets the service's default. */
export function addRequestFlags(command: Command): Command {
  addWindowFlags(command);
  addHostFlags(command.option('--target <alias>', 'a target of the configuration'))
    .addOption(choice('--ordering <ordering>', 'how statements are arranged (default timestamp)', ORDERINGS))
    .option(
      '--speed <factor>',
      'keep the recorded schedule, at 0.1 to 100 times its speed (default: as fast as possible)',
      decimal,
    )
    .option('--max-idle <time>', 'with --speed: shorten longer gaps of the record to this', milliseconds)
    .addOption(choice('--edges <edges>', 'transactions that straddle the window', EDGES))
    .option('--map-database <recorded=target>', 'send a recorded database to this one (may be repeated)', collect)
    .option(
      '--map-user <recorded=login[:ENV]>',
      'log in as this for a recorded user, password in variable ENV',
      collect,
    )
    .option('--stop-after <count>', 'end the run after this many failures', wholeNumber)
    .option('--statement-timeout <time>', 'bound of each statement (default 1m)', wholeMilliseconds)
    .option('--connect-timeout <time>', 'bound of each connection attempt (default 10s)', wholeMilliseconds)
    .option('--run-timeout <time>', 'bound of the whole run', wholeMilliseconds)
    .option('--max-connections <count>', 'most connections to the target at once (default 100)', wholeNumber)
    .option(
      '--in-flight <count>',
      'statements under way on a connection (default: commit 1024, session 256; else 1); 1 gives faithful durations',
      wholeNumber,
    )
    .option('--read-only', 'let the target refuse writes')
    .option('--digest-rows', "digest result rows, to compare with the record's checksums")
    .option('--slower-ratio <factor>', 'SLOWER means this many times the recorded duration (default 2)', decimal)
    .option('--slower-min <time>', '… and at least this much more (default 10ms)', milliseconds)
    .option('--no-restore-ids', 'commit ordering: let sequences draw what they draw')
    .option('--mark-progress', 'commit ordering: keep a row on the target, so that resuming repeats no transaction')
    .option('--settle-commits', 'ask ahead of each COMMIT which transaction it ends, to settle a lost answer')
    .option('--no-settle-commits', '… or do not (default: only where one statement at a time is under way)')
    .option('--sync-commits', 'session ordering: statements wait for commits that had come before them')
    .option('--scale <count>', 'session ordering: run every session this many times at once', wholeNumber);
  return addFilterFlags(command);
}

/**
 * The request of the flags, for a window that is settled.
 * @throws RepriseError BAD_INPUT naming the flag
 */
export async function requestOf(flags: RequestFlags, window: WindowInput, io: Io): Promise<ReplayInput> {
  if (flags.maxIdle !== undefined && flags.speed === undefined) throw usage('--max-idle', 'needs --speed');
  const filter = filterOf(flags);
  return withoutAbsent({
    window,
    target: await targetOf(flags, io),
    ordering: flags.ordering,
    pace:
      flags.speed === undefined
        ? undefined
        : withoutAbsent({ mode: 'RECORDED' as const, speed: flags.speed, maxIdleMs: flags.maxIdle }),
    edges: flags.edges,
    filter: Object.keys(filter).length > 0 ? filter : undefined,
    databases: flags.mapDatabase?.map((text) => {
      const [recorded, target] = pair('--map-database', text);
      return { recorded, target };
    }),
    users: flags.mapUser?.map((text) => {
      const form = 'recorded=login[:ENV]';
      const [recorded, login] = pair('--map-user', text, form);
      const [user = '', variable, ...rest] = login.split(':');
      if (user === '' || variable === '' || rest.length > 0) throw usage('--map-user', notOfForm(text, form));
      return variable === undefined
        ? { recorded, user }
        : { recorded, user, password: secretOf('--map-user', variable, io) };
    }),
    stopAfterFailures: flags.stopAfter,
    statementTimeoutMs: flags.statementTimeout,
    connectTimeoutMs: flags.connectTimeout,
    runTimeoutMs: flags.runTimeout,
    maxConnections: flags.maxConnections,
    inFlight: flags.inFlight,
    readOnly: flags.readOnly,
    digestRows: flags.digestRows,
    slower:
      flags.slowerRatio === undefined && flags.slowerMin === undefined
        ? undefined
        : { ratio: flags.slowerRatio ?? 2, minMs: flags.slowerMin ?? 10 },
    // Commander gives a --no-… flag the value true when it is absent; only false was asked for.
    restoreIds: flags.restoreIds === false ? false : undefined,
    markProgress: flags.markProgress,
    settleCommits: flags.settleCommits,
    syncCommits: flags.syncCommits,
    scale: flags.scale,
    thresholds: flags.threshold,
  }) as ReplayInput;
}

/** Passwords, for a run that was started with some. */
export interface CredentialsFlags extends PasswordFlags {
  readonly userPasswordEnv?: readonly string[];
}

/** The passwords of the flags, for resuming; null where none is given. @throws RepriseError BAD_INPUT naming the flag */
export async function credentialsOf(flags: CredentialsFlags, io: Io): Promise<CredentialsInput | null> {
  const password = await passwordOf(flags, io);
  const users = (flags.userPasswordEnv ?? []).map((text) => {
    const [recorded, variable] = pair('--user-password-env', text, 'recorded=VARIABLE');
    return { recorded, password: secretOf('--user-password-env', variable, io) };
  });
  return password === undefined && users.length === 0 ? null : { password: password ?? null, users };
}

function pair(flag: string, text: string, form = 'recorded=target'): [string, string] {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) throw usage(flag, notOfForm(text, form));
  return [text.slice(0, at), text.slice(at + 1)];
}

function notOfForm(text: string, form: string): string {
  return `${JSON.stringify(text)} is not of the form ${form}`;
}
