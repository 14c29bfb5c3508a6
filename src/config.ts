import { resolve } from 'node:path';
import { z } from 'zod';
import { type ConfiguredTarget, isInline, readFile, readTargets } from './config-targets.ts';
import { messageOf, RepriseError } from './errors.ts';

/** `reader`: queries and subscriptions. `operator`: everything. */
const ROLES = ['reader', 'operator'] as const;
export type Role = (typeof ROLES)[number];

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface AccessToken {
  readonly token: string;
  readonly role: Role;
}

/** Everything that the service reads from its environment, checked. */
export interface Config {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Absolute. */
  readonly dataDir: string;
  /** Null: the embedded PostgreSQL in `dataDir`. */
  readonly databaseUrl: string | null;
  readonly targets: readonly ConfiguredTarget[];
  readonly allowTargets: readonly string[];
  /** Empty: no token is asked for, which only a loopback address may do. */
  readonly tokens: readonly AccessToken[];
  /** Names in `Host` besides the service's own. */
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly logLevel: LogLevel;
  readonly retentionMs: number | null;
  readonly retentionBytes: number | null;
  readonly replayRetentionMs: number | null;
  readonly entriesPerTransaction: number;
  readonly bytesPerTransaction: number;
  readonly maxReplays: number;
  readonly nodeId: string;
}

/** What a client of the service reads from its environment. */
export interface ClientConfig {
  /** Without a slash at its end. */
  readonly serverUrl: string;
  readonly token: string | null;
}

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
    meaning: 'Evict the oldest entries while the journal takes more on disk than this: bytes, or `500MB`, `20GB`.',
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

export type VariableName = (typeof VARIABLES)[number]['name'];
export type Environment = Readonly<Record<string, string | undefined>>;
export type Overrides = Partial<Readonly<Record<VariableName, string | undefined>>>;

/**
 * Reads and checks the service's configuration. `overrides` (flags) win over `env`; an empty value counts as absent.
 * @throws RepriseError CONFIG_INVALID: one line for each variable at fault, with what to do.
 */
export function loadConfig(env: Environment, overrides: Overrides = {}): Config {
  const v = check(serviceVariables(env), env, overrides);
  if (v.REPRISE_TOKENS.length === 0 && !isLoopback(v.REPRISE_HOST)) {
    throw new RepriseError('CONFIG_INVALID', `REPRISE_HOST: ${withoutTokens(v.REPRISE_HOST)}`, {
      path: ['REPRISE_HOST'],
    });
  }
  return {
    host: v.REPRISE_HOST,
    port: v.REPRISE_PORT,
    dataDir: resolve(v.REPRISE_DATA_DIR),
    databaseUrl: v.DATABASE_URL ?? null,
    targets: v.REPRISE_TARGETS,
    allowTargets: v.REPRISE_ALLOW_TARGETS,
    tokens: v.REPRISE_TOKENS,
    allowedHosts: v.REPRISE_ALLOWED_HOSTS,
    allowedOrigins: v.REPRISE_ALLOWED_ORIGINS,
    logLevel: v.REPRISE_LOG_LEVEL,
    retentionMs: v.REPRISE_RETENTION_DAYS ?? null,
    retentionBytes: v.REPRISE_RETENTION_BYTES ?? null,
    replayRetentionMs: v.REPRISE_REPLAY_RETENTION_DAYS ?? null,
    entriesPerTransaction: v.REPRISE_MAX_ENTRIES_PER_TRANSACTION,
    bytesPerTransaction: v.REPRISE_MAX_BYTES_PER_TRANSACTION,
    maxReplays: v.REPRISE_MAX_REPLAYS,
    nodeId: v.REPRISE_NODE_ID,
  };
}

/**
 * Reads and checks a client's configuration; the service's variables are not looked at.
 * @throws RepriseError CONFIG_INVALID
 */
export function loadClientConfig(env: Environment, overrides: Overrides = {}): ClientConfig {
  const v = check(clientVariables, env, overrides);
  return { serverUrl: v.REPRISE_SERVER_URL, token: v.REPRISE_TOKEN ?? null };
}

/** A variable as it is set here. */
export interface VariableState {
  readonly name: VariableName;
  /** For people; secrets are masked. */
  readonly value: string;
  readonly source: 'flag' | 'environment' | 'default';
  /** What is wrong with it and what to do; null when nothing is. */
  readonly problem: string | null;
}

