import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { signedInAs } from './api.ts';

/** One page of a list as the API gives it. */
export interface Page<T> {
  readonly nodes: readonly T[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

/**
 * The next page that holds something, or the last one: the service looks at a bounded part at once, so that a page may be
 * empty and lead on.
 */
export async function nextFilled<T>(
  after: string | null,
  load: (after: string | null) => Promise<Page<T>>,
): Promise<Page<T>> {
  let place = after;
  for (;;) {
    const page = await load(place);
    if (page.nodes.length > 0 || !page.pageInfo.hasNextPage) return page;
    place = page.pageInfo.endCursor;
  }
}

/** A list that grows by pages as it is scrolled. */
export interface PagedList<T> {
  readonly rows: readonly T[];
  readonly loading: boolean;
  readonly error: unknown;
  /** Whether all there is has been loaded. */
  readonly complete: boolean;
  /** Asks for the next page, unless one is under way or there is none. */
  more(): void;
  reload(): void;
}

/**
 * The pages of a query, from the first whenever `key` changes. Rows of the former key stay until the first new page
 * is there, so that nothing flickers. A list that may still grow is asked for what has come behind its end every
 * `againMs`; null: it does not grow.
 */
export function usePaged<T>(
  key: string | null,
  load: (after: string | null, abort: AbortSignal) => Promise<Page<T>>,
  againMs: number | null = null,
): PagedList<T> {
  const rows: Signal<readonly T[]> = useSignal<readonly T[]>([]);
  const loading = useSignal(key !== null);
  const error = useSignal<unknown>(null);
  const complete = useSignal(false);
  const turn = useSignal(0);
  const state = useRef<{ after: string | null; abort: AbortController; busy: boolean } | null>(null);
  const session = signedInAs.value;

  const fetchPage = () => {
    const current = state.current;
    if (current === null || current.busy) return;
    current.busy = true;
    loading.value = true;
    const { after, abort } = current;
    load(after, abort.signal).then(
      (page) => {
        if (abort.signal.aborted) return;
        current.busy = false;
        current.after = page.pageInfo.endCursor ?? after;
        rows.value = after === null ? page.nodes : [...rows.value, ...page.nodes];
        complete.value = !page.pageInfo.hasNextPage;
        error.value = null;
        loading.value = false;
      },
      (thrown) => {
        if (abort.signal.aborted) return;
        current.busy = false;
        error.value = thrown;
        loading.value = false;
      },
    );
  };

  useEffect(() => {
    if (key === null) {
      rows.value = [];
      complete.value = true;
      loading.value = false;
      return;
    }
    const abort = new AbortController();
    state.current = { after: null, abort, busy: false };
    complete.value = false;
    fetchPage();
    return () => {
      abort.abort();
      state.current = null;
    };
  }, [key, turn.value, session]);

  useEffect(() => {
    if (againMs === null) return;
    const timer = setInterval(() => {
      if (complete.value && !document.hidden) fetchPage();
    }, againMs);
    return () => clearInterval(timer);
  }, [key, againMs]);

  return {
    rows: rows.value,
    loading: loading.value,
    error: error.value,
    complete: complete.value,
    more: () => {
      if (!complete.value && !loading.value) fetchPage();
    },
    reload: () => {
      turn.value += 1;
    },
  };
}
