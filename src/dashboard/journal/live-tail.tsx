import { useEffect, useMemo } from 'preact/hooks';
import type { EntryFilterInput } from '../../client/index.ts';
import { signedInAs } from '../lib/api.ts';
import { plural } from '../lib/format.ts';
import { JournalTail } from '../lib/tail.ts';
import { ConnectionBadge } from '../ui/connection-badge.tsx';
import { Icon } from '../ui/icon.tsx';
import { Failure } from '../ui/notice.tsx';
import { VirtualTable } from '../ui/virtual-table.tsx';
import { ENTRY_COLUMNS } from './entry-columns.tsx';

/** Entries as they arrive in the journal. */
export function LiveTail(props: { readonly filter: EntryFilterInput | null; readonly onOpen: (id: string) => void }) {
  const key = `${signedInAs.value} ${JSON.stringify(props.filter)}`;
  const tail = useMemo(() => new JournalTail(props.filter), [key]);
  useEffect(() => () => tail.close(), [tail]);
  const following = tail.following.value;
  return (
    <section aria-label="Live tail">
      <div class="row between pad">
        <div class="row">
          <ConnectionBadge connection={tail.connection.value} />
          <span class="soft" role="status">
            {tail.arrived.value === 0
              ? 'Waiting for entries to arrive'
              : `${plural(tail.arrived.value, 'entry', 'entries')} arrived`}
          </span>
        </div>
        <button type="button" class="small" aria-pressed={following} onClick={() => tail.setFollowing(!following)}>
          <Icon name={following ? 'pause' : 'down'} size={12} /> {following ? 'Stop following' : 'Follow'}
        </button>
      </div>
      <Failure error={tail.error.value} retry={() => tail.restart()} />
      <VirtualTable
        label="Entries as they arrive"
        columns={ENTRY_COLUMNS}
        rows={tail.rows.value}
        rowKey={(row) => row.id}
        onOpen={(row) => props.onOpen(row.id)}
        follow={following}
        onScrolledAway={() => tail.setFollowing(false)}
      />
    </section>
  );
}
