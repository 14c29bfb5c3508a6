import { type EntryFilterInput, TailEntriesDocument, type TailEntriesSubscription } from './generated/graphql.ts';
import { type ConnectionState, resumingStream } from './resuming-stream.ts';
import type { Endpoint, Transport } from './transport.ts';

/**
 * One payload of the tail of the journal: entries in order of arrival, the cursor behind them, and whether retention `evicted` some
 * that had arrived before they could be sent. It has no entries where none are left.
 */
export type TailUpdate = TailEntriesSubscription['journalTail'];

/** Which entries, from where on. */
export interface TailOptions {
  /** Which entries; default all. */
  readonly filter?: EntryFilterInput;
  /** A cursor of an earlier update: everything later comes. Default: what arrives from now on. */
  readonly after?: string | null;
  /** Most entries of an update, 1 to 1,000; default 100. */
  readonly batchSize?: number;
  /** Ends the iteration at once. */
  readonly signal?: AbortSignal;
  /** Told of the first connection and of every one that breaks. */
  readonly onConnection?: (state: ConnectionState) => void;
  /** Longest time without the service; default 5 minutes. */
  readonly giveUpAfterMs?: number;
}

/** Follows the journal over as many connections as it takes. See `Client.tailJournal`. */
export function tailJournal(
  endpoint: Endpoint,
  transport: Transport,
  { filter = {}, after = null, batchSize = 100, onConnection, signal, giveUpAfterMs }: TailOptions = {},
): AsyncIterableIterator<TailUpdate, void, undefined> {
  return resumingStream<TailUpdate>({
    endpoint,
    transport,
    after,
    operation: (from) => ({ query: TailEntriesDocument.toString(), variables: { filter, after: from, batchSize } }),
    read(data) {
      const update = (data as TailEntriesSubscription).journalTail;
      return { value: update, cursor: update.cursor, ended: false };
    },
    onConnection,
    signal,
    giveUpAfterMs,
  });
}
