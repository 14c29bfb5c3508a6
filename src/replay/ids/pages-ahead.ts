import type { Entry, EntryKey } from '../../journal/entry.ts';
import type { JournalStore } from '../../journal/store.ts';
import type { EntryFilter, Window } from '../../journal/window.ts';

/** Entries a page. */
const PAGE = 2_000;

/** Reads a window of the record page by page, in its total order, one page ahead of who asks. */
export class PagesAhead {
  private readonly journal: JournalStore;
  private readonly window: Window;
  private readonly filter: EntryFilter;
  private last: EntryKey | null = null;
  private isOver = false;
  private ahead: ReturnType<JournalStore['page']> | null = null;

  constructor(journal: JournalStore, window: Window, filter: EntryFilter) {
    this.journal = journal;
    this.window = window;
    this.filter = filter;
  }

  /** Of the last entry that was given. */
  get newest(): EntryKey | null {
    return this.last;
  }

  /** The last page was given. */
  get ended(): boolean {
    return this.isOver;
  }

  /** The next page. */
  async next(): Promise<readonly Entry[]> {
    const page = await (this.ahead ?? this.request());
    const last = page.entries.at(-1) ?? null;
    if (last !== null) this.last = last;
    this.isOver = !page.hasMore || last === null;
    this.ahead = this.isOver ? null : this.request();
    return page.entries;
  }

  private request(): ReturnType<JournalStore['page']> {
    const page = this.journal.page(this.window, this.filter, this.last, PAGE);
    // The walk may end before it is asked for; the rejection is reported when it is.
    page.catch(() => {});
    return page;
  }
}
