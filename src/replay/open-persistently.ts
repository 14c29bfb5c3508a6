import { messageOf, RepriseError } from '../errors.ts';
import { pause } from '../pause.ts';
import type { TargetConnection } from '../target/connection.ts';
import { wasLost } from './connector.ts';

/** Attempts to open a connection again before the target counts as lost: some six seconds. */
export const REOPEN_ATTEMPTS = 6;
/** Attempts before the target counts as full where nobody can give up a connection, as long; milliseconds between them. */
const FULL_ATTEMPTS = 25;
const FULL_AGAIN_MS = 250;
/** … and where somebody can: the backend of a connection that was closed just now may not have ended yet. */
const FULL_ATTEMPTS_BESIDE_IDLE = 3;

/** The target lets no more in (53300): by its own limit, or that of the login or the database. */
export class TargetFull extends Error {}

/**
 * Opens a connection in the midst of a run. A target that restarts is back within seconds; one that is gone for longer ends the run.
 * `othersYield`: whether another session could give up its connection for this one.
 * @throws TargetFull; RepriseError TARGET_LOST; TARGET_UNREACHABLE where the target refuses this login or database
 */
export async function openPersistently(
  open: () => Promise<TargetConnection>,
  othersYield: () => boolean,
  signal: AbortSignal,
): Promise<TargetConnection> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await open();
    } catch (error) {
      const sqlstate = sqlstateOf(error);
      // A login or database that the server refuses now, it refuses in a second too.
      if (signal.aborted || isRefusal(sqlstate)) throw error;
      if (sqlstate === TOO_MANY_CONNECTIONS) {
        if (attempt >= (othersYield() ? FULL_ATTEMPTS_BESIDE_IDLE : FULL_ATTEMPTS))
          throw new TargetFull(messageOf(error), { cause: error });
        await pause(FULL_AGAIN_MS, signal);
        continue;
      }
      if (attempt >= REOPEN_ATTEMPTS) {
        throw new RepriseError('TARGET_LOST', `the target was lost during the run: ${messageOf(error)}`, {
          cause: error,
        });
      }
      await pause(100 * 2 ** attempt, signal);
    }
  }
}

/** True when the target let a login not in that it may let in later: it has no place for it, or the path broke off. */
export function isPassing(error: unknown): boolean {
  return wasLost(error) || sqlstateOf(error) === TOO_MANY_CONNECTIONS;
}

const TOO_MANY_CONNECTIONS = '53300';

/** True when the server itself refused the login (28…), or the database: it is none (3D000), closed (55000), not for this user (42501). */
function isRefusal(sqlstate: string): boolean {
  return sqlstate.startsWith('28') || sqlstate === '3D000' || sqlstate === '55000' || sqlstate === '42501';
}

function sqlstateOf(error: unknown): string {
  const cause = error instanceof RepriseError ? error.cause : null;
  return cause instanceof Error && 'sqlstate' in cause ? String(cause.sqlstate) : '';
}
