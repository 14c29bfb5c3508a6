// biome-ignore-all lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
import { useSignal } from '@preact/signals';
import type { NoticeCode } from '../../client/index.ts';
import { count } from '../lib/format.ts';
import { clock, dateTime } from '../lib/time.ts';
import { NOTICES, STATES } from '../lib/words.ts';
import { STATE_ICONS } from '../ui/badge.tsx';
import { Icon, type IconName } from '../ui/icon.tsx';
import { type EventKind, type EventLog, kindOf, type RunEvent } from './event-log.ts';

interface Props {
  readonly log: EventLog;
  /** More may come. */
  readonly active: boolean;
  /** What happened before this page was opened is still on its way. */
  readonly reading: boolean;
}

/** States and notices of the run, newest first. */
export function EventsPanel({ log, active, reading }: Props) {
  const chosen = useSignal<EventKind | ''>('');
  const kinds = Object.entries(log.counts) as [EventKind, number][];
  const shown = log.events.filter((event) => chosen.value === '' || kindOf(event) === chosen.value).reverse();
  const total = kinds.reduce((sum, [kind, n]) => (chosen.value === '' || kind === chosen.value ? sum + n : sum), 0);
  return (
    <section class="card" aria-labelledby="events-title">
      <div class="row between">
        <h2 id="events-title">Events</h2>
        {kinds.length > 1 && (
          <select
            class="auto"
            aria-label="Kind of event"
            value={chosen.value}
            onChange={(event) => {
              chosen.value = event.currentTarget.value as EventKind | '';
            }}
          >
            <option value="">All kinds</option>
            {kinds.map(([kind, n]) => (
              <option key={kind} value={kind}>
                {kind === 'STATE' ? 'State' : NOTICES[kind]} ({count(n)})
              </option>
            ))}
          </select>
        )}
      </div>
      {shown.length === 0 ? (
        <p class="soft">
          {reading
            ? 'Reading the log of the run…'
            : active
              ? 'States and notices appear here as the run reports them.'
              : 'The log of the run holds no states or notices.'}
        </p>
      ) : (
        <ol class="events" tabIndex={0} aria-label="States and notices, newest first">
          {shown.map((event) => (
            <li key={event.seq}>
              <span class="num soft nowrap" title={dateTime(event.at)}>
                {clock(event.at).slice(0, 12)}
              </span>
              <Icon name={iconOf(event)} size={14} />
              <span>
                {event.__typename === 'StateEvent' ? (
                  <>
                    <strong>{STATES[event.state].label}</strong> {event.reason}
                  </>
                ) : (
                  <>
                    <strong>{NOTICES[event.code]}</strong> {event.noticeMessage}
                  </>
                )}
              </span>
            </li>
          ))}
        </ol>
      )}
      {total > shown.length && (
        <p class="soft">{count(total - shown.length)} earlier ones are not shown: the newest of each kind are.</p>
      )}
    </section>
  );
}

const WARNINGS: ReadonlySet<NoticeCode> = new Set([
  'STALL',
  'CONNECTION_LOST',
  'IDS_UNSETTLED',
  'PREPARED_LEFT',
  'DATABASE_LEFT_OUT',
  'NOTHING_REPLAYED',
]);

function iconOf(event: RunEvent): IconName {
  if (event.__typename === 'StateEvent') return STATE_ICONS[event.state];
  return WARNINGS.has(event.code) ? 'warn' : 'info';
}
