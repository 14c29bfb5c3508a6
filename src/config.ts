import { resolve } from 'node:path';
import { z } from 'zod';
import { defaultOf, type Environment, given, type Overrides } from './config/environment.ts';
import { type ConfiguredTarget, isInline, readTargets } from './config/targets.ts';
import { type AccessToken, readTokens } from './config/tokens.ts';
import {
  isDatabaseUrl,
  list,
  readBytes,
  readDatabaseUrl,
  readDays,
  readHost,
  readHosts,
  readInteger,
  readNodeId,
  readOneOf,
  readOrigins,
  readServerUrl,
  readToken,
} from './config/values.ts';
import { LOG_LEVELS, type LogLevel, VARIABLES, type VariableName } from './config/variables.ts';
import { messageOf, RepriseError } from './errors.ts';

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
      if (!URL.canParse(value) || (name === 'DATABASE_URL' && !isDatabaseUrl(value))) return '(set)';
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
  REPRISE_TOKEN: z.string().transform(reads(readToken)).optional(),
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
    REPRISE_ALLOWED_HOSTS: z.string().default('').transform(reads(readHosts)),
    REPRISE_ALLOWED_ORIGINS: z.string().default('').transform(reads(readOrigins)),
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
