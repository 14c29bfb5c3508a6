import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { createServer } from 'node:net';
import * as path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf, RepriseError } from '../errors.ts';
import type { Account } from './embedded-account.ts';
import type { Binaries } from './embedded-binaries.ts';
import { killIn, readIfThere, readPidFile } from './embedded-process.ts';

/** Everything that starting a server on one data directory needs. */
export interface Site {
  /** Absolute, without symlinks; ours, and holds all the rest. */
  readonly dataDir: string;
  readonly pgdata: string;
  readonly logFile: string;
  readonly binaries: Binaries;
  readonly account: Account | undefined;
}

/** A postmaster that accepts connections. */
export interface Server {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly port: number;
  /** Resolves when the postmaster is gone, for whatever reason. Never rejects. */
  readonly exited: Promise<void>;
}

const HOST = '127.0.0.1';
const READY_POLL_MS = 5;
/** Crash recovery of a large journal takes its time; it ends long before this, or never. */
const READY_TIMEOUT_MS = 300_000;
const PORT_ATTEMPTS = 10;
const LOG_ROTATE_BYTES = 10 * 1024 * 1024;
const DRAFT_PREFIX = 'pgdata.init-';

const DEFAULT_SETTINGS: Readonly<Record<string, string>> = {
  max_connections: '200',
  shared_buffers: '64MB',
  cluster_name: 'reprise',
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C',
  log_checkpoints: 'off',
  log_line_prefix: '%m [%p] ',
};

/** Creates the database cluster unless it exists. A crash on the way leaves a draft that the next call removes. */
export async function initialise(site: Site, password: string, sync: boolean): Promise<void> {
  for (const name of await fs.readdir(site.dataDir)) {
    if (!name.startsWith(DRAFT_PREFIX)) continue;
    const left = path.join(site.dataDir, name);
    await killIn(left, site.binaries.pgCtl);
    await fs.rm(left, { recursive: true, force: true, maxRetries: 5 });
  }
  const version = await readIfThere(path.join(site.pgdata, 'PG_VERSION'));
  if (version !== undefined) return checkVersion(site, version.trim());
  const draft = path.join(site.dataDir, DRAFT_PREFIX + randomBytes(6).toString('hex'));
  const passwordFile = `${draft}.password`;
  await fs.mkdir(draft, { mode: 0o700 });
  await fs.writeFile(passwordFile, `${password}\n`, { flag: 'wx', mode: 0o600 });
  if (site.account !== undefined) {
    await fs.chown(draft, site.account.uid, site.account.gid);
    await fs.chown(passwordFile, site.account.uid, site.account.gid);
  }
  const input = await fs.open(passwordFile, 'r');
  try {
    const windows = process.platform === 'win32';
    const args = ['-D', folderArgument(site, draft), '-U', 'postgres', '-A', 'scram-sha-256', '-E', 'UTF8'];
    // The account may be unable to walk to the file; the open descriptor needs no path.
    args.push(`--pwfile=${windows ? passwordFile : '/dev/stdin'}`);
    // PostgreSQL's own provider: the same order and case rules on every system, whatever locales it has.
    args.push('--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8');
    if (!sync) args.push('--no-sync');
    const { child, exited, logTail } = await start(
      site,
      site.binaries.initdb,
      args,
      draft,
      windows ? 'ignore' : input.fd,
    );
    await exited;
    if (child.exitCode !== 0) throw await startFailed(`initdb ended with ${ending(child)}`, logTail);
    // An empty folder may stand there; anything else makes the rename fail.
    await fs.rename(draft, site.pgdata).catch((cause: unknown) => {
      throw new RepriseError(
        'EMBEDDED_START_FAILED',
        `${site.pgdata} exists and is not a PostgreSQL data directory. Move it away, or choose another data directory.`,
        { cause },
      );
    });
    if (sync) await syncFolder(site.dataDir);
  } finally {
    await input.close();
    await fs.rm(passwordFile, { force: true });
    await fs.rm(draft, { recursive: true, force: true });
  }
}

/**
 * Starts the postmaster on a free loopback port and waits until it accepts connections. A port that another
 * process takes first is replaced, unless `settings.port` fixes it. `freePort` is for tests of that race.
 */
export async function launch(
  site: Site,
  settings: Readonly<Record<string, string>>,
  freePort: () => Promise<number> = findFreePort,
): Promise<Server> {
  await rotateLog(site.logFile);
  const fixed = settings['port'] !== undefined;
  for (let attempt = 1; ; attempt++) {
    const port = fixed ? Number(settings['port']) : await freePort();
    const all = {
      ...DEFAULT_SETTINGS,
      ...settings,
      port: String(port),
      listen_addresses: HOST,
      unix_socket_directories: '',
    };
    const args = ['-D', folderArgument(site, site.pgdata)];
    for (const [name, value] of Object.entries(all)) args.push('-c', `${name}=${value}`);
    const { child, exited, logTail } = await start(site, site.binaries.postgres, args, site.pgdata, 'ignore');
    const problem = await untilReady(site.pgdata, child);
    if (problem === undefined) {
      const pid = child.pid as number;
      const endWatch = watchOwner(site, pid);
      void exited.then(endWatch);
      child.unref();
      return { child, pid, port, exited };
    }
    child.kill('SIGKILL');
    await exited;
    const portTaken = /could not create any TCP\/IP sockets/.test(await logTail());
    if (!portTaken || fixed || attempt === PORT_ATTEMPTS) throw await startFailed(problem, logTail);
  }
}

