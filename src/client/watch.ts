import { request } from './client.ts';
import {
  ReplayDocument,
  ReplayProgressDocument,
  type ReplayProgressSubscription,
  type ReplayState,
} from './generated/graphql.ts';
import { type ConnectionState, resumingStream, SequenceCheck } from './resuming-stream.ts';
import type { Endpoint, Transport } from './transport.ts';

/** One payload of a run's stream: events in order, the cursor behind them, state and summary as they are now. */
export type ReplayUpdate = ReplayProgressSubscription['replayProgress'];

/** What of a run is told, from where on. */
export interface WatchOptions {
  /** A cursor of an earlier update: everything later comes. Default: from the start. */
  readonly after?: string | null;
  /** Most events of an update, 1 to 1,000; default 100. */
  readonly batchSize?: number;
  /** How long an update may wait to fill, milliseconds; default 50. */
  readonly maxWaitMs?: number;
  /** Default STATEMENTS: every event. */
  readonly detail?: 'STATEMENTS' | 'FAILURES' | 'SUMMARY';
  /** Ends the iteration at once. */
  readonly signal?: AbortSignal;
  /** Told of the first connection and of every one that breaks. */
  readonly onConnection?: (state: ConnectionState) => void;
  /** Longest time without the service; default 5 minutes. */
  readonly giveUpAfterMs?: number;
}

/** True when nothing more happens to a run in this state by itself. */
export function hasEnded(state: ReplayState): boolean {
  return state === 'COMPLETED' || state === 'CANCELLED' || state === 'FAILED' || state === 'INTERRUPTED';
}

/**
 * Follows a run to its end, over as many connections as it takes. See `Client.watchReplay`.
 */
export function watchReplay(
  endpoint: Endpoint,
  transport: Transport,
  replayId: string,
  options: WatchOptions = {},
): AsyncIterableIterator<ReplayUpdate, void, undefined> {
  const { after = null, batchSize = 100, maxWaitMs = 50, detail = 'STATEMENTS' } = options;
  const sequence = new SequenceCheck(after === null ? 0 : null, detail === 'STATEMENTS');
  let ended = false;
  return resumingStream<ReplayUpdate>({
    endpoint,
    transport,
    after,
    operation: (from) => ({
      query: ReplayProgressDocument.toString(),
      variables: { replayId, after: from, batchSize, maxWaitMs, detail },
    }),
    read(data) {
      const update = (data as ReplayProgressSubscription).replayProgress;
      for (const event of update.events) {
        sequence.check(event.seq);
        // An interrupted run that was resumed has events behind its end.
        ended = event.__typename === 'StateEvent' && hasEnded(event.state);
      }
      return { value: update, cursor: update.cursor, ended };
    },
    async confirmEnd(signal) {
      const { replay } = await request(endpoint, ReplayDocument, { id: replayId }, signal);
      return replay === null || replay === undefined || hasEnded(replay.state);
    },
    onConnection: options.onConnection,
    signal: options.signal,
    giveUpAfterMs: options.giveUpAfterMs,
  });
}
