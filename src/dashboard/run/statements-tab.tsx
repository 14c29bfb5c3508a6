import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import { ReplayReportDocument, type ReplayReportQuery } from '../../client/index.ts';
import { ask, ofRun } from '../lib/api.ts';
import { count, delta, duration, oneLine, plural } from '../lib/format.ts';
import { useResource } from '../lib/resource.ts';
import { href } from '../lib/router.ts';
import { DIVERGENCES } from '../lib/words.ts';
import { Drawer } from '../ui/drawer.tsx';
import { ChoiceField, Fact } from '../ui/fields.tsx';
import { Icon } from '../ui/icon.tsx';
import { Empty, Failure, Loading } from '../ui/notice.tsx';
import { Sql, SqlBlock } from '../ui/sql.tsx';
import { type Column, type Sort, VirtualTable } from '../ui/virtual-table.tsx';
import { severity } from './verdict.ts';

export type Report = NonNullable<ReplayReportQuery['replayReport']>;
export type StatementReport = Report['statements'][number];
type Percentile = 'p50' | 'p95' | 'p99';

/** How much longer a statement takes, as a factor; what cannot be told comes last. */
function factor(row: StatementReport, percentile: Percentile): number {
  const { recorded, replayed } = row;
  const before = recorded[percentile];
  const after = replayed[percentile];
  return before && after !== null ? after / before : -1;
}

function columnsOf(
  percentile: Percentile,
): readonly (Column<StatementReport> & { value: (row: StatementReport) => number | string })[] {
  return [
    {
      key: 'statement',
      title: 'Statement',
      width: 'minmax(0, 1fr)',
      sortable: true,
      value: (row) => row.normalised,
      render: (row) => <Sql text={oneLine(row.normalised, 240)} />,
    },
    number(
      'calls',
      'Calls',
      '5rem',
      (row) => row.calls,
      (row) => count(row.calls),
    ),
    number(
      'failures',
      'Failed',
      '4.4rem',
      (row) => row.failures,
      (row) => <span class={row.failures > row.recordedFailures ? 'bad-text' : undefined}>{count(row.failures)}</span>,
    ),
    {
      ...number(
        'cascades',
        'Cascades',
        '5rem',
        (row) => row.cascades,
        (row) => <span class={row.cascades > 0 ? undefined : 'soft'}>{count(row.cascades)}</span>,
      ),
      wide: true,
    },
    {
      ...number(
        'rows',
        'Rows',
        '5.6rem',
        (row) => row.rows,
        (row) => count(row.rows),
      ),
      wide: true,
    },
    {
      ...number(
        'recorded',
        `Recorded ${percentile}`,
        '7rem',
        (row) => row.recorded[percentile] ?? -1,
        (row) => duration(row.recorded[percentile]),
      ),
      wide: true,
    },
    {
      ...number(
        'replayed',
        `Replayed ${percentile}`,
        '7rem',
        (row) => row.replayed[percentile] ?? -1,
        (row) => duration(row.replayed[percentile]),
      ),
      wide: true,
    },
    number(
      'change',
      'Change',
      '4.8rem',
      (row) => factor(row, percentile),
      (row) => (
        <span class={factor(row, percentile) >= 2 ? 'warn-text' : undefined}>
          {delta(row.recorded[percentile], row.replayed[percentile])}
        </span>
      ),
    ),
    {
      ...number('diverged', 'Diverged', '5.4rem', diverged, (row) =>
        diverged(row) === 0 ? (
          <span class="soft">0</span>
        ) : (
          <span class={severity(row.divergences)}>{count(diverged(row))}</span>
        ),
      ),
      wide: true,
    },
  ];
}

function diverged(row: StatementReport): number {
  return row.divergences.reduce((sum, item) => sum + item.count, 0);
}

function number(
  key: string,
  title: string,
  width: string,
  value: (row: StatementReport) => number,
  render: (row: StatementReport) => ComponentChildren,
) {
  return {
    key,
    title,
    width,
    value,
    align: 'end' as const,
    sortable: true,
    render: (row: StatementReport) => <span class="num">{render(row)}</span>,
  };
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
    const value = columns.find((column) => column.key === sort.value.key)?.value;
    const found = (report.data?.statements ?? []).filter((row) => row.normalised.toLowerCase().includes(words));
    if (!value) return found;
    const sign = sort.value.descending ? -1 : 1;
    return [...found].sort((a, b) => {
      const left = value(a);
      const right = value(b);
      return sign * (typeof left === 'string' ? left.localeCompare(String(right)) : left - Number(right));
    });
  }, [report.data, columns, sort.value, search.value]);

  if (report.data === null) {
    return report.loading ? <Loading what="statements" /> : <Failure error={report.error} retry={report.reload} />;
  }
  return (
    <section class="card flush" aria-labelledby="statements-title">
      <div class="row between pad">
        <h2 id="statements-title">{plural(rows.length, 'normalised statement')}</h2>
        <div class="row">
          <div class="search-box">
            <Icon name="search" />
            <input
              type="search"
              aria-label="Search in normalised statements"
              placeholder="Search"
              data-shortcut="search"
              value={search.value}
              onInput={(event) => {
                search.value = event.currentTarget.value;
              }}
            />
          </div>
          <ChoiceField<Percentile>
            label="Percentile"
            look="segments"
            value={percentile.value}
            options={(['p50', 'p95', 'p99'] as const).map((value) => ({ value, title: value }))}
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
            sort.value = { key, descending: sort.value.key === key ? !sort.value.descending : key !== 'statement' };
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
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Duration</th>
            <th scope="col" class="end">
              Recorded
            </th>
            <th scope="col" class="end">
              Replayed
            </th>
            <th scope="col" class="end">
              Change
            </th>
          </tr>
        </thead>
        <tbody>
          {(['p50', 'p95', 'p99'] as const).map((key) => (
            <tr key={key}>
              <th scope="row">{key}</th>
              <td class="end num">{duration(statement.recorded[key])}</td>
              <td class="end num">{duration(statement.replayed[key])}</td>
              <td class="end num">{delta(statement.recorded[key], statement.replayed[key])}</td>
            </tr>
          ))}
        </tbody>
      </table>
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
