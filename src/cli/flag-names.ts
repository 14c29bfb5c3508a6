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
  after: '--after',
};

/** What may be a field of the API, but for names in quotes and parts of addresses. */
const FIELDS = /(?<![\w.\-/:@"])(?:input\.)?([a-zA-Z]+(?:\.[a-zA-Z]+)*)(?:\[\d+\])?(?![\w-])/g;

/**
 * An error of the service in the words of the command that asked: flags of `known` for fields of the API. Others, and
 * fields that the command has no flag for, stay as they are.
 */
export function inFlags(error: RepriseError, known: ReadonlySet<string>): RepriseError {
  const flagOf = (field: string) => {
    const flag = FLAGS[field];
    return flag !== undefined && known.has(flag) ? flag : undefined;
  };
  const message = error.message.replace(FIELDS, (whole, field: string, at: number) => {
    const flag = flagOf(field);
    // Amid a sentence "users" or "speed" may be just a word.
    if (flag === undefined || (at > 0 && !/[.A-Z]/.test(field))) return whole;
    return field.endsWith('Ms') ? `${flag} (in ms)` : flag;
  });
  const path = error.path[0] === 'input' ? error.path.slice(1) : error.path;
  const flag = flagOf(path.map((step) => step.replace(/\[\d+\]$/, '')).join('.'));
  return new RepriseError(error.code, message, { path: flag === undefined ? error.path : [flag], cause: error });
}
