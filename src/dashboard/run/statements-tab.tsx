import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { ReplayReportDocument, type ReplayReportQuery } from '../../client/index.ts';
import { ask, ofRun } from '../lib/api.ts';
import { count, delta, duration, oneLine, plural } from '../lib/format.ts';
import { useResource } from '../lib/resource.ts';
import { href } from '../lib/router.ts';
import { DIVERGENCES } from '../lib/words.ts';
import { Drawer } from '../ui/drawer.tsx';
import { ChoiceField, Fact } from '../ui/fields.tsx';
import { SearchBox } from '../ui/filters.tsx';
import { Icon } from '../ui/icon.tsx';
import { Empty, Failure, Loading } from '../ui/notice.tsx';
import { PERCENTILES, type Percentile, PercentileTable } from '../ui/percentile-table.tsx';
import { numberColumn, pressed, type SortedColumn, sortRows } from '../ui/sorting.tsx';
import { Sql, SqlBlock } from '../ui/sql.tsx';
import { type Sort, VirtualTable } from '../ui/virtual-table.tsx';
import { severity } from './verdict.ts';

export type Report = NonNullable<ReplayReportQuery['replayReport']>;
export type StatementReport = Report['statements'][number];

/** How much longer a statement takes, as a factor; what cannot be told comes last. */
function factor(row: StatementReport, percentile: Percentile): number {
  const { recorded, replayed } = row;
  const before = recorded[percentile];
  const after = replayed[percentile];
  return before && after !== null ? after / before : -1;
}

function columnsOf(percentile: Percentile): readonly SortedColumn<StatementReport>[] {
  return [
    {
      key: 'statement',
      title: 'Statement',
      width: 'minmax(0, 1fr)',
      sortable: true,
      value: (row) => row.normalised,
      render: (row) => <Sql text={oneLine(row.normalised, 240)} />,
    },
    numberColumn({
      key: 'calls',
      title: 'Calls',
      width: '5rem',
      value: (row) => row.calls,
      render: (row) => count(row.calls),
    }),
    numberColumn({
      key: 'failures',
      title: 'Failed',
      width: '4.4rem',
      value: (row) => row.failures,
      render: (row) => (
        <span class={row.failures > row.recordedFailures ? 'bad-text' : undefined}>{count(row.failures)}</span>
      ),
    }),
    numberColumn({
      key: 'cascades',
      title: 'Cascades',
      width: '5rem',
      wide: true,
      value: (row) => row.cascades,
      render: (row) => <span class={row.cascades > 0 ? undefined : 'soft'}>{count(row.cascades)}</span>,
    }),
    numberColumn({
      key: 'rows',
      title: 'Rows',
      width: '5.6rem',
      wide: true,
      value: (row) => row.rows,
      render: (row) => count(row.rows),
    }),
    ...(['recorded', 'replayed'] as const).map((side) =>
      numberColumn<StatementReport>({
        key: side,
        title: `${side === 'recorded' ? 'Recorded' : 'Replayed'} ${percentile}`,
        width: '7rem',
        wide: true,
        value: (row) => row[side][percentile] ?? -1,
        render: (row) => duration(row[side][percentile]),
      }),
    ),
    numberColumn({
      key: 'change',
      title: 'Change',
      width: '4.8rem',
      value: (row) => factor(row, percentile),
      render: (row) => (
        <span class={factor(row, percentile) >= 2 ? 'warn-text' : undefined}>
          {delta(row.recorded[percentile], row.replayed[percentile])}
        </span>
      ),
    }),
    numberColumn({
      key: 'diverged',
      title: 'Diverged',
      width: '5.4rem',
      wide: true,
      value: diverged,
      render: (row) =>
        diverged(row) === 0 ? (
          <span class="soft">0</span>
        ) : (
          <span class={severity(row.divergences)}>{count(diverged(row))}</span>
        ),
    }),
  ];
}

function diverged(row: StatementReport): number {
  return row.divergences.reduce((sum, item) => sum + item.count, 0);
}

