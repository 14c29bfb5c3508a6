import { decodeTailCursor, encodeTailCursor } from '../journal/cursor.ts';
import type { Entry } from '../journal/entry.ts';
import type { JournalStore, TailKey } from '../journal/store.ts';
import { checkFilter, type EntryFilter } from '../journal/window.ts';
import { createPullStream, type PullSource } from '../replay/pull-stream.ts';
import { builder } from './builder.ts';
import { inRange } from './connection.ts';
import { JournalEntry } from './journal-entry.ts';
import { EntryFilterInput, filterOfInput } from './journal-input.ts';
import { untilAborted } from './progress-source.ts';

/** Hints may be lost with the connection that brings them, so the tail also looks by itself. */
const LOOK_MS = 1000;

interface TailBatch {
  readonly entries: readonly Entry[];
  /** Whether retention took entries from behind the cursor that it goes on from. */
  readonly evicted: boolean;
  readonly cursor: TailKey;
}

/** Follows the journal in order of arrival. Holds one payload's entries at most. */
class TailSource implements PullSource<TailBatch> {
  private readonly journal: JournalStore;
  private readonly filter: EntryFilter;
  private readonly batchSize: number;
  private after: TailKey;
  private closed = false;
  /** True when something was appended since the last look. */
  private hinted = true;
  private wake: (() => void) | null = null;
  private readonly unsubscribe: () => void;

  constructor(journal: JournalStore, after: TailKey, filter: EntryFilter, batchSize: number) {
    this.journal = journal;
    this.after = after;
    this.filter = filter;
    this.batchSize = batchSize;
    this.unsubscribe = journal.onAppend(() => {
      this.hinted = true;
      this.wake?.();
    });
  }

  async next(): Promise<TailBatch | null> {
    while (!this.closed) {
      this.hinted = false;
      const end = await this.journal.tailEnd();
      const entries = await this.journal.tail(this.after, this.filter, this.batchSize);
      // Asked behind the entries: what is evicted until then may be missing among them.
      const evicted = await this.journal.evictedBehind(this.after);
      // Where nothing up to there passes, it is not looked through again.
      const cursor = entries.at(-1) ?? end;
      this.after = cursor;
      if (entries.length > 0 || evicted) return { entries, evicted, cursor };
      await this.hint();
    }
    return null;
  }

  private hint(): Promise<void> {
    if (this.hinted || this.closed) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        this.wake = null;
        resolve();
      };
      const timer = setTimeout(finish, LOOK_MS);
      this.wake = finish;
    });
  }

  close(): void {
    this.closed = true;
    this.unsubscribe();
    this.wake?.();
  }
}

const JournalTailRef = builder.objectRef<TailBatch>('JournalTail').implement({
  description: 'One payload of the tail of the journal.',
  fields: (t) => ({
    cursor: t.field({
      type: 'Cursor',
      description: 'Behind the last entry: give it as `after` to go on from here.',
      resolve: ({ cursor }) => encodeTailCursor(cursor),
    }),
    entries: t.field({
      type: [JournalEntry],
      description: 'Entries, in order of arrival. None: where all that there was is `evicted`.',
      resolve: ({ entries }) => [...entries],
    }),
    evicted: t.exposeBoolean('evicted', {
      description:
        'Retention has evicted entries that had arrived behind the cursor from which this payload goes on, before they could be ' +
        'sent. Whether they would have passed the filter is not known; losses of the coverage tell how many were evicted.',
    }),
  }),
});

builder.subscriptionField('journalTail', (t) =>
  t.field({
    type: JournalTailRef,
    description:
      'Entries as they arrive, in order of arrival: none comes twice, and none is missed but those that retention evicts before ' +
      'the client takes them, of which `evicted` tells. Goes on until the client leaves.',
    args: {
      filter: t.arg({ type: EntryFilterInput, description: 'Which entries; default: all.' }),
      after: t.arg({
        type: 'Cursor',
        description: 'A cursor of an earlier payload; default: only what arrives from now on.',
      }),
      batchSize: t.arg.int({
        required: true,
        defaultValue: 100,
        description: 'Most entries of a payload, 1 to 1,000.',
      }),
    },
    subscribe: async (_root, { filter, after, batchSize }, { journal, signal }) => {
      inRange('batchSize', batchSize, 1, 1000);
      const key = after == null ? await journal.tailEnd() : decodeTailCursor(after, ['after']);
      const source = new TailSource(journal, key, checkFilter(filterOfInput(filter)), batchSize);
      return untilAborted(createPullStream(source), signal);
    },
    resolve: (batch) => batch,
  }),
);
