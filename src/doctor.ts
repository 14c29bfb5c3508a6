import { createServer } from 'node:net';
import { type Config, loadConfig } from './config.ts';
import { messageOf, RepriseError } from './errors.ts';
import { checkTarget, type TargetCheck } from './replay/target-check.ts';
import { findDashboard } from './server/static.ts';
import { readServiceFile, type ServiceFile } from './service-file.ts';
import { type ConnectionOptions, parseDatabaseUrl } from './store/connection.ts';
import { embeddedVersion, inspectFolder, inspectStore, type StoreInspection } from './store/inspect.ts';
import { TargetConnection } from './target/connection.ts';
import { type DatabaseFacts, readDatabaseFacts } from './target/identity.ts';
import { checkTargetPolicy, createTargetPolicy } from './target/policy.ts';

/** One thing that was looked at. */
export interface Finding {
  readonly area: 'configuration' | 'installation' | 'journal' | 'service' | 'targets';
  readonly name: string;
  /** FAIL: something asked for does not work. WARN: it works, with less than it could. */
  readonly status: 'OK' | 'WARN' | 'FAIL';
  readonly detail: string;
  /** What to do about it; null where nothing needs doing. */
  readonly advice: string | null;
}

/** Below this, an import of an afternoon's log may fill the disk. */
const LITTLE_SPACE_BYTES = 1024 ** 3;
const OLDEST_NODE = [20, 19] as const;

/** What is installed here. `ownDatabase`: the journal is in DATABASE_URL, so that no embedded PostgreSQL is needed. */
export async function inspectInstallation(ownDatabase: boolean): Promise<readonly Finding[]> {
  const found = (name: string) => finding('installation', name);
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const newEnough = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  const dashboard = findDashboard();
  return [
    newEnough
      ? found('Node.js').ok(process.versions.node)
      : found('Node.js').fail(process.versions.node, `install Node.js ${OLDEST_NODE.join('.')} or later`),
    await embeddedVersion().then(
      (version) => found('embedded PostgreSQL').ok(version),
      (error) =>
        ownDatabase
          ? found('embedded PostgreSQL').ok('not installed, and not needed: DATABASE_URL is set')
          : found('embedded PostgreSQL').fail(messageOf(error), 'install it, or set DATABASE_URL'),
    ),
    dashboard === null
      ? found('dashboard').warn('not built', 'run `npm run build`; GraphQL and the CLI work without it')
      : found('dashboard').ok('built'),
  ];
}

/** The service that owns the data folder of a configuration; null when none runs, or its journal is in DATABASE_URL. */
export async function ownService({ databaseUrl, dataDir }: Config): Promise<ServiceFile | null> {
  return databaseUrl === null ? readServiceFile(dataDir) : null;
}

/** The journal's database and, without DATABASE_URL, its folder. Changes and starts nothing. */
export async function inspectJournal(config: Config, service: ServiceFile | null): Promise<readonly Finding[]> {
  if (config.databaseUrl !== null) return [await inspectDatabase(config.databaseUrl, 'database', 'DATABASE_URL')];
  const folder = await inspectFolder(config.dataDir);
  const findings: Finding[] = [folderFinding(config, folder)];
  if (service !== null) {
    findings.push(await inspectDatabase(service.databaseUrl, 'database', `the service of process ${service.pid}`));
  } else if (folder.holder !== null) {
    const what = `process ${folder.holder} uses the folder: an import, or a service that is starting or stopping`;
    findings.push(finding('journal', 'database').warn(what, 'look again when it is done'));
  } else if (folder.writtenBy !== null) {
    findings.push(finding('journal', 'database').ok('embedded; started by `reprise serve` and `reprise import`'));
  }
  return findings;
}

function folderFinding(config: Config, folder: Awaited<ReturnType<typeof inspectFolder>>): Finding {
  const found = finding('journal', 'data folder');
  if (!folder.writable) {
    return found.fail(`${config.dataDir} cannot be written`, 'change its permissions, or set REPRISE_DATA_DIR');
  }
  if (folder.freeBytes !== null && folder.freeBytes < LITTLE_SPACE_BYTES) {
    const left = `${Math.floor(folder.freeBytes / 1024 ** 2)} MB are free for ${config.dataDir}`;
    return found.warn(
      left,
      'make room, set REPRISE_RETENTION_BYTES and REPRISE_REPLAY_RETENTION_DAYS, or set REPRISE_DATA_DIR',
    );
  }
  if (folder.writtenBy === null) return found.ok(`${config.dataDir}, which the first \`serve\` or \`import\` makes`);
  return found.ok(`${config.dataDir}, written by PostgreSQL ${folder.writtenBy}`);
}

async function inspectDatabase(url: string, name: string, whence: string): Promise<Finding> {
  const found = finding('journal', name);
  let store: StoreInspection;
  try {
    store = await inspectStore(url);
  } catch (error) {
    return found.fail(messageOf(error), `start it, or correct ${whence}`);
  }
  const what = `${store.label}, PostgreSQL ${store.serverVersion}, of ${whence}`;
  if (!store.supported) return found.fail(what, '13 or later is needed: upgrade it, or name another');
  if (store.unknown.length > 0) {
    return found.fail(
      `${what}: its schema is of a later Reprise (${store.unknown.join(', ')})`,
      'install that release',
    );
  }
  if (store.applied.length === 0 && !store.mayCreate) {
    return found.fail(`${what}: empty, and the login may not create a schema`, 'GRANT CREATE ON DATABASE … TO it');
  }
  if (store.pending.length > 0) {
    return found.ok(`${what}; the next start applies ${store.pending.join(', ')}`);
  }
  return found.ok(`${what}, ${store.applied.length} migrations applied`);
}