/** What the run did with each normalised statement; sortable. */
export function StatementsTab({ replayId, version }: { readonly replayId: string; readonly version: string }) {
  const report = useResource(`${replayId} ${version}`, async (abort) => {
    const { replayReport } = await ask(ReplayReportDocument, { replayId }, abort);
    return ofRun(replayReport);
  });
  const percentile = useSignal<Percentile>('p95');
  const sort = useSignal<Sort>({ key: 'calls', descending: true });
  const search = useSignal('');
  const open = useSignal<StatementReport | null>(null);
  const columns = useMemo(() => columnsOf(percentile.value), [percentile.value]);
  const rows = useMemo(() => {
    const words = search.value.trim().toLowerCase();
    const found = (report.data?.statements ?? []).filter((row) => row.normalised.toLowerCase().includes(words));
    return sortRows(found, columns, sort.value);
  }, [report.data, columns, sort.value, search.value]);

  if (report.data === null) {
    return report.loading ? <Loading what="statements" /> : <Failure error={report.error} retry={report.reload} />;
  }
  return (
    <section class="card flush" aria-labelledby="statements-title">
      <div class="row between pad">
        <h2 id="statements-title">{plural(rows.length, 'normalised statement')}</h2>
        <div class="row">
          <SearchBox
            label="Search in normalised statements"
            placeholder="Search"
            shortcut
            value={search.value}
            onInput={(value) => {
              search.value = value;
            }}
          />
          <ChoiceField<Percentile>
            label="Percentile"
            look="segments"
            value={percentile.value}
            options={PERCENTILES.map((value) => ({ value, title: value }))}
            onChange={(value) => {
              percentile.value = value;
            }}
          />
        </div>
      </div>
      <Failure error={report.error} retry={report.reload} />
      {rows.length === 0 ? (
        <Empty title="No statements" />
      ) : (
        <VirtualTable
          label="Normalised statements of the run"
          columns={columns}
          rows={rows}
          rowKey={(row) => row.fingerprint}
          sort={sort.value}
          onSort={(key) => {
            sort.value = pressed(columns, sort.value, key);
          }}
          onOpen={(row) => {
            open.value = row;
          }}
          height="70vh"
        />
      )}
      {open.value && (
        <StatementDrawer
          replayId={replayId}
          statement={open.value}
          onClose={() => {
            open.value = null;
          }}
        />
      )}
    </section>
  );
}

function StatementDrawer({
  replayId,
  statement,
  onClose,
}: {
  readonly replayId: string;
  readonly statement: StatementReport;
  readonly onClose: () => void;
}) {
  return (
    <Drawer title="Normalised statement" onClose={onClose}>
      <SqlBlock text={statement.normalised} />
      <dl class="facts two">
        <Fact name="Calls">{count(statement.calls)}</Fact>
        <Fact name="Rows">{count(statement.rows)}</Fact>
        <Fact name="Failed in the record">{count(statement.recordedFailures)}</Fact>
        <Fact name="Failed on the target">{count(statement.failures)}</Fact>
        <Fact name="Cascades">{count(statement.cascades)}</Fact>
        <Fact name="Fingerprint">
          <code>{statement.fingerprint}</code>
        </Fact>
      </dl>
      <PercentileTable
        before={{ title: 'Recorded', values: statement.recorded }}
        after={{ title: 'Replayed', values: statement.replayed }}
      />
      {statement.fingerprint !== 'other' && (
        <p class="after-table">
          <a href={href(`/runs/${replayId}`, { tab: 'outcomes', statement: statement.fingerprint })}>
            Its {plural(statement.calls, 'call')}, one by one
          </a>
        </p>
      )}
      {statement.divergences.length > 0 && (
        <>
          <h3>Divergences</h3>
          <ul class="lines">
            {statement.divergences.map((item) => (
              <li key={item.divergence} class={severity([item])}>
                <Icon name={item.divergence === 'SLOWER' ? 'clock' : 'cross'} />
                <span>
                  {DIVERGENCES[item.divergence].label} <small>{DIVERGENCES[item.divergence].text}</small>
                </span>
                <b class="num">{count(item.count)}</b>
              </li>
            ))}
          </ul>
        </>
      )}
    </Drawer>
  );
}
