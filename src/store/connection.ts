import { readFileSync } from 'node:fs';
import { Client, type ClientConfig, types } from 'pg';
import { messageOf, RepriseError } from '../errors.ts';

/** How the store's server is reached. Nothing that is left out is taken from `PG*` variables. */
export interface ConnectionOptions {
  /** Name, address, or the directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | null;
  readonly database: string;
  /** As libpq names them. PREFER: TLS where the server offers it. */
  readonly tls: 'DISABLE' | 'PREFER' | 'REQUIRE' | 'VERIFY_FULL';
  /** PEM text of the CA that the server's certificate is verified against; null: the system's for VERIFY_FULL, else none. */
  readonly ca: string | null;
}

const SSL_MODES = { disable: 'DISABLE', prefer: 'PREFER', require: 'REQUIRE', 'verify-full': 'VERIFY_FULL' } as const;

/**
 * Reads `postgresql://user:password@host:port/database?sslmode=…&sslrootcert=…&host=…`.
 * Without `sslmode`, TLS is preferred except on loopback and Unix sockets.
 * @throws RepriseError CONFIG_INVALID; the message never shows the password.
 */
export function parseDatabaseUrl(url: string): ConnectionOptions {
  const bad = (why: string) =>
    new RepriseError(
      'CONFIG_INVALID',
      `DATABASE_URL ${why}: write it like postgresql://user:password@host:5432/database`,
      {
        path: ['DATABASE_URL'],
      },
    );
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw bad('is not a URL');
  }
  if (parsed.protocol !== 'postgresql:' && parsed.protocol !== 'postgres:')
    throw bad('does not begin with postgresql://');
  for (const name of parsed.searchParams.keys()) {
    if (name === 'sslmode' || name === 'sslrootcert' || name === 'host') continue;
    // A part of a password that is not percent-encoded may stand there.
    throw bad(/^\w{1,30}$/.test(name) ? `has the unknown parameter ${name}` : 'has an unknown parameter');
  }
  const decode = (text: string) => {
    try {
      return decodeURIComponent(text);
    } catch {
      throw bad('has a broken % escape');
    }
  };
  const host = parsed.searchParams.get('host') ?? decode(parsed.hostname).replace(/^\[(.*)\]$/, '$1');
  const database = decode(parsed.pathname.slice(1));
  const user = decode(parsed.username);
  if (host === '') throw bad('names no host');
  if (user === '') throw bad('names no user');
  if (database === '') throw bad('names no database');
  const mode = parsed.searchParams.get('sslmode');
  if (mode !== null && !Object.hasOwn(SSL_MODES, mode))
    throw bad(`has sslmode=${mode}, not disable, prefer, require or verify-full`);
  const local = host.startsWith('/') || host === 'localhost' || host === '::1' || host.startsWith('127.');
  const rootCert = parsed.searchParams.get('sslrootcert');
  let ca: string | null = null;
  if (rootCert !== null) {
    try {
      ca = readFileSync(rootCert, 'utf8');
    } catch (error) {
      throw bad(`names an sslrootcert that cannot be read (${messageOf(error)})`);
    }
  }
  return {
    host,
    port: parsed.port === '' ? 5432 : Number(parsed.port),
    user,
    password: parsed.password === '' ? null : decode(parsed.password),
    database,
    tls: mode !== null ? SSL_MODES[mode as keyof typeof SSL_MODES] : local ? 'DISABLE' : 'PREFER',
    ca,
  };
}

const INT8 = 20;

/** Type parsers of the store's connections: int8 is a bigint. Per connection, so that nobody else's `pg` changes. */
const storeTypes = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === INT8 && format !== 'binary') return BigInt;
    // The cast picks pg's text overload; both formats are passed on as they come.
    return types.getTypeParser(oid, format as 'text');
  },
};

/** The same, but an int8 stays text: whoever reads many rows turns each into the one kind of number that it needs. */
export const rawIntegers = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    return oid === INT8 && format !== 'binary' ? asText : storeTypes.getTypeParser(oid, format);
  },
};

function asText(value: string): string {
  return value;
}

/** What a connection of the store is for: it shows in pg_stat_activity and sets the defaults. */
export interface ConnectionPurpose {
  readonly applicationName: string;
  readonly connectTimeoutMs: number;
  /** Ends a statement that takes longer; 0: none. */
  readonly statementTimeoutMs: number;
}

/**
 * The whole configuration of a `pg` client. Every option that `pg` would else look up in the environment
 * is given a value that counts as set, also where that is only the server's default.
 */
export function clientConfig(options: ConnectionOptions, purpose: ConnectionPurpose): ClientConfig {
  const password = options.password ?? '';
  return {
    host: options.host,
    port: options.port,
    user: options.user,
    // A function, because a missing password sends pg to PGPASSWORD and ~/.pgpass.
    password: () => password,
    database: options.database,
    ssl: sslOption(options),
    application_name: purpose.applicationName,
    connectionTimeoutMillis: purpose.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    client_encoding: 'UTF8',
    // The contract is that an acknowledged append is durable, whatever the role's or database's default is.
    options: [
      '-c synchronous_commit=on',
      '-c timezone=UTC',
      '-c jit=off',
      // Everything is read by key and in the order of a key, except in `Database.scan`. A day that was just filled
      // has no statistics yet, and left to guess the planner reads all of it, sorts it, and gives a hundred rows.
      '-c enable_seqscan=off',
      '-c enable_bitmapscan=off',
      '-c enable_sort=off',
      '-c enable_hashjoin=off',
      '-c enable_mergejoin=off',
      '-c random_page_cost=1.1',
      '-c default_transaction_isolation=read\\ committed',
      '-c default_transaction_read_only=off',
      '-c search_path=reprise',
      `-c statement_timeout=${purpose.statementTimeoutMs}`,
      '-c lock_timeout=30000',
      '-c idle_in_transaction_session_timeout=60000',
    ].join(' '),
    types: storeTypes,
    ...environmentGuards,
  } as ClientConfig;
}

// PGREPLICATION and PGSSLNEGOTIATION: read by pg, absent from its types.
const environmentGuards = { replication: 'false', sslnegotiation: 'postgres', binary: false };

function sslOption(options: ConnectionOptions): ClientConfig['ssl'] {
  if (options.tls === 'DISABLE') return false;
  const { tls, ca } = options;
  if (tls === 'VERIFY_FULL') return { rejectUnauthorized: true, ...(ca === null ? {} : { ca }) };
  // As libpq: whoever names a root certificate wants it to have signed the server's, under whatever name.
  return ca === null
    ? { rejectUnauthorized: false }
    : { rejectUnauthorized: true, ca, checkServerIdentity: () => undefined };
}

/** Settles PREFER by trying: the options with TLS where the server speaks it, else without. */
export async function settleTls(options: ConnectionOptions, purpose: ConnectionPurpose): Promise<ConnectionOptions> {
  if (options.tls !== 'PREFER') return options;
  if (options.host.startsWith('/')) return { ...options, tls: 'DISABLE' };
  const secured: ConnectionOptions = { ...options, tls: 'REQUIRE' };
  const client = new Client(clientConfig(secured, purpose));
  client.on('error', () => {});
  try {
    await client.connect();
    return secured;
  } catch (error) {
    if (messageOf(error).includes('does not support SSL')) return { ...options, tls: 'DISABLE' };
    throw error;
  } finally {
    await client.end().catch(() => {});
  }
}

/** `host:port/database` of the store, without credentials. */
export function storeLabel(options: ConnectionOptions): string {
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return `${host}:${options.port}/${options.database}`;
}
