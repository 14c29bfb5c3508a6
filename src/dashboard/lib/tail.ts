import { signal } from '@preact/signals';
import {
  type EntryFilterInput,
  type EntryRowFragment,
  TailRowsDocument,
  type TailRowsSubscription,
} from '../../client/index.ts';
import { type ConnectionState, resumingStream } from '../../client/resuming-stream.ts';
import { webSocketTransport } from '../../client/websocket.ts';
import { endpoint, noticeRefusal } from './api.ts';

/** Entries that are kept: the newest. */
const MOST = 2000;

/** Follows the journal in order of arrival, over as many connections as it takes. */
export class JournalTail {
  readonly rows = signal<readonly EntryRowFragment[]>([]);
  readonly connection = signal<ConnectionState>({ state: 'CONNECTING' });
  readonly error = signal<unknown>(null);
  /** Entries that arrived in all. */
  readonly arrived = signal(0);
  readonly #stop = new AbortController();

  constructor(filter: EntryFilterInput | null) {
    void this.#follow(filter);
  }

  close(): void {
    this.#stop.abort();
  }

  async #follow(filter: EntryFilterInput | null): Promise<void> {
    const stream = resumingStream<TailRowsSubscription['journalTail']>({
      endpoint: endpoint(),
      transport: webSocketTransport,
      after: null,
      operation: (after) => ({
        query: TailRowsDocument.toString(),
        variables: { filter, after, batchSize: 200 },
      }),
      read: (data) => {
        const { journalTail } = data as TailRowsSubscription;
        return { value: journalTail, cursor: journalTail.cursor, ended: false };
      },
      onConnection: (state) => {
        this.connection.value = state;
      },
      signal: this.#stop.signal,
    });
    try {
      for await (const { entries } of stream) {
        this.arrived.value += entries.length;
        this.rows.value = [...this.rows.value, ...entries].slice(-MOST);
      }
    } catch (error) {
      noticeRefusal(error);
      this.error.value = error;
    }
  }
}
