import type { Entry } from '../journal/entry.ts';
import type { SkipReason } from './event.ts';
import type { ReplayRequest } from './request.ts';

/**
 * Ways by which a statement makes its read-only session writable again. The server enforces read-only sessions,
 * but lets their owner change them; so that it does not come to that, such statements are not sent. Looked for
 * in the whole text: a literal that holds one of these words is refused too, which is the safe side.
 */
const MAKES_WRITABLE = /\bread\s+write\b|transaction_read_only/i;

/** Why an entry must not be sent to the target, whatever its transaction does; null when it may be. */
export function refusalOf(entry: Entry, request: Pick<ReplayRequest, 'readOnly'>): SkipReason | null {
  if (entry.unreplayable !== null) return entry.unreplayable;
  return request.readOnly && MAKES_WRITABLE.test(entry.statement) ? 'READ_ONLY' : null;
}