/** Undefined once the postmaster accepts connections, else why it never will. */
async function untilReady(pgdata: string, child: ChildProcess): Promise<string | undefined> {
  const end = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) return `the server ended with ${ending(child)}`;
    const file = await readPidFile(pgdata);
    // On Windows the recorded pid may be that of a child of ours.
    if (file?.ready && (file.pid === child.pid || process.platform === 'win32')) return undefined;
    if (Date.now() > end) return `the server was not ready after ${READY_TIMEOUT_MS / 1000} s`;
    await delay(READY_POLL_MS);
  }
}

/**
 * A shell that shuts the postmaster down when this process dies without doing so (its end of the pipe closes,
 * also on SIGKILL). In a session of its own, out of reach of Ctrl-C. Returns the way to dismiss it.
 */
function watchOwner(site: Site, pid: number): () => void {
  if (process.platform === 'win32') return () => undefined;
  const script = `trap '' INT TERM HUP; read -r _; kill -INT ${pid}`;
  const watch = spawn('/bin/sh', ['-c', script], {
    ...childOptions(site, '/'),
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without a shell there is no watch; the next start still stops what was left.
  watch.on('error', () => undefined);
  watch.stdin.on('error', () => undefined);
  watch.unref();
  (watch.stdin as unknown as { unref(): void }).unref();
  return () => {
    watch.kill('SIGKILL');
    watch.stdin.destroy();
  };
}

interface Started {
  child: ChildProcess;
  exited: Promise<void>;
  /** The last lines that the program logged since it started. */
  logTail: () => Promise<string>;
}

/** Runs a PostgreSQL program with its output in the log file; resolves once it runs. */
async function start(
  site: Site,
  program: string,
  args: string[],
  cwd: string,
  stdin: number | 'ignore',
): Promise<Started> {
  const log = await fs.open(site.logFile, 'a', 0o600);
  const { size } = await log.stat();
  try {
    const child = spawn(program, args, { ...childOptions(site, cwd), stdio: [stdin, log.fd, log.fd] });
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => reject(cannotRun(error, program, site.account)));
    });
    return { child, exited, logTail: () => tailOf(site.logFile, size) };
  } finally {
    await log.close();
  }
}

function childOptions(site: Site, cwd: string): SpawnOptions {
  return {
    cwd,
    // Nothing of ours, so that neither PG* variables nor LD_LIBRARY_PATH reach the server.
    env: Object.fromEntries(
      ['PATH', 'SystemRoot', 'TEMP', 'TMP', 'TMPDIR']
        .flatMap((name) => {
          const value = process.env[name];
          return value === undefined ? [] : [[name, value]];
        })
        .concat([
          ['TZ', 'UTC'],
          ['LC_ALL', 'C'],
        ]),
    ),
    // A session of its own: Ctrl-C in the terminal must reach us first.
    detached: true,
    windowsHide: true,
    ...(site.account === undefined ? {} : { uid: site.account.uid, gid: site.account.gid }),
  };
}

/**
 * The folder as the server should name it. Another account may not be able to walk there (a folder under
 * /root, or of mkdtemp): on Linux it starts inside and reaches it as its working directory, by no path at all.
 */
function folderArgument(site: Site, folder: string): string {
  return site.account !== undefined && process.platform === 'linux' ? '/proc/self/cwd' : folder;
}

function cannotRun(error: NodeJS.ErrnoException, program: string, account: Account | undefined): RepriseError {
  if (error.code === 'ENOENT' && process.platform === 'linux') {
    // The program was found before: what is missing is the loader that it names.
    return new RepriseError(
      'EMBEDDED_UNSUPPORTED',
      `${program} needs glibc, which this system (Alpine or another musl Linux) does not have. ` +
        'Set DATABASE_URL, or use an image with glibc such as node:20-slim.',
      { cause: error },
    );
  }
  const who = account === undefined ? '' : ` as the account "${account.name}"`;
  return new RepriseError('EMBEDDED_START_FAILED', `cannot run ${program}${who}: ${error.message}`, { cause: error });
}

async function startFailed(problem: string, logTail: () => Promise<string>): Promise<RepriseError> {
  const tail = await logTail();
  const text = `PostgreSQL did not start: ${problem}.`;
  return new RepriseError('EMBEDDED_START_FAILED', tail === '' ? text : `${text} Its log ends with:\n${tail}`);
}

async function tailOf(file: string, from: number): Promise<string> {
  try {
    const text = (await fs.readFile(file)).subarray(from).toString('utf8');
    return text.trimEnd().split('\n').slice(-15).join('\n');
  } catch (error) {
    return `(its log cannot be read: ${messageOf(error)})`;
  }
}

function ending(child: ChildProcess): string {
  return child.signalCode === null ? `exit code ${child.exitCode}` : `signal ${child.signalCode}`;
}

function checkVersion(site: Site, version: string): void {
  if (version === site.binaries.major) return;
  throw new RepriseError(
    'EMBEDDED_START_FAILED',
    `${site.pgdata} was written by PostgreSQL ${version}, and this Reprise carries ${site.binaries.major}. ` +
      'Use the Reprise that made it, or choose another data directory.',
  );
}

async function rotateLog(file: string): Promise<void> {
  const { size } = await fs.stat(file).catch(() => ({ size: 0 }));
  if (size > LOG_ROTATE_BYTES) await fs.rename(file, `${file}.1`);
}

/** Makes a rename in the folder survive a power failure, where the platform can. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await fs.open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, HOST, () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
