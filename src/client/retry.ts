import { type ErrorCode, messageOf, RepriseError } from '../errors.ts';
import { pause } from '../pause.ts';

/** Longest wait before another attempt, milliseconds. */
export const LONGEST_WAIT_MS = 10_000;
/** First wait before another attempt, milliseconds. */
export const FIRST_WAIT_MS = 250;
/** How long a service may be away, milliseconds. */
export const GIVE_UP_AFTER_MS = 300_000;

/** A service or a store that is away comes back, and so does room for another request. */
const PASSING: readonly ErrorCode[] = ['SERVICE_UNREACHABLE', 'STORE_UNAVAILABLE', 'TOO_MANY_REQUESTS'];

/** Whether the same request may succeed later. */
export function mayPass(error: unknown): error is RepriseError {
  return error instanceof RepriseError && PASSING.includes(error.code);
}

/** How long to wait behind so many failures in a row (1 or more): twice as long each time, and up to a half less by chance. */
export function waitBehind(failures: number, firstWaitMs: number): number {
  const limit = Math.min(LONGEST_WAIT_MS, firstWaitMs * 2 ** (failures - 1));
  return Math.round(limit * (0.5 + Math.random() / 2));
}

/**
 * What `ask` gives, which is asked again while the service or its store is away, or has no room, for up to five minutes.
 * `onFailure` is told of each failure that is waited behind. Throws what `ask` failed with last; an abort of `signal`
 * ends the waiting.
 */
export async function persistently<T>(
  ask: () => Promise<T>,
  signal: AbortSignal,
  onFailure: (reason: string, waitMs: number) => void,
): Promise<T> {
  const since = performance.now();
  for (let failures = 1; ; failures++) {
    try {
      return await ask();
    } catch (error) {
      if (signal.aborted || !mayPass(error) || performance.now() - since >= GIVE_UP_AFTER_MS) throw error;
      const waitMs = waitBehind(failures, FIRST_WAIT_MS);
      onFailure(messageOf(error), waitMs);
      await pause(waitMs, signal);
    }
  }
}
