import type { Logger } from 'pino';
import type { RunObserver } from './replay/run-observer.ts';
import { hasEnded, type RunState } from './replay/run-state.ts';

/** Errors of runs that speak of connections and times; the others may quote a statement or its values. */
const SPEAKS_OF_NO_STATEMENT: ReadonlySet<string> = new Set([
  'TARGET_UNREACHABLE',
  'TARGET_LOST',
  'TARGET_REFUSED',
  'CONNECTION_LIMIT',
  'RUN_TIMEOUT',
  'ENTRIES_EVICTED',
  'STORE_UNAVAILABLE',
]);

/** Logs the life of each run: a line for each state, all with its `replayId` and the `requestId` that started it. */
export function logRuns(logger: Logger): RunObserver {
  return {
    began({ id, targetLabel }, { requestId }, resumed) {
      const log = logger.child({ replayId: id, ...(requestId === null ? {} : { requestId }) });
      log.info({ target: targetLabel }, resumed ? 'replay resumes' : 'replay begins');
      let last: RunState | null = null;
      return {
        state(state) {
          last = state;
          if (!hasEnded(state)) log.info({ state }, 'replay changes its state');
        },
        finishing() {
          log.debug('replay finishes');
        },
        ended({ summary, error, storeError }) {
          const { succeeded, failed, cascades, skipped, unknown, elapsedMs } = summary;
          const counts = { succeeded, failed, cascades, skipped, unknown, elapsedMs: Math.round(elapsedMs) };
          const reason = error !== null && SPEAKS_OF_NO_STATEMENT.has(error.code) ? { reason: error.message } : {};
          const why = error === null ? {} : { code: error.code, ...reason };
          // Who opened the engine tells of it.
          if (storeError !== null) return;
          if (last === 'FAILED') log.warn({ state: last, ...counts, ...why }, 'replay ended');
          else log.info({ state: last, ...counts }, 'replay ended');
        },
      };
    },
  };
}
