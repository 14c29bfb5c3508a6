import type { RunObserver } from '../replay/run-observer.ts';
import { hasEnded, type RunState } from '../replay/run-state.ts';
import type { TracedSpan, Tracer } from './tracer.ts';

/**
 * A span for each run, below the request that started it, and one for each of its phases: `replay connect` to the
 * first RUNNING, `replay walk` while statements are sent, `replay finish` until all of it is stored. No spans of
 * single statements: a run has millions, and its own events tell more of each.
 */
export function traceRuns(tracer: Tracer): RunObserver {
  return {
    began(replay, { trace }, resumed) {
      const { id, request } = replay;
      const run = tracer.begin('replay', trace, {
        'reprise.replay.id': id,
        'reprise.replay.target': replay.targetLabel,
        'reprise.replay.ordering': request.ordering,
        'reprise.replay.pace': request.pace.mode,
        'reprise.replay.resumed': resumed,
      });
      let phase: TracedSpan | null = null;
      const enter = (name: string) => {
        phase?.end();
        phase = tracer.begin(name, run.context, { 'reprise.replay.id': id });
      };
      enter('replay connect');
      let last: RunState | null = null;
      let walking = false;
      return {
        state(state) {
          last = state;
          if (state === 'RUNNING' && !walking) {
            walking = true;
            enter('replay walk');
          }
        },
        finishing: () => enter('replay finish'),
        ended({ summary, error, storeError }) {
          phase?.end();
          const { succeeded, failed, cascades, skipped, unknown } = summary;
          const counts = Object.entries({ succeeded, failed, cascades, skipped, unknown });
          const failure = error?.code ?? (storeError === null ? undefined : 'STORE_UNAVAILABLE');
          run.end(
            {
              ...(last !== null && hasEnded(last) ? { 'reprise.replay.state': last } : {}),
              ...Object.fromEntries(counts.map(([name, count]) => [`reprise.replay.${name}`, count])),
            },
            failure,
          );
        },
      };
    },
  };
}
