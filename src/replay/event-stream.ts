import type { ReplayEvent } from './event.ts';
import type { EventReader } from './event-reader.ts';
import { createPullStream } from './pull-stream.ts';

const EVENTS_AT_ONCE = 1_000;

/** The events of a reader one by one, to the run's end; closes the reader. */
export function streamEvents(reader: EventReader): AsyncIterableIterator<ReplayEvent, undefined> {
  let batch: readonly ReplayEvent[] = [];
  let at = 0;
  return createPullStream<ReplayEvent>({
    next: async () => {
      while (at >= batch.length) {
        const read = await reader.read(EVENTS_AT_ONCE, 0);
        if (read.events.length === 0 && read.ended) return null;
        batch = read.events;
        at = 0;
      }
      return batch[at++] ?? null;
    },
    close: () => reader.close(),
  });
}

/**
 * The events of a run that is being started, for one reader who holds the run: leaving the loop early cancels it and
 * goes on when it has ended. An error of the start is that of the first `next`.
 */
export function streamStartedRun(
  starting: Promise<{ readonly id: string }>,
  run: {
    /** Opens the events of the run; called when the first is asked for. */
    events(id: string): AsyncIterableIterator<ReplayEvent, undefined>;
    /** Resolves when the run has ended. */
    cancel(id: string): Promise<unknown> | undefined;
  },
): AsyncIterableIterator<ReplayEvent, undefined> {
  // Who leaves before the run has started is told nothing any more.
  starting.catch(() => {});
  let events: AsyncIterableIterator<ReplayEvent, undefined> | null = null;
  let ended: Promise<unknown> = Promise.resolve();
  const stream = createPullStream<ReplayEvent>({
    next: async () => {
      events ??= run.events((await starting).id);
      const { value, done } = await events.next();
      return done === true ? null : value;
    },
    close: () => {
      void events?.return?.();
      ended = starting.then(
        ({ id }) => run.cancel(id),
        () => {},
      );
    },
  });
  return {
    next: () => stream.next(),
    // A pending next is settled at once; whoever leaves the loop goes on when the run has ended.
    return: async () => {
      await stream.return?.();
      await ended;
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
