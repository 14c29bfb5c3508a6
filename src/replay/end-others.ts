import { messageOf } from '../errors.ts';
import { pause } from '../pause.ts';
import type { TargetConnection } from '../target/connection.ts';
import type { ResolvedTarget } from '../target/spec.ts';
import type { ConnectOptions } from '../target/statement.ts';
import { Connector, wasLost } from './connector.ts';
import type { ReplayRequest } from './request.ts';
import { MAY_END, ofRun, type RunMarks } from './run-key.ts';

/** How long backends that were told to end may take. Milliseconds. */
const END_MS = 10_000;
/** The same for a run that is being cancelled, the login included. */
const LAST_MS = 500;
/** Between two looks at first, and at most: each wait is twice the one before. */
const AGAIN_MS = 10;
const MOST_AGAIN_MS = 320;

/** Backends of one login that are still there. */
interface Left {
  readonly login: string;
  readonly count: number;
  /** The asking role may end them, and has told them to. */
  readonly told: boolean;
}

/**
 * Ends the backends that an earlier process of a run has left on the target, by their marks, and resolves
 * when they are gone: the monitor's those that its role may end, each mapped login its own.
 * @throws Error when some are there to stay; the message says whose, and who may end them
 */
export async function endOthers(
  monitor: Pick<TargetConnection, 'query'>,
  connector: Connector,
  request: ReplayRequest,
  marks: RunMarks,
  signal: AbortSignal,
): Promise<void> {
  const until = performance.now() + END_MS;
  for (let waitMs = AGAIN_MS; ; waitMs = Math.min(2 * waitMs, MOST_AGAIN_MS)) {
    const isLate = performance.now() > until;
    const left = await tellToEnd(monitor, marks).catch((error: unknown) => {
      // The monitor has another connection when it is asked again.
      if (isLate || signal.aborted || !wasLost(error)) throw error;
      return null;
    });
    if (left?.length === 0) return;
    let why = 'they do not end though they were told to';
    for (const { login } of left?.filter(({ told }) => !told) ?? []) {
      const mapped = request.users.find(({ user }) => user === login);
      if (mapped === undefined) throw new Error(cannotEnd(left ?? [], connector, 'it is no login of this replay'));
      await connector
        .use({ ...cleaning(request.connectTimeoutMs), user: mapped.user, password: mapped.password }, (connection) =>
          tellToEnd(connection, marks),
        )
        .catch((error: unknown) => {
          why = messageOf(error);
        });
    }
    if (signal.aborted) return;
    if (isLate) throw new Error(cannotEnd(left ?? [], connector, why));
    await pause(waitMs, signal);
  }
}

/**
 * The same for a run that is being cancelled: within half a second, on a connection of its own. Gives what is to be told where that
 * could not be had; null: nothing is left. Never rejects.
 */
export async function endLeftBehind(
  target: ResolvedTarget,
  request: ReplayRequest,
  marks: RunMarks,
): Promise<string | null> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), LAST_MS);
  const connector = new Connector(target, limit.signal);
  try {
    await connector.use(cleaning(LAST_MS), (connection) =>
      endOthers(connection, connector, request, marks, limit.signal),
    );
    return limit.signal.aborted ? notEnded(new Error('the target did not say so in time')) : null;
  } catch (error) {
    return notEnded(limit.signal.aborted ? new Error('the target did not answer in time') : error);
  } finally {
    clearTimeout(timer);
  }
}

/** What is told where `endLeftBehind` could not do it. */
export function notEnded(error: unknown): string {
  return `what its dead process has left running on the target may still run: ${messageOf(error)}`;
}

function cleaning(connectTimeoutMs: number): ConnectOptions {
  return { connectTimeoutMs, statementTimeoutMs: END_MS, applicationName: 'reprise clean-up', readOnly: true };
}

/** Tells those to end that the connection's role may end; gives what is still there. */
async function tellToEnd(connection: Pick<TargetConnection, 'query'>, marks: RunMarks): Promise<readonly Left[]> {
  const { rows } = await connection.query(
    `SELECT login, count(*), pg_catalog.bool_and(CASE WHEN may THEN pg_catalog.pg_terminate_backend(pid) IS NOT NULL ELSE false END)
     FROM (
       SELECT pid, coalesce(usename, '') AS login, ${MAY_END} AS may
       FROM pg_catalog.pg_stat_activity LEFT JOIN pg_catalog.pg_roles ON pg_roles.oid = usesysid
       WHERE pid <> pg_catalog.pg_backend_pid() AND ${ofRun(marks)}
     ) AS others GROUP BY login ORDER BY login`,
  );
  return rows.map(([login, count, told]) => ({ login: login ?? '', count: Number(count), told: told === 't' }));
}

function cannotEnd(left: readonly Left[], connector: Connector, why: string): string {
  const whose = left.map(({ login, count }) => `${count} of role ${JSON.stringify(login)}`).join(', ');
  const { user } = connector.target;
  return (
    `sessions that an earlier process of this replay left on the target could not be ended (${whose}): ${why}. ` +
    `End them (pg_terminate_backend), or GRANT pg_signal_backend TO "${user}", then resume the replay`
  );
}
