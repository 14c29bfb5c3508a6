import { signal } from '@preact/signals';
import {
  type EntryFilterInput,
  type EntryRowFragment,
  TailRowsDocument,
  type TailRowsSubscription,
} from '../../client/index.ts';
import { type ConnectionState, resumingStream } from '../../client/resuming-stream.ts';
import { webSocketTransport } from '../../client/websocket.ts';
import { endpoint, GIVE_UP_AFTER_MS, noticeRefusal } from './api.ts';

/** Entries that are kept: the newest. */
const MOST = 2000;
/** Entries that are shown while nothing is to move under the reader. */
const MOST_WHILE_STOPPED = 6000;

/** Follows the journal in order of arrival, over as many connections as it takes. */
export class JournalTail {
  readonly rows = signal<readonly EntryRowFragment[]>([]);
  readonly connection = signal<ConnectionState>({ state: 'CONNECTING' });
  readonly error = signal<unknown>(null);
  /** Entries that arrived in all. */
  readonly arrived = signal(0);
  readonly following = signal(true);
  readonly #filter: EntryFilterInput | null;
  readonly #stop = new AbortController();
  #newest: readonly EntryRowFragment[] = [];
  #after: string | null = null;

  constructor(filter: EntryFilterInput | null) {
    this.#filter = filter;
    void this.#follow();
  }

  close(): void {
    this.#stop.abort();
  }

  /** Goes on behind the last entry, after an error. */
  restart(): void {
    this.error.value = null;
    void this.#follow();
  }

  setFollowing(following: boolean): void {
    this.following.value = following;
    if (following) this.rows.value = this.#newest;
  }

  async #follow(): Promise<void> {
    const stream = resumingStream<TailRowsSubscription['journalTail']>({
      endpoint: endpoint(),
      transport: webSocketTransport,
      after: this.#after,
      operation: (after) => ({
        query: TailRowsDocument.toString(),
        variables: { filter: this.#filter, after, batchSize: 200 },
      }),
      read: (data) => {
        const { journalTail } = data as TailRowsSubscription;
        return { value: journalTail, cursor: journalTail.cursor, ended: false };
      },
      onConnection: (state) => {
        this.connection.value = state;
      },
      signal: this.#stop.signal,
      giveUpAfterMs: GIVE_UP_AFTER_MS,
    });
    try {
      for await (const { entries, cursor } of stream) {
        this.#after = cursor;
        this.arrived.value += entries.length;
        this.#newest = [...this.#newest, ...entries].slice(-MOST);
        if (this.following.value) this.rows.value = this.#newest;
        else if (this.rows.value.length < MOST_WHILE_STOPPED) this.rows.value = [...this.rows.value, ...entries];
      }
    } catch (error) {
      noticeRefusal(error);
      this.error.value = error;
    }
  }
}
