import { parseMicros, type Span } from '../lib/time.ts';
import { Notice } from '../ui/notice.tsx';

/** The window that an address names. */
export interface AddressWindow {
  /** Null: none, or none that can be used. */
  readonly span: Span | null;
  /** Why what it names is no window. */
  readonly fault: string | null;
}

/** The window of a query: `from` and `to`. */
export function windowOfQuery(query: URLSearchParams): AddressWindow {
  const [from, to] = [query.get('from'), query.get('to')];
  if (from === null && to === null) return { span: null, fault: null };
  const span = { from: parseMicros(from ?? ''), to: parseMicros(to ?? '') };
  if (span.from === null || span.to === null)
    return { span: null, fault: 'it needs from and to, each like 2026-11-23T10:00:00Z' };
  if (span.from > span.to) return { span: null, fault: 'it ends before it begins' };
  return { span: { from: span.from, to: span.to }, fault: null };
}

/** Says that the whole journal stands where the address names another window. Nothing where it names none. */
export function WindowFault({ fault }: Pick<AddressWindow, 'fault'>) {
  if (fault === null) return null;
  return (
    <div role="alert">
      <Notice tone="warn" title="This is the whole journal">
        The window in the address cannot be used: {fault}.
      </Notice>
    </div>
  );
}
