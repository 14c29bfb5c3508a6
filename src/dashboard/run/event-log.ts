import type { NoticeCode, ReplayUpdate } from '../../client/index.ts';

/** A state or a notice of a run. */
export type RunEvent = Exclude<ReplayUpdate['events'][number], { readonly __typename: 'OutcomeEvent' }>;

/** What an event is filed under. */
export type EventKind = NoticeCode | 'STATE';

/** States and notices of a run: the newest of each kind, so that thousands of stalls do not push out the rest. */
export interface EventLog {
  /** Oldest first. */
  readonly events: readonly RunEvent[];
  /** How many there were of each kind. */
  readonly counts: Readonly<Partial<Record<EventKind, number>>>;
}

/** The log of a run that has told nothing yet. */
export const NO_EVENTS: EventLog = { events: [], counts: {} };

const MOST_OF_A_KIND = 60;

/** What an event is filed under. */
export function kindOf(event: RunEvent): EventKind {
  return event.__typename === 'StateEvent' ? 'STATE' : event.code;
}

/** Why a run that has come to its end sent nothing that matters; null for one that did, or while that is not read yet. */
export function whyNothing({ events }: EventLog): string | null {
  const [message = null] = events.flatMap((event) =>
    event.__typename === 'NoticeEvent' && event.code === 'NOTHING_REPLAYED' ? [event.noticeMessage] : [],
  );
  return message;
}

/** The log with later events. */
export function withEvents(log: EventLog, added: readonly RunEvent[]): EventLog {
  if (added.length === 0) return log;
  const counts: Partial<Record<EventKind, number>> = { ...log.counts };
  for (const event of added) {
    const kind = kindOf(event);
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  const kept: Partial<Record<EventKind, number>> = {};
  const events: RunEvent[] = [];
  for (const event of [...log.events, ...added].reverse()) {
    const kind = kindOf(event);
    const before = kept[kind] ?? 0;
    if (before >= MOST_OF_A_KIND) continue;
    kept[kind] = before + 1;
    events.push(event);
  }
  return { events: events.reverse(), counts };
}
