// biome-ignore-all lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
import { count } from '../lib/format.ts';
import { clock } from '../lib/time.ts';
import { NOTICES, STATES } from '../lib/words.ts';
import { Icon, type IconName } from '../ui/icon.tsx';
import type { RunEvent } from './run-feed.ts';

const MOST = 200;

/** States and notices of the run, newest first. */
export function EventsPanel({ events }: { readonly events: readonly RunEvent[] }) {
  const shown = events.slice(-MOST).reverse();
  return (
    <section class="card" aria-labelledby="events-title">
      <h2 id="events-title">Events</h2>
      {shown.length === 0 ? (
        <p class="soft">States and notices appear here while the run is watched.</p>
      ) : (
        <ol class="events" tabIndex={0} aria-label="States and notices, newest first">
          {shown.map((event) => (
            <li key={event.seq}>
              <span class="num soft">{clock(event.at).slice(0, 12)}</span>
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
      {events.length > MOST && <p class="soft">{count(events.length - MOST)} earlier ones are not shown.</p>}
    </section>
  );
}

function iconOf(event: RunEvent): IconName {
  if (event.__typename === 'StateEvent') return 'ring';
  return event.code === 'STALL' || event.code === 'CONNECTION_LOST' || event.code === 'IDS_UNSETTLED' ? 'warn' : 'info';
}
