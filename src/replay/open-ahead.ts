import type { TargetSession } from './sessions.ts';
import type { WalkContext } from './walk.ts';

/**
 * At recorded pace: opens the connections of sessions before their statements are due, as far as there is room. A
 * connection takes milliseconds, which would be lag of the session's first statement, and in TIMESTAMP of all that
 * follow. `first`: before the schedule begins, which waits for them then.
 *
 * What fails is told by the statement that needs the connection, which tries again.
 */
export async function openAhead(
  { request, pool, control, settled }: WalkContext,
  sessionsOf: () => Iterable<TargetSession>,
  first: boolean,
): Promise<void> {
  // A resumed run passes over what was sent before: its sessions may need no connection any more.
  if (request.pace.mode !== 'RECORDED' || settled !== null || control.endReason !== null) return;
  const opening: Promise<unknown>[] = [];
  let { room } = pool;
  for (const session of new Set(sessionsOf())) {
    if (session.connection !== null) continue;
    room -= 1;
    if (room < 0) break;
    opening.push(pool.connect(session));
  }
  const opened = Promise.allSettled(opening);
  if (first) await opened;
}
