import { messageOf } from '../errors.ts';
import { pause } from '../pause.ts';
import type { TargetConnection } from '../target/connection.ts';
import type { Connector } from './connector.ts';
import type { ReplayRequest } from './request.ts';
import { ofRun, type RunMarks } from './run-key.ts';

/** How long backends that were told to end may take. Milliseconds. */
const END_MS = 10_000;
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
  monitor: { query: TargetConnection['query'] },
  connector: Connector,
  request: ReplayRequest,
  marks: RunMarks,
  signal: AbortSignal,
): Promise<void> {
  const until = performance.now() + END_MS;
  for (let waitMs = AGAIN_MS; ; waitMs = Math.min(2 * waitMs, MOST_AGAIN_MS)) {
    const left = await tellToEnd(monitor, marks);
    if (left.length === 0) return;
    let why = 'they do not end though they were told to';
    for (const { login } of left.filter(({ told }) => !told)) {
      const mapped = request.users.find(({ user }) => user === login);
      if (mapped === undefined) throw new Error(cannotEnd(left, connector, 'it is no login of this replay'));
      await connector
        .use(
          {
            connectTimeoutMs: request.connectTimeoutMs,
            statementTimeoutMs: END_MS,
            applicationName: 'reprise clean-up',
            readOnly: true,
            user: mapped.user,
            password: mapped.password,
          },
          (connection) => tellToEnd(connection, marks),
        )
        .catch((error: unknown) => {
          why = messageOf(error);
        });
    }
    if (signal.aborted) return;
    if (performance.now() > until) throw new Error(cannotEnd(left, connector, why));
    await pause(waitMs, signal);
  }
}

/** Tells those to end that the connection's role may end; gives what is still there. */
async function tellToEnd(connection: { query: TargetConnection['query'] }, marks: RunMarks): Promise<readonly Left[]> {
  const { rows } = await connection.query(
    `SELECT login, count(*), pg_catalog.bool_and(CASE WHEN may THEN pg_catalog.pg_terminate_backend(pid) IS NOT NULL ELSE false END)
     FROM (
       SELECT pid, coalesce(usename, '') AS login,
         (pg_catalog.pg_has_role(usesysid, 'USAGE') OR pg_catalog.pg_has_role('pg_signal_backend', 'USAGE'))
         AND (NOT coalesce(rolsuper, false) OR pg_catalog.current_setting('is_superuser') = 'on') AS may
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
