import type { ConnectionState } from '../../client/index.ts';
import { Badge } from './badge.tsx';

/** How fresh what is shown is. */
export type Freshness = ConnectionState | { readonly state: 'CATCHING_UP' } | { readonly state: 'ENDED' };

/** Live, reconnecting, catching up: as a word and a sign; changes are read aloud. */
export function ConnectionBadge({ connection }: { readonly connection: Freshness }) {
  return (
    <span role="status" class="connection" data-connection={connection.state}>
      {connection.state === 'LIVE' ? (
        <Badge tone="good" icon="live">
          Live
        </Badge>
      ) : connection.state === 'RECONNECTING' ? (
        <Badge tone="warn" icon="warn">
          Reconnecting
        </Badge>
      ) : connection.state === 'CATCHING_UP' ? (
        <Badge tone="info" icon="ring">
          Catching up
        </Badge>
      ) : connection.state === 'ENDED' ? null : (
        <Badge tone="neutral" icon="ring">
          Connecting
        </Badge>
      )}
    </span>
  );
}