/** Whether the service's port is free, or who has it. */
export async function inspectPort({ host, port }: Config, service: ServiceFile | null): Promise<Finding> {
  const found = finding('service', 'port');
  if (service !== null) {
    const { hostname, port: held } = new URL(service.url);
    return found.ok(`${held} of ${hostname} is held by the service of process ${service.pid}`);
  }
  if (port === 0) return found.ok('any free one (REPRISE_PORT is 0)');
  const taken = await bindable(host, port);
  if (taken === null) return found.ok(`${port} of ${host} is free for \`reprise serve\``);
  if (taken !== 'EADDRINUSE') {
    return found.fail(`${port} of ${host} cannot be listened on (${taken})`, 'correct REPRISE_HOST or REPRISE_PORT');
  }
  return (await isReprise(host, port))
    ? found.ok(`${port} of ${host} is held by a Reprise service`)
    : found.fail(`${port} of ${host} is held by another program`, 'stop it, or set REPRISE_PORT');
}

/** Null when the port could be listened on a moment ago, else the code of the error. */
function bindable(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

async function isReprise(host: string, port: number): Promise<boolean> {
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  try {
    return await within(2_000, async (signal) => {
      const response = await fetch(`http://${name}:${port}/health`, { signal });
      return ((await response.json()) as { status?: unknown }).status === 'up';
    });
  } catch {
    return false;
  }
}

/** Why a service would not start with the targets and rules of this configuration; null where it would. */
export function targetFault({ targets, allowTargets }: Config): RepriseError | null {
  try {
    checkTargetPolicy({ aliases: targets, allow: allowTargets });
    return null;
  } catch (error) {
    if (error instanceof RepriseError && error.code === 'CONFIG_INVALID') return error;
    throw error;
  }
}

/** Every target of this configuration, as the service that reads it would see it. */
export async function inspectTargets(config: Config, service: ServiceFile | null): Promise<readonly Finding[]> {
  const journal = optionsOf(config.databaseUrl ?? service?.databaseUrl ?? null);
  const policy = createTargetPolicy({
    aliases: config.targets,
    allow: config.allowTargets,
    forbidden: journal === null ? [] : [{ ...journal, what: "the journal's own database" }],
  });
  const facts = journal === null || config.targets.length === 0 ? null : await journalFacts(journal);
  return Promise.all(
    policy.aliases().map(({ alias }) =>
      checkTarget(policy, { alias }, facts).then(
        (check) => targetFinding(alias, check),
        (error) => brokenTarget(alias, messageOf(error)),
      ),
    ),
  );
}

/** Null where there is no URL, or none that can be read, which is a finding about the journal. */
function optionsOf(url: string | null): ConnectionOptions | null {
  try {
    return url === null ? null : parseDatabaseUrl(url);
  } catch {
    return null;
  }
}

/** By which the journal's database is known, whatever way leads to it; null when it does not answer. */
async function journalFacts(options: ConnectionOptions): Promise<DatabaseFacts | null> {
  const journal = { alias: 'journal', ...options };
  const limits = {
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 5_000,
    applicationName: 'reprise doctor',
    readOnly: true,
  };
  try {
    const resolved = await createTargetPolicy({ aliases: [journal], allow: [], forbidden: [] }).resolve(journal);
    const connection = await TargetConnection.connect(resolved, limits);
    return await readDatabaseFacts(connection).finally(() => connection.close());
  } catch {
    return null;
  }
}

/** What a target that answered is, as a finding. */
export function targetFinding(
  alias: string,
  check: Pick<TargetCheck, 'serverVersion' | 'roundTripMs' | 'inRecovery' | 'readOnlyByDefault'>,
): Finding {
  const what = `PostgreSQL ${check.serverVersion}, ${check.roundTripMs.toFixed(1)} ms a round trip`;
  const found = finding('targets', alias);
  if (check.inRecovery) return found.warn(`${what}, a standby`, 'statements that write will fail: replay reads only');
  if (check.readOnlyByDefault) {
    return found.warn(`${what}, read-only for this login`, 'set default_transaction_read_only off for it to write');
  }
  return found.ok(what);
}

/** A target that is refused or out of reach, as a finding. */
export function brokenTarget(alias: string, message: string): Finding {
  return finding('targets', alias).fail(message, 'correct REPRISE_TARGETS, or start the target');
}

/**
 * Runs something that ends when its signal aborts. Of `AbortSignal.timeout` Node.js does not wait for the time, and
 * its fetch never settles when the other side closes at once.
 */
export async function within<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new Error(`no answer within ${ms / 1000} s`)), ms);
  try {
    return await work(limit.signal);
  } finally {
    clearTimeout(timer);
  }
}

/** The configuration; null when it does not stand. */
export function configOf(...given: Parameters<typeof loadConfig>): Config | null {
  try {
    return loadConfig(...given);
  } catch {
    return null;
  }
}

/** Makes findings about one thing. */
export function finding(area: Finding['area'], name: string) {
  return {
    ok: (detail: string): Finding => ({ area, name, status: 'OK', detail, advice: null }),
    warn: (detail: string, advice: string): Finding => ({ area, name, status: 'WARN', detail, advice }),
    fail: (detail: string, advice: string): Finding => ({ area, name, status: 'FAIL', detail, advice }),
  };
}
