// biome-ignore-all lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import {
  CompareReplaysDocument,
  type CompareReplaysQuery,
  type ReplayFieldsFragment,
  RepriseError,
  type RunVerdict,
  unwrap,
} from '../../client/index.ts';
import { ask } from '../lib/api.ts';
import { count, delta, duration, isId, NOTHING, oneLine, plural, rate, shortId } from '../lib/format.ts';
import { useResource } from '../lib/resource.ts';
import { href, route } from '../lib/router.ts';
import { toSecond } from '../lib/time.ts';
import { DIVERGENCES, ORDERINGS, type Tone } from '../lib/words.ts';
import { done } from '../run/run-feed.ts';
import { Badge, StateBadge } from '../ui/badge.tsx';
import { Icon, type IconName } from '../ui/icon.tsx';
import { Empty, Failure, Loading, Notice } from '../ui/notice.tsx';
import { Sql } from '../ui/sql.tsx';
import { type Column, type Sort, VirtualTable } from '../ui/virtual-table.tsx';
import { judged, judgedBy } from './judged.ts';

type Comparison = Extract<CompareReplaysQuery['compareReplays'], { readonly __typename: 'ReplayComparison' }>;
type Pair = Comparison['statements'][number];

const VERDICTS: Readonly<Record<RunVerdict, { readonly label: string; readonly tone: Tone; readonly icon: IconName }>> =
  {
    NEW_FAILURES: { label: 'New failures', tone: 'bad', icon: 'cross' },
    DIFFERENT_RESULTS: { label: 'Different results', tone: 'bad', icon: 'cross' },
    SLOWER: { label: 'Slower', tone: 'warn', icon: 'up' },
    ONLY_IN_A: { label: 'Only in A', tone: 'warn', icon: 'left' },
    ONLY_IN_B: { label: 'Only in B', tone: 'warn', icon: 'right' },
    FIXED: { label: 'Fixed', tone: 'good', icon: 'check' },
    FASTER: { label: 'Faster', tone: 'good', icon: 'down' },
    SAME: { label: 'Same', tone: 'neutral', icon: 'dash' },
  };

/** Two runs side by side: their figures, and what each normalised statement did in both. */
export function CompareScreen() {
  const { query } = route.value;
  const a = query.get('a') ?? '';
  const b = query.get('b') ?? '';
  const malformed = [a, b].find((id) => id !== '' && !isId(id)) ?? null;
  const both = useResource(a && b && malformed === null ? `${a} ${b}` : null, async (abort) => {
    const { compareReplays } = await ask(CompareReplaysDocument, { a, b, slower: null }, abort);
    return unwrap(compareReplays) as Comparison;
  });
  const comparison = both.data;
  const gone = both.error instanceof RepriseError && both.error.code === 'REPLAY_NOT_FOUND' ? both.error : null;
  return (
    <>
      <header class="page-head">
        <div>
          <p class="crumbs">
            <a href={href('/runs')}>Runs</a> <Icon name="right" size={10} /> Compare
          </p>
          <h1>Compare two runs</h1>
        </div>
        <a class="button" href={href('/compare', { a: b, b: a })}>
          <Icon name="compare" /> Swap
        </a>
      </header>
      {gone === null && malformed === null && <Failure error={both.error} retry={both.reload} />}
      {malformed !== null || gone !== null ? (
        <Empty title="There is no such run">
          {malformed === null ? gone?.message : <code>{malformed}</code>} <a href={href('/runs')}>All runs</a>
        </Empty>
      ) : comparison ? (
        <>
          {comparison.remarks.map((remark) => (
            <Notice key={remark} tone="warn">
              {remark}
            </Notice>
          ))}
          <Figures a={comparison.a} b={comparison.b} />
          <Statements comparison={comparison} />
        </>
      ) : both.loading ? (
        <Loading what="both runs" />
      ) : (
        both.error === null && (
          <Empty title="Two runs are needed">
            <a href={href('/runs')}>Choose them in the list of runs.</a>
          </Empty>
        )
      )}
    </>
  );
}

