import type { JournalStore } from '../journal/store.ts';
import type { TraceContext, Tracer } from './tracer.ts';

/** The same store with a span for each batch that it appends, below `parent`. */
export function traceAppends(store: JournalStore, tracer: Tracer, parent: TraceContext): JournalStore {
  return {
    ...store,
    async append(batch) {
      const span = tracer.begin('journal append', parent, {
        'reprise.journal.entries': batch.entries?.length ?? 0,
        'reprise.journal.transactions': batch.begun?.length ?? 0,
        'reprise.journal.losses': batch.losses?.length ?? 0,
      });
      try {
        const result = await store.append(batch);
        const { accepted, duplicates } = result;
        span.end({ 'reprise.journal.accepted': accepted, 'reprise.journal.duplicates': duplicates });
        return result;
      } catch (error) {
        const { code } = error as { readonly code?: unknown };
        span.end({}, typeof code === 'string' ? code : 'INTERNAL');
        throw error;
      }
    },
  };
}
