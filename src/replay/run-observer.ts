import type { RunState } from './run-state.ts';
import type { Replay } from './store.ts';
import type { ReplaySummary } from './summary.ts';

/** Who asked for a run, as far as its observers need to know. */
export interface RunCause {
  /** Of the request that started or resumed it; null where there was none. */
  readonly requestId: string | null;
  /** Its place in a trace, as W3C Trace Context says it; null where nothing is traced. */
  readonly trace: { readonly traceparent: string; readonly tracestate?: string | undefined } | null;
}

/** Hears what becomes of the runs of an engine, for logs and traces. Nothing is told of single statements. */
export interface RunObserver {
  /** A run begins, or goes on in this process when `resumed`. */
  began(replay: Replay, cause: RunCause, resumed: boolean): RunListener;
}

/** Hears of one run. Must not throw. */
export interface RunListener {
  /** A state became durable. The last one heard is an end state, unless the store failed. */
  state(state: RunState): void;
  /** Nothing more is sent: connections are closed and what is left of the results is stored. */
  finishing(): void;
  /** Nothing of the run is left in this process. */
  ended(end: RunEnd): void;
}

/** How a run ended. */
export interface RunEnd {
  readonly summary: ReplaySummary;
  /** Why it FAILED. The message may quote what a target said of a statement. */
  readonly error: { readonly code: string; readonly message: string } | null;
  /** Why its end could not be stored; null when it was. */
  readonly storeError: unknown;
}

/** Tells several observers, in their order. */
export function observeAll(observers: readonly RunObserver[]): RunObserver {
  return {
    began(replay, cause, resumed) {
      const listeners = observers.map((observer) => observer.began(replay, cause, resumed));
      return {
        state: (state) => {
          for (const listener of listeners) listener.state(state);
        },
        finishing: () => {
          for (const listener of listeners) listener.finishing();
        },
        ended: (end) => {
          for (const listener of listeners) listener.ended(end);
        },
      };
    },
  };
}