function Figures({ a, b }: { readonly a: ReplayFieldsFragment; readonly b: ReplayFieldsFragment }) {
  const number = (name: string, value: (run: ReplayFieldsFragment) => number) => {
    const change = value(b) - value(a);
    return [
      name,
      count(value(a)),
      count(value(b)),
      change === 0 ? '0' : `${change > 0 ? '+' : '−'}${count(Math.abs(change))}`,
    ] as const;
  };
  const time = (name: string, value: (run: ReplayFieldsFragment) => number | null) =>
    [name, duration(value(a)), duration(value(b)), delta(value(a), value(b))] as const;
  const kinds = [...new Set([...a.summary.divergences, ...b.summary.divergences].map((item) => item.divergence))];
  const rows = [
    number('Statements', (run) => done(run.summary)),
    number('Failed', (run) => run.summary.failed),
    number('Cascades', (run) => run.summary.cascades),
    number('Skipped', (run) => run.summary.skipped),
    number('Diverged', (run) => run.summary.diverged),
    ...kinds.map((kind) =>
      number(
        `  ${DIVERGENCES[kind].label}`,
        (run) => run.summary.divergences.find((item) => item.divergence === kind)?.count ?? 0,
      ),
    ),
    time('Took', (run) => run.summary.elapsedMs),
    ['Statements/s', rate(a.summary.rate), rate(b.summary.rate), delta(a.summary.rate, b.summary.rate)] as const,
    time('Duration p50', (run) => run.summary.duration.p50),
    time('Duration p95', (run) => run.summary.duration.p95),
    time('Duration p99', (run) => run.summary.duration.p99),
    time('Lag p95', (run) => run.summary.lag.p95),
  ];
  const head = (name: string, run: ReplayFieldsFragment) => (
    <th scope="col" class="end">
      {name}{' '}
      <a href={href(`/runs/${run.id}`)}>
        <code>{shortId(run.id)}</code>
      </a>
      <small>
        <StateBadge state={run.state} />
      </small>
      <small>
        <code>{run.target}</code>
      </small>
      <small class="num">
        {ORDERINGS[run.request.ordering].title} · {toSecond(run.createdAt)}
      </small>
    </th>
  );
  return (
    <section class="card flush" aria-label="Figures of both runs">
      <section class="scroll-x" aria-label="Figures" tabIndex={0}>
        <table class="table compare">
          <thead>
            <tr>
              <th scope="col">
                <span class="hidden">Figure</span>
              </th>
              {head('A', a)}
              {head('B', b)}
              <th scope="col" class="end">
                B against A
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([name, left, right, change]) => (
              <tr key={name}>
                <th scope="row" class={name.startsWith(' ') ? 'indent' : undefined}>
                  {name.trim()}
                </th>
                <td class="end num">{left}</td>
                <td class="end num">{right}</td>
                <td class="end num">{change}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}

type Side = Pair['a'];

/** Cascades included, as the verdict counts them. */
const failures = (side: Side) => (side ? side.failures + side.cascades : null);
const ratio = (pair: Pair) => {
  const before = judged(pair, 'a');
  const after = judged(pair, 'b');
  return before && after !== null ? after / before : -1;
};

/** Worst first. */
const ORDER = Object.keys(VERDICTS) as readonly RunVerdict[];

const COLUMNS: readonly (Column<Pair> & { readonly value: (pair: Pair) => number })[] = [
  {
    key: 'statement',
    title: 'Statement',
    width: 'minmax(0, 1fr)',
    value: () => 0,
    render: (pair) => <Sql text={oneLine(pair.normalised, 240)} />,
  },
  {
    key: 'verdict',
    title: 'B against A',
    width: '8rem',
    value: (pair) => -ORDER.indexOf(pair.verdict),
    sortable: true,
    render: ({ verdict }) => (
      <Badge tone={VERDICTS[verdict].tone} icon={VERDICTS[verdict].icon}>
        {VERDICTS[verdict].label}
      </Badge>
    ),
  },
  {
    ...column(
      'failedA',
      'Failed A',
      '5rem',
      (pair) => failures(pair.a) ?? -1,
      (pair) => count(failures(pair.a)),
    ),
    wide: true,
  },
  {
    ...column(
      'failedB',
      'Failed B',
      '5rem',
      (pair) => failures(pair.b) ?? -1,
      (pair) => (
        <span class={(failures(pair.b) ?? 0) > (failures(pair.a) ?? 0) ? 'bad-text' : undefined}>
          {count(failures(pair.b))}
        </span>
      ),
    ),
    wide: true,
  },
  {
    ...column(
      'durationA',
      'Duration A',
      '7rem',
      (pair) => judged(pair, 'a') ?? -1,
      (pair) => <Judged pair={pair} side="a" />,
    ),
    wide: true,
  },
  {
    ...column(
      'durationB',
      'Duration B',
      '7rem',
      (pair) => judged(pair, 'b') ?? -1,
      (pair) => <Judged pair={pair} side="b" />,
    ),
    wide: true,
  },
  column('change', 'Change', '5rem', ratio, (pair) =>
    pair.a && pair.b ? delta(judged(pair, 'a'), judged(pair, 'b')) : NOTHING,
  ),
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

function column(
  key: string,
  title: string,
  width: string,
  value: (pair: Pair) => number,
  render: (pair: Pair) => ComponentChildren,
) {
  return {
    key,
    title,
    width,
    value,
    sortable: true,
    align: 'end' as const,
    render: (pair: Pair) => <span class="num">{render(pair)}</span>,
  };
}

function Statements({ comparison }: { readonly comparison: Comparison }) {
  const pairs = comparison.statements;
  const sort = useSignal<Sort>({ key: 'verdict', descending: true });
  const value = COLUMNS.find((item) => item.key === sort.value.key)?.value ?? ratio;
  const rows = [...pairs].sort((left, right) => (sort.value.descending ? -1 : 1) * (value(left) - value(right)));
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
          sort.value = { key, descending: sort.value.key === key ? !sort.value.descending : true };
        }}
        height="60vh"
      />
    </section>
  );
}
