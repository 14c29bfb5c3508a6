import { pause } from '../pause.ts';
import type { TargetConnection } from '../target/connection.ts';
import type { SessionPool } from './sessions.ts';
import type { TargetMonitor } from './target-monitor.ts';

/** How long statements under way get to end, cancelled or by themselves, before their backends are terminated. */
const GRACE_MS = 400;
/** A cancel request meets one statement; what is pipelined behind it needs another. */
const CANCEL_AGAIN_MS = 50;
/** How long a terminated backend gets. */
const LAST_WAIT_MS = 200;

/** A signal for waits that nothing ends early. */
const NEVER = new AbortController().signal;

/**
 * Ends the statements under way, for a run that is being ended: they are cancelled, then their backends are
 * terminated, then their connections cut. Afterwards each has its outcome. Never rejects.
 *
 * With a `how` of neither `waits` nor `cancels` backends are terminated at once. `waits`: what ends soon by itself may.
 */
export async function cutStatementsShort(
  pool: SessionPool | null,
  monitor: TargetMonitor | null,
  how: { readonly waits: boolean; readonly cancels: boolean },
): Promise<void> {
  if (pool === null) return;
  if (how.waits) await untilIdle(pool, GRACE_MS);
  const until = performance.now() + GRACE_MS;
  for (let busy = busyOf(pool); how.cancels && busy.length > 0; busy = busyOf(pool)) {
    const left = until - performance.now();
    if (left <= 0) break;
    await within(left, Promise.allSettled(busy.map((connection) => connection.cancel())));
    await untilIdle(pool, CANCEL_AGAIN_MS);
  }
  const rest = busyOf(pool);
  if (rest.length === 0) return;
  // Only cut off, a backend would go on with what it has until it next writes.
  const terminated = monitor?.terminate(rest.map(({ processId }) => processId));
  await within(LAST_WAIT_MS, Promise.allSettled([terminated]));
  for (const connection of rest) if (connection.inFlight > 0) connection.destroy('the run has ended');
}

/** Waits until nothing is under way, at most so many milliseconds. */
async function untilIdle(pool: SessionPool, ms: number): Promise<void> {
  const until = performance.now() + ms;
  while (performance.now() < until && busyOf(pool).length > 0) await pause(5, NEVER);
}

function busyOf(pool: SessionPool): TargetConnection[] {
  return [...pool.open()].flatMap(({ connection }) =>
    connection !== null && connection.inFlight > 0 ? [connection] : [],
  );
}

/** Waits for the work, or so many milliseconds, whichever is shorter. */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const waited = new AbortController();
  await Promise.race([work, pause(ms, waited.signal)]);
  waited.abort();
}
