import { useSignal } from '@preact/signals';
import type { Divergence, OutcomeFilterInput, OutcomeStatus, Verdict } from '../../client/index.ts';
import { DIVERGENCES as DIVERGENCE_KINDS } from '../../client/words.ts';
import { usePaged } from '../lib/paged.ts';
import { useSettled } from '../lib/resource.ts';
import { route, setQuery } from '../lib/router.ts';
import { DIVERGENCES, OUTCOMES, VERDICTS } from '../lib/words.ts';
import { FilterSelect, SearchBox } from '../ui/filters.tsx';
import { Icon } from '../ui/icon.tsx';
import { Empty } from '../ui/notice.tsx';
import { LoadedCount, PagedTable } from '../ui/paged-table.tsx';
import { nextMatches } from './matches.ts';
import { OUTCOME_COLUMNS } from './outcome-columns.tsx';
import type { Outcome } from './statement-tail.ts';

const STATUSES = ['SUCCEEDED', 'FAILED', 'SKIPPED', 'UNKNOWN'] as const satisfies readonly OutcomeStatus[];
const KINDS = ['SAME', 'DIVERGED', 'UNVERIFIABLE'] as const satisfies readonly Verdict[];

interface Props {
  readonly replayId: string;
  /** Statements that have an outcome. */
  readonly reported: number;
  readonly version: string;
  /** Between looks for those that come, in ms; null: none comes any more. */
  readonly againMs: number | null;
  readonly onOpen: (outcome: Outcome) => void;
}

/** Every outcome of the run, by pages: the durable results. */
export function OutcomesTab({ replayId, reported, version, againMs, onOpen }: Props) {
  const status = useSignal<OutcomeStatus | ''>('');
  const verdict = useSignal<Verdict | ''>('');
  const divergence = useSignal<Divergence | ''>('');
  const sqlstate = useSignal('');
  const session = useSignal('');
  const newest = useSignal(false);
  const settledSession = useSettled(session.value.trim(), 300);
  const settledSqlstate = useSettled(sqlstate.value.trim().toUpperCase(), 300);
  const fingerprint = route.value.query.get('statement');
  const filter: OutcomeFilterInput = {
    ...(status.value ? { statuses: [status.value] } : {}),
    ...(verdict.value ? { verdicts: [verdict.value] } : {}),
    ...(divergence.value ? { divergences: [divergence.value] } : {}),
    // One that is still being typed is none yet, which the service refuses.
    ...(settledSqlstate.length === 5 ? { sqlstates: [settledSqlstate] } : {}),
    ...(settledSession ? { sessionId: settledSession } : {}),
    ...(fingerprint ? { fingerprint } : {}),
  };
  const list = usePaged(
    `${replayId} ${version} ${newest.value} ${JSON.stringify(filter)}`,
    (after, abort) => nextMatches(replayId, filter, { after, newest: newest.value }, abort),
    againMs,
  );
  return (
    <section class="card flush" aria-labelledby="outcomes-title">
      <div class="row between pad">
        <h2 id="outcomes-title">Outcomes</h2>
        <LoadedCount list={list} />
      </div>
      <search class="filter-bar">
        <FilterSelect
          label="Status"
          any="Any status"
          value={status.value}
          options={STATUSES.map((value) => [value, OUTCOMES[value].label])}
          onChange={(value) => {
            status.value = value;
          }}
        />
        <FilterSelect
          label="Against the record"
          any="Any comparison"
          value={verdict.value}
          options={KINDS.map((value) => [value, VERDICTS[value]])}
          onChange={(value) => {
            verdict.value = value;
          }}
        />
        <FilterSelect
          label="Divergence"
          any="Any divergence"
          value={divergence.value}
          options={DIVERGENCE_KINDS.map((value) => [value, DIVERGENCES[value].label])}
          onChange={(value) => {
            divergence.value = value;
          }}
        />
        <input
          type="text"
          class="short"
          aria-label="SQLSTATE"
          placeholder="SQLSTATE"
          maxLength={5}
          value={sqlstate.value}
          onInput={(event) => {
            sqlstate.value = event.currentTarget.value;
          }}
        />
        <SearchBox
          label="Session"
          placeholder="Session id"
          value={session.value}
          onInput={(value) => {
            session.value = value;
          }}
        />
        <label class="inline">
          <input
            type="checkbox"
            checked={newest.value}
            onChange={(event) => {
              newest.value = event.currentTarget.checked;
            }}
          />
          Newest first
        </label>
      </search>
      {fingerprint && (
        <p class="pad row chosen">
          <span>
            Calls of one normalised statement, <code>{fingerprint}</code>
          </span>
          <button type="button" class="small" onClick={() => setQuery({ statement: null })}>
            <Icon name="cross" size={12} /> All statements
          </button>
        </p>
      )}
      <PagedTable
        label="Outcomes of the run"
        list={list}
        columns={OUTCOME_COLUMNS}
        rowKey={(row) => row.seq}
        onOpen={onOpen}
        height="70vh"
        empty={
          <Empty title="No outcomes">{reported === 0 ? 'No statement has an outcome.' : 'Nothing matches.'}</Empty>
        }
      />
    </section>
  );
}
