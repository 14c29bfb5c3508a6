import type { EntryRowFragment } from '../../client/index.ts';
import { duration, oneLine } from '../lib/format.ts';
import { clock } from '../lib/time.ts';
import { OutcomeSign } from '../ui/badge.tsx';
import { Sql } from '../ui/sql.tsx';
import type { Column } from '../ui/virtual-table.tsx';

/** Entries as rows of a table. */
export const ENTRY_COLUMNS: readonly Column<EntryRowFragment>[] = [
  {
    key: 'time',
    title: 'Time (UTC)',
    width: '8.8rem',
    render: (row) => <span class="num">{clock(row.timestamp)}</span>,
  },
  {
    key: 'outcome',
    title: 'Outcome',
    hideTitle: true,
    width: '1.6rem',
    render: (row) => <OutcomeSign status={row.outcome.status} sqlstate={row.outcome.sqlstate} />,
  },
  {
    key: 'session',
    title: 'Session',
    width: '8rem',
    wide: true,
    render: (row) => <code class="soft">{row.sessionId}</code>,
  },
  {
    key: 'statement',
    title: 'Statement',
    width: 'minmax(0, 1fr)',
    render: (row) => <Sql text={oneLine(row.statement, 240)} />,
  },
  {
    key: 'duration',
    title: 'Duration',
    width: '5.2rem',
    align: 'end',
    wide: true,
    render: (row) => <span class="num">{duration(row.durationMs)}</span>,
  },
];
