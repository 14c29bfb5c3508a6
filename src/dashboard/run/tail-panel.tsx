import { useSignal } from '@preact/signals';
import { plural } from '../lib/format.ts';
import { SearchBox } from '../ui/filters.tsx';
import { Icon } from '../ui/icon.tsx';
import { VirtualTable } from '../ui/virtual-table.tsx';
import { TAIL_COLUMNS } from './outcome-columns.tsx';
import { isPassed, type Outcome, type StatementTail, type TailItem } from './statement-tail.ts';

interface Props {
  readonly tail: StatementTail;
  /** More may come. */
  readonly active: boolean;
  readonly onOpen: (outcome: Outcome) => void;
}

/** Statements as they are reported: follow or stop, failures only, search in what is shown. */
export function TailPanel({ tail, active, onOpen }: Props) {
  const search = useSignal('');
  const words = search.value.trim().toLowerCase();
  const all = tail.rows.value;
  const rows = words
    ? all.filter(
        (item) =>
          !isPassed(item) &&
          `${item.entry?.statement ?? ''} ${item.message ?? ''} ${item.sqlstate ?? ''} ${item.sessionId}`
            .toLowerCase()
            .includes(words),
      )
    : all;
  const following = tail.following.value;
  return (
    <section class="card flush" aria-labelledby="tail-title">
      <div class="row between pad">
        <h2 id="tail-title">{active ? 'Statements' : 'Last statements'}</h2>
        <div class="row">
          <SearchBox
            label="Search in the statements shown"
            placeholder="Search in these"
            shortcut
            value={search.value}
            onInput={(value) => {
              search.value = value;
            }}
          />
          <label class="inline">
            <input
              type="checkbox"
              checked={tail.failuresOnly.value}
              onChange={(event) => tail.setFailuresOnly(event.currentTarget.checked)}
            />
            Failures only
          </label>
          {active && (
            <button type="button" class="small" aria-pressed={following} onClick={() => tail.setFollowing(!following)}>
              <Icon name={following ? 'pause' : 'down'} size={12} /> {following ? 'Stop following' : 'Follow'}
            </button>
          )}
        </div>
      </div>
      <VirtualTable<TailItem>
        label="Statements as they are reported"
        columns={TAIL_COLUMNS}
        rows={rows}
        rowKey={(row) => row.seq}
        onOpen={(row) => {
          if (!isPassed(row)) onOpen(row);
        }}
        follow={following}
        onScrolledAway={() => tail.setFollowing(false)}
        height="420px"
        footer={
          words
            ? plural(rows.length, 'match', 'matches')
            : rows.length > 0
              ? null
              : tail.failuresOnly.value
                ? active
                  ? 'No failure so far.'
                  : 'No failure.'
                : 'Nothing reported yet.'
        }
      />
    </section>
  );
}