/** Every variable with its value, where that came from, and what is wrong with it; never throws. */
export function inspectConfig(env: Environment, overrides: Overrides = {}): readonly VariableState[] {
  const parsed = z.object({ ...serviceVariables(env), ...clientVariables }).safeParse(given(env, overrides));
  const problems = new Map(parsed.error?.issues.map((issue) => [String(issue.path[0]), issue.message]));
  if (parsed.success && parsed.data.REPRISE_TOKENS.length === 0 && !isLoopback(parsed.data.REPRISE_HOST)) {
    problems.set('REPRISE_HOST', withoutTokens(parsed.data.REPRISE_HOST));
  }
  return VARIABLES.map(({ name, default: standard }) => {
    const [flag, variable] = [overrides[name]?.trim(), env[name]?.trim()];
    const value = overrides[name] === undefined ? variable : flag;
    return {
      name,
      value: value ? shown(name, value) : standard,
      source: !value ? 'default' : overrides[name] === undefined ? 'environment' : 'flag',
      problem: problems.get(name) ?? null,
    };
  });
}

function shown(name: VariableName, value: string): string {
  switch (name) {
    case 'REPRISE_TOKEN':
      return '(set)';
    case 'REPRISE_TOKENS':
      return value.startsWith('@') ? value : `(${list(value).length} set)`;
    case 'REPRISE_TARGETS':
      return isInline(value) ? '(inline JSON)' : value;
    case 'DATABASE_URL':
    case 'REPRISE_SERVER_URL': {
      if (!URL.canParse(value)) return '(set)';
      const url = new URL(value);
      if (url.password !== '') url.password = '***';
      // What does not belong there may be a password too.
      url.search = '';
      return String(url);
    }
    default:
      return value;
  }
}

function given(env: Environment, overrides: Overrides): Record<string, string> {
  const values: Record<string, string> = {};
  for (const { name } of VARIABLES) {
    const value = (overrides[name] ?? env[name])?.trim();
    if (value) values[name] = value;
  }
  return values;
}

function withoutTokens(host: string): string {
  return (
    `${host} can be reached from elsewhere, so access tokens are needed: ` +
    'set REPRISE_TOKENS (for example "$(openssl rand -hex 24):operator"), or listen on 127.0.0.1'
  );
}

function check<Shape extends z.ZodRawShape>(
  shape: Shape,
  env: Environment,
  overrides: Overrides,
): z.output<z.ZodObject<Shape>> {
  const parsed = z.object(shape).safeParse(given(env, overrides));
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const lines = issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new RepriseError('CONFIG_INVALID', lines.join('\n'), { path: [String(issues[0]?.path[0] ?? '')] });
}

/** True for an address that only this machine can reach. */
function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  return bare === 'localhost' || bare === '::1' || /^(::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(bare);
}

const defaultOf = (name: VariableName) => VARIABLES.find((variable) => variable.name === name)?.default ?? '';
const text = (name: VariableName) => z.string().default(defaultOf(name));

function reads<T>(read: (value: string) => T) {
  return (value: string, context: z.core.$RefinementCtx<string>): T => {
    try {
      return read(value);
    } catch (error) {
      context.addIssue({ code: 'custom', message: messageOf(error) });
      return z.NEVER;
    }
  };
}

const clientVariables = {
  REPRISE_SERVER_URL: text('REPRISE_SERVER_URL').transform(reads(readServerUrl)),
  REPRISE_TOKEN: z.string().optional(),
};

