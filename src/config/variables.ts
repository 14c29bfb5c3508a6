/** The levels of pino, the least talkative one first but for `silent`. */
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
/** How much the service logs. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** One variable as the README, `docs/configuration.md` and `reprise serve --help` show it. */
export interface Variable {
  readonly name: string;
  readonly default: string;
  readonly meaning: string;
}

/** Every variable, in the order of the documentation. */
export const VARIABLES = [
  {
    name: 'REPRISE_HOST',
    default: '127.0.0.1',
    meaning: 'Address to listen on. Any but loopback needs REPRISE_TOKENS.',
  },
  { name: 'REPRISE_PORT', default: '4000', meaning: 'Port to listen on; 0 takes a free one.' },
  {
    name: 'REPRISE_DATA_DIR',
    default: '.reprise',
    meaning: 'Folder of the embedded PostgreSQL and of `service.json`. One service owns it at a time.',
  },
  {
    name: 'DATABASE_URL',
    default: '(embedded)',
    meaning:
      'Keep the journal in this PostgreSQL (13 or later) instead: `postgresql://user:password@host:5432/database`.',
  },
  {
    name: 'REPRISE_TARGETS',
    default: '(none)',
    meaning: 'Targets by alias: JSON, or the path of a JSON file. See `docs/configuration.md`.',
  },
  {
    name: 'REPRISE_ALLOW_TARGETS',
    default: 'loopback',
    meaning:
      'What a caller may name as a target besides the aliases: `host`, `host:port`, CIDR or `loopback`, by comma.',
  },
  {
    name: 'REPRISE_TOKENS',
    default: '(none)',
    meaning: 'Access tokens, `token:reader` or `token:operator`, by comma; or `@path` of a file with one a line.',
  },
  {
    name: 'REPRISE_ALLOWED_HOSTS',
    default: '(any, or loopback)',
    meaning:
      'Names by which browsers may address the service (`Host`), by comma; besides loopback when it listens there.',
  },
  {
    name: 'REPRISE_ALLOWED_ORIGINS',
    default: '(none)',
    meaning: 'Origins of web pages elsewhere that may use the API, such as `https://tools.example`, by comma.',
  },
  {
    name: 'REPRISE_LOG_LEVEL',
    default: 'info',
    meaning: `One of ${LOG_LEVELS.join(', ')}. Logs go to standard error.`,
  },
  {
    name: 'REPRISE_RETENTION_DAYS',
    default: '(keep all)',
    meaning: 'Evict journal entries older than this many days.',
  },
  {
    name: 'REPRISE_RETENTION_BYTES',
    default: '(keep all)',
    meaning:
      'Evict the oldest entries while entries and their transactions take more on disk than this: bytes, or `500MB`, `20GB`.',
  },
  {
    name: 'REPRISE_REPLAY_RETENTION_DAYS',
    default: '(keep all)',
    meaning: 'Delete replays that ended more than this many days ago, with their results and reports.',
  },
  {
    name: 'REPRISE_MAX_ENTRIES_PER_TRANSACTION',
    default: '100000',
    meaning: 'Refuse (and count as a loss) what a transaction brings beyond this many entries.',
  },
  {
    name: 'REPRISE_MAX_BYTES_PER_TRANSACTION',
    default: '64MB',
    meaning: 'The same for the bytes of its statements and parameters.',
  },
  { name: 'REPRISE_MAX_REPLAYS', default: '4', meaning: 'Replays that may run at once.' },
  { name: 'REPRISE_NODE_ID', default: 'default', meaning: 'Node id of what is journaled through this service.' },
  { name: 'REPRISE_SERVER_URL', default: 'http://127.0.0.1:4000', meaning: 'For the CLI: where the service is.' },
  { name: 'REPRISE_TOKEN', default: '(none)', meaning: 'For the CLI: the access token to show.' },
] as const satisfies readonly Variable[];

/** The name of a variable that exists. */
export type VariableName = (typeof VARIABLES)[number]['name'];
