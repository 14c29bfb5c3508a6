import { RepriseError } from '../errors.ts';
import type { TargetConnection } from '../target/connection.ts';
import { type DatabaseFacts, isSameDatabase, readDatabaseFacts } from '../target/identity.ts';
import { targetLabel } from '../target/spec.ts';
import type { ConnectOptions } from '../target/statement.ts';
import type { Connector } from './connector.ts';
import type { RunControl } from './control.ts';
import type { EventFeed } from './feed.ts';
import { readPersistently } from './persistent-reads.ts';
import type { ReportBuilder } from './report-builder.ts';
import { answerGraceMs, type ReplayRequest } from './request.ts';
import type { RunMarks } from './run-key.ts';
import { mappedDatabases } from './target-check.ts';
import { type AsLogin, BEHIND_POOLER, TargetMonitor } from './target-monitor.ts';

/** What the first connection of a run is made with. */
export interface MonitorParts {
  readonly connector: Connector;
  readonly request: ReplayRequest;
  readonly marks: RunMarks;
  /** The database that keeps the journal: never a target, by whatever name it is reached. */
  readonly journalFacts: () => Promise<DatabaseFacts | null>;
  readonly control: RunControl;
  readonly feed: EventFeed;
  readonly report: ReportBuilder;
}

/** How long a question of the monitor may take the target. Milliseconds. */
const ASK_MS = 10_000;
/** How long the end of one that is not needed any more is waited for. Milliseconds. */
const CLOSE_MS = 200;

/**
 * Makes the run's first connection, and another one where that is lost at once. `opened`: told of each monitor before it is asked
 * anything.
 * @throws RepriseError TARGET_UNREACHABLE, TARGET_LOST; TARGET_REFUSED for what can be no target
 */
export function connectMonitor(parts: MonitorParts, opened: (monitor: TargetMonitor) => void): Promise<TargetMonitor> {
  const { connector, request, marks, feed, report } = parts;
  const options: ConnectOptions = {
    connectTimeoutMs: request.connectTimeoutMs,
    applicationName: `${marks.name} monitor`,
    statementTimeoutMs: ASK_MS,
    answerGraceMs: answerGraceMs(request),
    readOnly: true,
  };
  const connect = () => connector.open(options);
  const connectOnce = async () => {
    const connection = await connect();
    const monitor = new TargetMonitor(connection, connect, marks, asLogin(connector, request, options));
    opened(monitor);
    try {
      await refuseJournal(parts, options, connection);
      await monitor.refuseSharedBackends();
      if (!(await monitor.isDirect())) report.remark(BEHIND_POOLER);
    } catch (error) {
      // It may have been another connection that was lost: the next monitor takes the place of this one.
      await monitor.close(CLOSE_MS);
      throw error;
    }
    return monitor;
  };
  return connector.persist(request.connectTimeoutMs, connectOnce, (error) => {
    const message = `a connection of the run was lost before it began, and is made again (${error.message})`;
    feed.emit({ kind: 'NOTICE', code: 'CONNECTION_LOST', sessionId: null, message });
  });
}

/** A mapped login may end its own backends, whatever the target's user may. */
function asLogin(connector: Connector, { users }: ReplayRequest, options: ConnectOptions): AsLogin {
  return (user) => {
    const mapped = users.find((login) => login.user === user);
    if (mapped === undefined) return null;
    return (work) => connector.use({ ...options, user, password: mapped.password }, work);
  };
}

/** Whatever it is called, and whether the target itself or a mapped database is it. */
async function refuseJournal(
  { connector, request, journalFacts: askFacts, control }: MonitorParts,
  options: ConnectOptions,
  connection: TargetConnection,
): Promise<void> {
  const { target } = connector;
  const journalFacts = await readPersistently(askFacts, control);
  if (journalFacts === null) return;
  const refuse = (database: string, facts: DatabaseFacts) => {
    if (!isSameDatabase(journalFacts, facts)) return;
    const label = targetLabel({ ...target, database });
    throw new RepriseError('TARGET_REFUSED', `${label} is the database that keeps the journal: choose another target`);
  };
  refuse(target.database, await readDatabaseFacts(connection));
  for (const database of mappedDatabases(request).filter((name) => name !== target.database)) {
    const facts = await connector
      .use({ ...options, database }, readDatabaseFacts)
      // Sessions that are to go there will say so; it may be that none is.
      .catch((error: unknown) => {
        if (error instanceof RepriseError && error.code === 'TARGET_UNREACHABLE') return null;
        throw error;
      });
    if (facts !== null) refuse(database, facts);
  }
}
