import { useSignal } from '@preact/signals';
import { type OutcomeFilterInput, OutcomeRowsDocument, type OutcomeStatus, type Verdict } from '../../client/index.ts';
import { ask } from '../lib/api.ts';
import { count } from '../lib/format.ts';
import { usePaged } from '../lib/paged.ts';
import { useSettled } from '../lib/resource.ts';
import { OUTCOMES, VERDICTS } from '../lib/words.ts';
import { Icon } from '../ui/icon.tsx';
import { Empty, Failure } from '../ui/notice.tsx';
import { VirtualTable } from '../ui/virtual-table.tsx';
import { OUTCOME_COLUMNS } from './outcome-columns.tsx';
import type { Outcome } from './statement-tail.ts';

const STATUSES = ['SUCCEEDED', 'FAILED', 'SKIPPED', 'UNKNOWN'] as const satisfies readonly OutcomeStatus[];
const KINDS = ['SAME', 'DIVERGED', 'UNVERIFIABLE'] as const satisfies readonly Verdict[];

interface Props {
  readonly replayId: string;
  readonly version: string;
  readonly onOpen: (outcome: Outcome) => void;
}

/** Every outcome of the run, by pages: the durable results. */
export function OutcomesTab({ replayId, version, onOpen }: Props) {
  const status = useSignal<OutcomeStatus | ''>('');
  const verdict = useSignal<Verdict | ''>('');
  const session = useSignal('');
  const settledSession = useSettled(session.value.trim(), 300);
  const filter: OutcomeFilterInput = {
    ...(status.value ? { statuses: [status.value] } : {}),
    ...(verdict.value ? { verdicts: [verdict.value] } : {}),
    ...(settledSession ? { sessionId: settledSession } : {}),
  };
  const list = usePaged(`${replayId} ${version} ${JSON.stringify(filter)}`, async (after, abort) => {
    const { replayStatements } = await ask(OutcomeRowsDocument, { replayId, filter, first: 200, after }, abort);
    return replayStatements ?? { nodes: [], pageInfo: { hasNextPage: false, endCursor: null } };
  });
  return (
    <section class="card flush" aria-labelledby="outcomes-title">
      <div class="row between pad">
        <h2 id="outcomes-title">Outcomes</h2>
        <span class="soft num" role="status">
          {count(list.rows.length)}
          {list.complete ? '' : ' loaded, more as you scroll'}
        </span>
      </div>
      <search class="filter-bar">
        <select
          aria-label="Status"
          value={status.value}
          onChange={(event) => {
            status.value = event.currentTarget.value as OutcomeStatus | '';
          }}
        >
          <option value="">Any status</option>
          {STATUSES.map((value) => (
            <option key={value} value={value}>
              {OUTCOMES[value].label}
            </option>
          ))}
        </select>
        <select
          aria-label="Against the record"
          value={verdict.value}
          onChange={(event) => {
            verdict.value = event.currentTarget.value as Verdict | '';
          }}
        >
          <option value="">Any comparison</option>
          {KINDS.map((value) => (
            <option key={value} value={value}>
              {VERDICTS[value]}
            </option>
          ))}
        </select>
        <div class="search-box">
          <Icon name="search" />
          <input
            type="search"
            aria-label="Session"
            placeholder="Session id"
            value={session.value}
            onInput={(event) => {
              session.value = event.currentTarget.value;
            }}
          />
        </div>
      </search>
      <Failure error={list.error} retry={list.reload} />
      {list.rows.length === 0 && list.complete ? (
        <Empty title="No outcomes">Nothing matches so far.</Empty>
      ) : (
        <VirtualTable
          label="Outcomes of the run"
          columns={OUTCOME_COLUMNS}
          rows={list.rows}
          rowKey={(row) => row.seq}
          onOpen={onOpen}
          onEnd={list.more}
          height="70vh"
          footer={list.loading ? 'Loading…' : null}
        />
      )}
    </section>
  );
}
