import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { Client, DatabaseError } from 'pg';
import { messageOf, RepriseError } from '../errors.ts';
import { chooseAccount } from './embedded-account.ts';
import { locateBinaries, prepareBinaries } from './embedded-binaries.ts';
import { lockDataDir } from './embedded-lock.ts';
import { killAll, readIfThere, signal, stopStale, waitUntilGone } from './embedded-process.ts';
import { initialise, launch, type Server, type Site, syncFolder } from './embedded-server.ts';
import { makeFolder } from './make-folder.ts';

/** Where the embedded server lives. */
export interface EmbeddedOptions {
  /** Folder of this server, created when missing: `pgdata/`, `postgres.log`, `password`, `reprise.lock`. */
  dataDir: string;
  /**
   * postgresql.conf settings over the defaults, `{ work_mem: '64MB' }`. `port` fixes the port, which is
   * otherwise a free one each time. The listening addresses cannot be set: loopback only.
   */
  settings?: Readonly<Record<string, string>>;
}

/** A running PostgreSQL of our own, reachable over loopback TCP with a password (SCRAM) and in no other way. */
export interface EmbeddedPostgres {
  readonly host: string;
  readonly port: number;
  /** The superuser, `postgres`. */
  readonly user: string;
  /** Made once per data directory and kept there, mode 0600. Must not be logged. */
  readonly password: string;
  /** Process id of the postmaster. */
  readonly pid: number;
  /** Resolves when the postmaster is gone, expected or not. Never rejects. */
  readonly exited: Promise<void>;
  /** Connection URL with the password in it. */
  url(database: string): string;
  /** Creates a UTF8 database; no error when it exists. */
  createDatabase(name: string): Promise<void>;
  /** Fast shutdown: ends the connections, writes a checkpoint. Resolves when the process is gone. Idempotent. */
  stop(): Promise<void>;
  /** Crash: SIGKILL to the postmaster and all its children. Resolves when they are gone. For tests. */
  kill(): Promise<void>;
}

const HOST = '127.0.0.1';
const USER = 'postgres';
const CONNECT_TIMEOUT_MS = 10_000;
/** The shutdown checkpoint may have a gigabyte to write. */
const STOP_TIMEOUT_MS = 60_000;

/**
 * Starts PostgreSQL on a data directory, and initialises it first when it is new. What a killed owner left
 * running there is stopped before. The server ends with this process, by `stop()` or (except on Windows) when
 * this process dies; it does not keep this process alive.
 *
 * Errors: `DATA_DIR_IN_USE` while another process holds the directory; `EMBEDDED_UNSUPPORTED` without binaries
 * for the platform; `EMBEDDED_START_FAILED` otherwise, with the end of the server's log.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  try {
    return await start(options);
  } catch (error) {
    if (error instanceof RepriseError) throw error;
    throw new RepriseError(
      'EMBEDDED_START_FAILED',
      `PostgreSQL did not start in ${options.dataDir}: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

async function start({ dataDir: folder, settings = {} }: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const packageDir = locateBinaries();
  await makeFolder(folder).catch((error: unknown) => {
    const why = `the data folder ${folder} cannot be made: ${messageOf(error)}; name another one (--data-dir, REPRISE_DATA_DIR)`;
    throw new RepriseError('EMBEDDED_START_FAILED', why, { cause: error });
  });
  const dataDir = await fs.realpath(folder);
  const lock = await lockDataDir(dataDir);
  try {
    const pgdata = path.join(dataDir, 'pgdata');
    const account = await chooseAccount(pgdata);
    const binaries = await prepareBinaries(packageDir, account);
    const site: Site = { dataDir, pgdata, logFile: path.join(dataDir, 'postgres.log'), binaries, account };
    const password = await keepPassword(dataDir, pgdata);
    await initialise(site, password, settings['fsync'] !== 'off');
    await stopStale(pgdata, binaries.pgCtl);
    const server = await launch(site, settings);
    return handleOf(server, password, pgdata, binaries.pgCtl, () => lock.release());
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function handleOf(
  server: Server,
  password: string,
  pgdata: string,
  pgCtl: string,
  release: () => Promise<void>,
): EmbeddedPostgres {
  let ended: Promise<void> | undefined;
  // The handle was unreferenced at the start; while someone waits for the end, it must keep Node alive.
  const end = async (bring: () => Promise<void>): Promise<void> => {
    server.child.ref();
    if (server.child.exitCode === null && server.child.signalCode === null) {
      await bring();
      await server.exited;
    }
    await release();
  };
  return {
    host: HOST,
    port: server.port,
    user: USER,
    password,
    pid: server.pid,
    exited: server.exited,
    url: (database) => `postgres://${USER}:${password}@${HOST}:${server.port}/${encodeURIComponent(database)}`,
    createDatabase: (name) => createDatabase(server.port, password, name),
    stop: () => {
      ended ??= end(async () => {
        await signal(server.pid, 'SIGINT', pgCtl);
        if (await waitUntilGone([server.pid], STOP_TIMEOUT_MS)) return;
        await signal(server.pid, 'SIGQUIT', pgCtl);
        if (!(await waitUntilGone([server.pid], 10_000))) await killAll(pgdata, server.pid, pgCtl);
      });
      return ended;
    },
    kill: () => {
      ended ??= end(() => killAll(pgdata, server.pid, pgCtl));
      return ended;
    },
  };
}

async function createDatabase(port: number, password: string, name: string): Promise<void> {
  const client = new Client({
    host: HOST,
    port,
    user: USER,
    password,
    database: 'postgres',
    ssl: false,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    // Set, or PGOPTIONS and PGAPPNAME would speak.
    options: '-c search_path=pg_catalog',
    application_name: 'reprise',
  });
  await client.connect();
  try {
    // Asked first, or every start would write an error to the server's log.
    const { rows } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rows.length > 0) return;
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)} ENCODING 'UTF8' TEMPLATE template0`);
  } catch (error) {
    // 23505: another session created it at the same moment.
    const exists = error instanceof DatabaseError && (error.code === '42P04' || error.code === '23505');
    if (!exists) throw error;
  } finally {
    await client.end();
  }
}

/** The password of this data directory, made before the cluster that will ask for it. */
async function keepPassword(dataDir: string, pgdata: string): Promise<string> {
  const file = path.join(dataDir, 'password');
  const known = (await readIfThere(file))?.trim();
  if (known !== undefined && known !== '') return known;
  if ((await readIfThere(path.join(pgdata, 'PG_VERSION'))) !== undefined) {
    throw new RepriseError(
      'EMBEDDED_START_FAILED',
      `${file} is missing or empty, and ${pgdata} cannot be opened without it. Restore the file from a backup.`,
    );
  }
  const password = randomBytes(24).toString('base64url');
  const draft = `${file}.new`;
  await fs.rm(draft, { force: true });
  await fs.writeFile(draft, `${password}\n`, { flag: 'wx', mode: 0o600, flush: true });
  await fs.rename(draft, file);
  await syncFolder(dataDir);
  return password;
}