function serviceVariables(env: Environment) {
  return {
    REPRISE_HOST: text('REPRISE_HOST').transform(reads(readHost)),
    REPRISE_PORT: text('REPRISE_PORT').transform(reads((value) => readInteger(value, 0, 65_535))),
    REPRISE_DATA_DIR: text('REPRISE_DATA_DIR'),
    DATABASE_URL: z.string().transform(reads(readDatabaseUrl)).optional(),
    REPRISE_TARGETS: z
      .string()
      .default('{}')
      .transform(reads((value) => readTargets(value, env))),
    REPRISE_ALLOW_TARGETS: text('REPRISE_ALLOW_TARGETS').transform(list),
    REPRISE_TOKENS: z.string().default('').transform(reads(readTokens)),
    REPRISE_ALLOWED_HOSTS: z.string().default('').transform(list),
    REPRISE_ALLOWED_ORIGINS: z.string().default('').transform(list),
    REPRISE_LOG_LEVEL: text('REPRISE_LOG_LEVEL').transform(
      reads((value) => readOneOf(value.toLowerCase(), LOG_LEVELS)),
    ),
    REPRISE_RETENTION_DAYS: z.string().transform(reads(readDays)).optional(),
    REPRISE_RETENTION_BYTES: z.string().transform(reads(readBytes)).optional(),
    REPRISE_REPLAY_RETENTION_DAYS: z.string().transform(reads(readDays)).optional(),
    REPRISE_MAX_ENTRIES_PER_TRANSACTION: text('REPRISE_MAX_ENTRIES_PER_TRANSACTION').transform(
      reads((value) => readInteger(value, 1, 100_000_000)),
    ),
    REPRISE_MAX_BYTES_PER_TRANSACTION: text('REPRISE_MAX_BYTES_PER_TRANSACTION').transform(reads(readBytes)),
    REPRISE_MAX_REPLAYS: text('REPRISE_MAX_REPLAYS').transform(reads((value) => readInteger(value, 1, 1000))),
    REPRISE_NODE_ID: text('REPRISE_NODE_ID').transform(reads(readNodeId)),
  };
}

function list(value: string): string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function readHost(value: string): string {
  if (/[\s/]/.test(value) || value.includes('://')) {
    throw new Error(
      `${JSON.stringify(value)} is not an address: give a host name or IP address without port or scheme`,
    );
  }
  return value.replace(/^\[|\]$/g, '');
}

function readInteger(value: string, min: number, max: number): number {
  const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= min && number <= max)) {
    throw new Error(`${JSON.stringify(value)} is not a whole number from ${min} to ${max}`);
  }
  return number;
}

/** In milliseconds. */
function readDays(value: string): number {
  const days = Number(value);
  if (!(days > 0) || !Number.isFinite(days)) {
    throw new Error(`${JSON.stringify(value)} is not a number of days above 0: leave it out to keep all`);
  }
  return Math.round(days * 86_400_000);
}

/** As PostgreSQL counts: a kB is 1,024 bytes. */
function readBytes(value: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(|B|kB|MB|GB|TB)$/i.exec(value);
  const power = ['', 'kb', 'mb', 'gb', 'tb'].indexOf((match?.[2] ?? '').toLowerCase().replace(/^b$/, ''));
  const bytes = Math.round(Number(match?.[1]) * 1024 ** power);
  if (!match || !(bytes >= 1) || !Number.isSafeInteger(bytes)) {
    throw new Error(`${JSON.stringify(value)} is not a size above 0: write bytes, or a number with kB, MB, GB or TB`);
  }
  return bytes;
}

function readOneOf<T extends string>(value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (!found) throw new Error(`${JSON.stringify(value)} is none of ${allowed.join(', ')}`);
  return found;
}

function readNodeId(value: string): string {
  if (!/^[\w.:-]{1,100}$/.test(value)) {
    throw new Error(`${JSON.stringify(value)} is not a node id: use up to 100 letters, digits and . _ : -`);
  }
  return value;
}

// The value is never shown: it holds a password.
function readDatabaseUrl(value: string): string {
  if (!/^postgres(ql)?:\/\//.test(value) || !URL.canParse(value)) {
    throw new Error(
      'is not a PostgreSQL URL: write postgresql://user:password@host:5432/database (percent-encode the password)',
    );
  }
  return value;
}

function readServerUrl(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : null;
  // Never shown: somebody may have written a password into it.
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new Error('is not a URL: write it like http://127.0.0.1:4000');
  }
  if (url.username !== '' || url.password !== '') {
    throw new Error('holds a user or a password, which the service does not know: give its token in REPRISE_TOKEN');
  }
  return value.replace(/\/+$/, '');
}

function readTokens(value: string): AccessToken[] {
  const items = value.startsWith('@')
    ? readFile(value.slice(1), 'the file')
        .split(/\r?\n/)
        .map((line) => line.trim())
        .filter((line) => line !== '' && !line.startsWith('#'))
    : list(value);
  return items.map((item, index) => {
    const colon = item.lastIndexOf(':');
    const role = ROLES.find((candidate) => candidate === item.slice(colon + 1));
    const token = item.slice(0, colon);
    if (colon < 0 || !role)
      throw new Error(`token ${index + 1} has no role: write it as token:reader or token:operator`);
    if (token.length < 16) throw new Error(`token ${index + 1} is shorter than 16 characters and could be guessed`);
    return { token, role };
  });
}
