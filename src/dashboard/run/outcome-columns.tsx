import { count, duration, oneLine } from '../lib/format.ts';
import { clock } from '../lib/time.ts';
import { DIVERGENCES, VERDICTS } from '../lib/words.ts';
import { OutcomeSign } from '../ui/badge.tsx';
import { Sql } from '../ui/sql.tsx';
import type { Column } from '../ui/virtual-table.tsx';
import { isPassed, type Outcome, type TailItem } from './statement-tail.ts';

const failed = (row: Pick<Outcome, 'status'>) => row.status === 'FAILED' || row.status === 'UNKNOWN';

/** Why a statement failed, ahead of its text. */
export function FailureText({ outcome }: { readonly outcome: Pick<Outcome, 'status' | 'cascade' | 'message'> }) {
  if (outcome.cascade) return <span class="warn-text">follows from an earlier failure · </span>;
  if (!failed(outcome) || !outcome.message) return null;
  return <span class="bad-text">{oneLine(outcome.message, 120)} · </span>;
}

/** The statement; of a failure its message too. */
function Text({ row }: { readonly row: Outcome }) {
  return (
    <>
      <FailureText outcome={row} />
      {row.entry ? (
        <Sql text={oneLine(row.entry.statement, 240)} />
      ) : (
        <span class="soft">evicted from the journal</span>
      )}
    </>
  );
}

/** Outcomes as rows of a table. */
export const OUTCOME_COLUMNS: readonly Column<Outcome>[] = [
  {
    key: 'ordinal',
    title: '#',
    width: '4.6rem',
    align: 'end',
    render: (row) => <span class="num soft">{count(row.ordinal)}</span>,
  },
  {
    key: 'status',
    title: 'Outcome',
    hideTitle: true,
    width: '1.6rem',
    render: (row) => <OutcomeSign status={row.status} cascade={row.cascade} sqlstate={row.sqlstate} />,
  },
  {
    key: 'time',
    title: 'Recorded at',
    width: '8.8rem',
    wide: true,
    render: (row) => <span class="num">{clock(row.timestamp)}</span>,
  },
  { key: 'statement', title: 'Statement', width: 'minmax(0, 1fr)', render: (row) => <Text row={row} /> },
  {
    key: 'verdict',
    title: 'Against the record',
    width: '8.4rem',
    wide: true,
    render: (row) =>
      row.verdict === 'DIVERGED' ? (
        <span class={row.divergences.every((kind) => kind === 'SLOWER') ? 'warn-text' : 'bad-text'}>
          {row.divergences.map((kind) => DIVERGENCES[kind].label).join(', ')}
        </span>
      ) : (
        <span class="soft" title={VERDICTS[row.verdict]}>
          {row.verdict === 'SAME' ? 'same' : 'unverifiable'}
        </span>
      ),
  },
  {
    key: 'recorded',
    title: 'Recorded',
    width: '5.2rem',
    align: 'end',
    wide: true,
    render: (row) => <span class="num soft">{duration(row.entry?.durationMs)}</span>,
  },
  {
    key: 'replayed',
    title: 'Replayed',
    width: '5.2rem',
    align: 'end',
    wide: true,
    render: (row) => <span class="num">{duration(row.durationMs)}</span>,
  },
];

/** The same for the tail, where rows may stand for many that were passed over. */
export const TAIL_COLUMNS: readonly Column<TailItem>[] = OUTCOME_COLUMNS.map((column) => ({
  ...column,
  render: (row) =>
    isPassed(row) ? (
      column.key === 'statement' ? (
        <em class="soft">
          {row.passed === null ? 'more' : `about ${count(row.passed)}`} statements before this are not shown; all are
          under Outcomes
        </em>
      ) : null
    ) : (
      column.render(row)
    ),
}));
