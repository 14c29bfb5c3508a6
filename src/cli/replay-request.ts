import { type Command, Option } from 'commander';
import type { CredentialsInput, ReplayInput, TargetInput, WindowInput } from '../client/index.ts';
import { type Io, usage } from './io.ts';
import {
  addFilterFlags,
  addWindowFlags,
  collect,
  decimal,
  type FilterFlags,
  filterOf,
  milliseconds,
  oneOf,
  type WindowFlags,
  wholeNumber,
  withoutAbsent,
} from './options.ts';
import { EDGES, ORDERINGS, TLS_MODES } from './words.ts';

export interface TargetFlags extends PasswordFlags {
  readonly target?: string;
  readonly host?: string;
  readonly port?: number;
  readonly user?: string;
  readonly database?: string;
  readonly tls?: (typeof TLS_MODES)[number];
}

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
  command
    .option('--target <alias>', 'a target of the configuration')
    .option('--host <host>', 'or a target by host, which policy must allow')
    .option('--port <port>', 'its port (default 5432)', wholeNumber)
    .option('--user <name>', 'login');
  addPasswordFlags(command)
    .option('--database <name>', "the target's database")
    .addOption(
      new Option('--tls <mode>', 'disable, prefer, require or verify-full (default prefer)').argParser(
        oneOf(TLS_MODES),
      ),
    )
    .addOption(
      new Option('--ordering <ordering>', 'timestamp, commit or session (default timestamp)').argParser(
        oneOf(ORDERINGS),
      ),
    )
    .option(
      '--speed <factor>',
      'keep the recorded schedule, at 0.1 to 100 times its speed (default: as fast as possible)',
      decimal,
    )
    .option('--max-idle <time>', 'with --speed: shorten longer gaps of the record to this', milliseconds)
    .addOption(
      new Option('--edges <edges>', 'transactions that straddle the window: include, cut or exclude').argParser(
        oneOf(EDGES),
      ),
    )
    .option('--map-database <recorded=target>', 'send a recorded database to this one (may be repeated)', collect)
    .option(
      '--map-user <recorded=login[:ENV]>',
      'log in as this for a recorded user, password in variable ENV',
      collect,
    )
    .option('--stop-after <count>', 'end the run after this many failures', wholeNumber)
    .option('--statement-timeout <time>', 'bound of each statement (default 1m)', milliseconds)
    .option('--connect-timeout <time>', 'bound of each connection attempt (default 10s)', milliseconds)
    .option('--run-timeout <time>', 'bound of the whole run', milliseconds)
    .option('--max-connections <count>', 'most connections to the target at once (default 100)', wholeNumber)
    .option('--in-flight <count>', 'statements under way on a connection; 1 gives faithful durations', wholeNumber)
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
      const [recorded, login] = pair('--map-user', text);
      const [user = '', variable] = login.split(':');
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

/** Flags that give a password: of what has been started already, or is about to be. */
export interface PasswordFlags {
  readonly passwordEnv?: string;
  readonly passwordStdin?: boolean;
}

export function addPasswordFlags(command: Command): Command {
  return command
    .option('--password-env <name>', 'environment variable that holds the password')
    .option('--password-stdin', 'read the password from standard input');
}

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

async function passwordOf(flags: PasswordFlags, io: Io): Promise<string | undefined> {
  if (flags.passwordEnv !== undefined && flags.passwordStdin)
    throw usage('--password-env', 'excludes --password-stdin');
  if (flags.passwordEnv !== undefined) return secretOf('--password-env', flags.passwordEnv, io);
  return flags.passwordStdin ? readLine(io) : undefined;
}

async function targetOf(flags: TargetFlags, io: Io): Promise<TargetInput> {
  if (flags.target === undefined && flags.host === undefined) {
    throw usage('--target', 'is missing: name a configured target, or give --host and --port');
  }
  if (flags.target !== undefined && flags.host !== undefined)
    throw usage('--target', 'excludes --host: give one of them');
  return withoutAbsent({
    alias: flags.target,
    host: flags.host,
    port: flags.port,
    user: flags.user,
    password: await passwordOf(flags, io),
    database: flags.database,
    tls: flags.tls,
  });
}

function pair(flag: string, text: string, form = 'recorded=target'): [string, string] {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1) throw usage(flag, `${JSON.stringify(text)} is not of the form ${form}`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function secretOf(flag: string, variable: string, io: Io): string {
  const value = io.env[variable];
  if (value === undefined) throw usage(flag, `names the environment variable ${variable}, which is not set`);
  return value;
}

async function readLine(io: Io): Promise<string> {
  let text = '';
  for await (const chunk of io.stdin) text += String(chunk);
  const line = text.replace(/\r?\n[\s\S]*$/, '');
  if (line === '') throw usage('--password-stdin', 'got nothing on standard input');
  return line;
}
