import { useSignal } from '@preact/signals';
import type { RunVerdict } from '../../client/index.ts';
import { count, delta, duration, NOTHING, oneLine, plural } from '../lib/format.ts';
import { route, setQuery } from '../lib/router.ts';
import { Badge } from '../ui/badge.tsx';
import { numberColumn, pressed, type SortedColumn, sortRows } from '../ui/sorting.tsx';
import { Sql } from '../ui/sql.tsx';
import { type Sort, VirtualTable } from '../ui/virtual-table.tsx';
import { type Comparison, type Pair, VERDICTS } from './comparison.ts';
import { judged, judgedBy } from './judged.ts';
import { PairDrawer } from './pair-drawer.tsx';

const SIDES = ['a', 'b'] as const;

type Side = Pair['a'];

/** Cascades included, as the verdict counts them. */
const failures = (side: Side) => (side ? side.failures + side.cascades : null);
const ratio = (pair: Pair) => {
  const before = judged(pair, 'a');
  const after = judged(pair, 'b');
  return before && after !== null ? after / before : -1;
};

const ORDER = Object.keys(VERDICTS) as readonly RunVerdict[];

const COLUMNS: readonly SortedColumn<Pair>[] = [
  {
    key: 'statement',
    title: 'Statement',
    width: 'minmax(0, 1fr)',
    sortable: true,
    value: (pair) => pair.normalised,
    render: (pair) => <Sql text={oneLine(pair.normalised, 240)} />,
  },
  {
    key: 'verdict',
    title: 'B against A',
    width: '8rem',
    sortable: true,
    value: (pair) => ORDER.indexOf(pair.verdict),
    render: ({ verdict }) => (
      <Badge tone={VERDICTS[verdict].tone} icon={VERDICTS[verdict].icon}>
        {VERDICTS[verdict].label}
      </Badge>
    ),
  },
  ...SIDES.map((side) =>
    numberColumn<Pair>({
      key: `failed${side}`,
      title: `Failed ${side.toUpperCase()}`,
      width: '5rem',
      wide: true,
      value: (pair) => failures(pair[side]) ?? -1,
      render: (pair) => (
        <span class={side === 'b' && (failures(pair.b) ?? 0) > (failures(pair.a) ?? 0) ? 'bad-text' : undefined}>
          {count(failures(pair[side]))}
        </span>
      ),
    }),
  ),
  ...SIDES.map((side) =>
    numberColumn<Pair>({
      key: `duration${side}`,
      title: `Duration ${side.toUpperCase()}`,
      width: '7rem',
      wide: true,
      value: (pair) => judged(pair, side) ?? -1,
      render: (pair) => <Judged pair={pair} side={side} />,
    }),
  ),
  numberColumn({
    key: 'change',
    title: 'Change',
    width: '5rem',
    value: ratio,
    render: (pair) => (pair.a && pair.b ? delta(judged(pair, 'a'), judged(pair, 'b')) : NOTHING),
  }),
];

function Judged({ pair, side }: { readonly pair: Pair; readonly side: 'a' | 'b' }) {
  const value = judged(pair, side);
  return (
    <>
      {value !== null && <small class="soft">{judgedBy(pair)} </small>}
      {duration(value)}
    </>
  );
}

/** What each normalised statement did in both runs. */
export function ComparedStatements({ comparison }: { readonly comparison: Comparison }) {
  const sort = useSignal<Sort>({ key: 'verdict', descending: false });
  const chosen = route.value.query.get('statement');
  const open = comparison.statements.find(({ fingerprint }) => fingerprint === chosen);
  const rows = sortRows(comparison.statements, COLUMNS, sort.value);
  return (
    <section class="card flush" aria-labelledby="both-title">
      <div class="row between pad">
        <h2 id="both-title">{plural(rows.length, 'normalised statement')}</h2>
        <ul class="row">
          {comparison.totals
            .filter((total) => total.statements > 0)
            .map((total) => (
              <li key={total.verdict}>
                <Badge tone={VERDICTS[total.verdict].tone} icon={VERDICTS[total.verdict].icon}>
                  {VERDICTS[total.verdict].label} <b class="num">{count(total.statements)}</b>
                </Badge>
              </li>
            ))}
        </ul>
      </div>
      <VirtualTable
        label="Normalised statements of both runs"
        columns={COLUMNS}
        rows={rows}
        rowKey={(pair) => pair.fingerprint}
        sort={sort.value}
        onSort={(key) => {
          sort.value = pressed(COLUMNS, sort.value, key);
        }}
        selected={open?.fingerprint ?? null}
        onOpen={({ fingerprint }) => setQuery({ statement: fingerprint })}
        height="60vh"
      />
      {open && <PairDrawer pair={open} onClose={() => setQuery({ statement: null })} />}
    </section>
  );
}
