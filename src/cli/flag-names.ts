import type { Command } from 'commander';
import { RepriseError } from '../errors.ts';

/** Fields of the API and the flags that give them, as far as the two have other names. */
const FLAGS: Readonly<Record<string, string>> = {
  'window.from': '--from',
  'window.to': '--to',
  'target.alias': '--target',
  'target.host': '--host',
  'target.port': '--port',
  'target.user': '--user',
  'target.password': '--password-env',
  'target.database': '--database',
  'target.tls': '--tls',
  'pace.speed': '--speed',
  'pace.maxIdleMs': '--max-idle',
  'slower.ratio': '--slower-ratio',
  'slower.minMs': '--slower-min',
  'filter.sessionIds': '--only-session',
  'filter.transactionIds': '--only-transaction',
  'filter.databases': '--only-database',
  'filter.users': '--only-user',
  'filter.applications': '--only-application',
  'filter.text': '--text',
  'filter.textExcludes': '--text-excludes',
  'filter.minDurationMs': '--min-duration',
  databases: '--map-database',
  users: '--map-user',
  ordering: '--ordering',
  speed: '--speed',
  edges: '--edges',
  scale: '--scale',
  stopAfterFailures: '--stop-after',
  statementTimeoutMs: '--statement-timeout',
  connectTimeoutMs: '--connect-timeout',
  runTimeoutMs: '--run-timeout',
  maxConnections: '--max-connections',
  inFlight: '--in-flight',
  readOnly: '--read-only',
  digestRows: '--digest-rows',
  restoreIds: '--no-restore-ids',
  markProgress: '--mark-progress',
  settleCommits: '--settle-commits',
  syncCommits: '--sync-commits',
  thresholds: '--threshold',
  buckets: '--buckets',
  logTimezone: '--log-timezone',
  after: '--after',
};

/** Variables of the configuration and the flags that win over them. */
const OVER_VARIABLES: Readonly<Record<string, string>> = {
  REPRISE_HOST: '--host',
  REPRISE_PORT: '--port',
  REPRISE_DATA_DIR: '--data-dir',
  REPRISE_TARGETS: '--targets',
  REPRISE_ALLOW_TARGETS: '--allow-targets',
  REPRISE_LOG_LEVEL: '--log-level',
  REPRISE_NODE_ID: '--node',
  REPRISE_SERVER_URL: '--server',
};

const ALL_FLAGS: ReadonlySet<string> = new Set(Object.values(FLAGS));

/** What may be a field of the API, but for names in quotes and parts of addresses. */
const FIELDS = /(?<![\w.\-/:@"])(?:input\.)?([a-zA-Z]+(?:\.[a-zA-Z]+)*)(?:\[\d+\])?(?![\w-])/g;

/**
 * An error of the service in the words of the command that asked: flags of `known` for fields of the API. Others, and
 * fields that the command has no flag for, stay as they are.
 */
export function inFlags(error: RepriseError, known: ReadonlySet<string>): RepriseError {
  const path = error.path[0] === 'input' ? error.path.slice(1) : error.path;
  const flag = flagOf(path.map((step) => step.replace(/\[\d+\]$/, '')).join('.'), known);
  return new RepriseError(error.code, textInFlags(error.message, known), {
    path: flag === undefined ? error.path : [flag],
    cause: error,
  });
}

/** A sentence of the service with flags of `known` for fields of the API, as `inFlags`. */
export function textInFlags(text: string, known: ReadonlySet<string>): string {
  return text.replace(FIELDS, (whole, field: string, at: number) => {
    const flag = flagOf(field, known);
    // Amid a sentence "users" or "speed" may be just a word.
    if (flag === undefined || (at > 0 && !/[.A-Z]/.test(field))) return whole;
    return field.endsWith('Ms') ? `${flag} (in ms)` : flag;
  });
}

/** What a run has told, in the flags that start one: whoever reads it looks for the flag to change. */
export function inStartFlags(text: string): string {
  return textInFlags(text, ALL_FLAGS);
}

/** An error of the configuration with the flags that `command` was given in place of the variables that they set. */
export function inGivenFlags(error: RepriseError, command: Command): RepriseError {
  if (error.code !== 'CONFIG_INVALID') return error;
  const given = (variable: string) => {
    const option = command.options.find(({ long }) => long === OVER_VARIABLES[variable]);
    return option && command.getOptionValueSource(option.attributeName()) === 'cli' ? option.long : undefined;
  };
  return new RepriseError(
    error.code,
    error.message.replace(/^(REPRISE_\w+)(?=: )/gm, (variable: string) => given(variable) ?? variable),
    { path: error.path.map((step) => given(step) ?? step), cause: error },
  );
}

/** The long flags of a command. */
export function flagsOf({ options }: Command): ReadonlySet<string> {
  return new Set(options.flatMap(({ long }) => long ?? []));
}

function flagOf(field: string, known: ReadonlySet<string>): string | undefined {
  const flag = FLAGS[field];
  return flag !== undefined && known.has(flag) ? flag : undefined;
}
