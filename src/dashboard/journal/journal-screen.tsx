import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { EntryRowsDocument, JournalCoverageDocument } from '../../client/index.ts';
import { ask } from '../lib/api.ts';
import { count, plural, span } from '../lib/format.ts';
import { usePaged } from '../lib/paged.ts';
import { useResource, useSettled } from '../lib/resource.ts';
import { href, route, setQuery } from '../lib/router.ts';
import { ALWAYS, formatMicros, micros, type Span, toSecond, windowOf } from '../lib/time.ts';
import { Icon } from '../ui/icon.tsx';
import { Empty, Failure, Loading } from '../ui/notice.tsx';
import { PagedTable } from '../ui/paged-table.tsx';
import { WindowFault, windowOfQuery } from './address-window.tsx';
import { CoveragePanel } from './coverage-panel.tsx';
import { Density } from './density.tsx';
import { ENTRY_COLUMNS } from './entry-columns.tsx';
import { EntryDrawer } from './entry-drawer.tsx';
import { EntryFilter, type FilterState, filterOf, NO_FILTER } from './entry-filter.tsx';
import { LiveTail } from './live-tail.tsx';
import { WindowFields } from './window-fields.tsx';

/** The whole span of the journal; null while it is empty. */
export function useJournalSpan() {
  return useResource('span', async (abort) => {
    const { journalCoverage } = await ask(JournalCoverageDocument, { window: ALWAYS, buckets: 1 }, abort);
    const { first, last, entries } = journalCoverage;
    return { entries, span: first && last ? { from: micros(first), to: micros(last) } : null };
  });
}

const BUCKETS = 120;

export function JournalScreen() {
  const whole = useJournalSpan();
  const journal = whole.data?.span ?? null;
  const turn = useSignal(0);
  return (
    <>
      <header class="page-head">
        <div>
          <h1>Journal</h1>
          {journal && whole.data && (
            <p class="soft">
              {plural(whole.data.entries, 'entry', 'entries')}, {toSecond(formatMicros(journal.from))} to{' '}
              {toSecond(formatMicros(journal.to))} UTC ({span(journal.to - journal.from)})
            </p>
          )}
        </div>
        <button
          type="button"
          onClick={() => {
            whole.reload();
            turn.value += 1;
          }}
        >
          <Icon name="ring" /> Refresh
        </button>
      </header>
      <Failure error={whole.error} retry={whole.reload} />
      {journal ? (
        <Explorer journal={journal} turn={turn.value} />
      ) : whole.loading ? (
        <Loading what="journal" />
      ) : whole.error === null ? (
        <>
          <Empty title="The journal is empty">
            Bring a server log in with <code>reprise import postgresql.csv</code>, or record statements over the API.
          </Empty>
          <div class="card">
            <LiveTail filter={null} onOpen={() => whole.reload()} />
          </div>
        </>
      ) : null}
    </>
  );
}

interface ExplorerProps {
  readonly journal: Span;
  /** Asks again when it changes. */
  readonly turn: number;
}

function Explorer({ journal, turn }: ExplorerProps) {
  const { query } = route.value;
  const { span: named, fault } = windowOfQuery(query);
  const window = named ?? journal;
  const view = useSignal<Span>(journal);
  const filter = useSignal<FilterState>({ ...NO_FILTER, session: query.get('session') ?? '' });
  const tailing = useSignal(false);
  const open = query.get('entry');
  useEffect(() => {
    // A window outside of what is drawn would be chosen and not seen.
    if (window.from < view.value.from || window.to > view.value.to) view.value = widen(journal, window);
  }, [window.from, window.to]);

  const choose = (next: Span) => setQuery({ from: formatMicros(next.from), to: formatMicros(next.to) });
  const viewKey = `${view.value.from}-${view.value.to}`;
  const density = useResource(`${viewKey}-${journal.to} ${turn}`, async (abort) => {
    const { journalCoverage } = await ask(
      JournalCoverageDocument,
      { window: windowOf(view.value), buckets: BUCKETS },
      abort,
    );
    return { view: view.value, coverage: journalCoverage };
  });
  const settled = useSettled(`${window.from}-${window.to}`, 200);
  const settledWindow = spanOfKey(settled);
  const coverage = useResource(`${settled} ${turn}`, async (abort) => {
    const { journalCoverage } = await ask(
      JournalCoverageDocument,
      { window: windowOf(settledWindow), buckets: 1 },
      abort,
    );
    return journalCoverage;
  });
  const wanted = filterOf(filter.value);
  const filterKey = useSettled(JSON.stringify(wanted), 250);
  const entries = usePaged(tailing.value ? null : `${settled} ${filterKey} ${turn}`, async (after, abort) => {
    const { journalEntries } = await ask(
      EntryRowsDocument,
      { window: windowOf(settledWindow), filter: JSON.parse(filterKey), first: 200, after },
      abort,
    );
    return journalEntries;
  });
  const isWhole = window.from === journal.from && window.to === journal.to;
  const losses = (density.data?.coverage.losses ?? []).flatMap((loss) =>
    loss.from && loss.to ? [{ from: micros(loss.from), to: micros(loss.to) }] : [],
  );
  const zoomed = view.value.from !== journal.from || view.value.to !== journal.to;

  return (
    <>
      <WindowFault fault={fault} />
      <section class="card" aria-labelledby="density-title">
        <div class="row between">
          <h2 id="density-title">Window</h2>
          <div class="row">
            <button
              type="button"
              class="small"
              disabled={isWhole}
              onClick={() => {
                view.value = window;
              }}
            >
              <Icon name="zoomIn" size={14} /> Zoom to window
            </button>
            <button
              type="button"
              class="small"
              disabled={!zoomed && isWhole}
              onClick={() => {
                view.value = journal;
                setQuery({ from: null, to: null });
              }}
            >
              <Icon name="zoomOut" size={14} /> Whole journal
            </button>
          </div>
        </div>
        <Failure error={density.error} retry={density.reload} />
        <Density
          view={density.data?.view ?? view.value}
          buckets={density.data?.coverage.buckets ?? []}
          selection={window}
          onSelect={choose}
          losses={losses}
        />
        <div class="row between window-row">
          <WindowFields window={window} onChange={choose} />
          <a
            class="button primary"
            href={href('/new', { from: formatMicros(window.from), to: formatMicros(window.to) })}
          >
            <Icon name="replay" /> Replay this window
          </a>
        </div>
      </section>
      <div class="columns">
        <section class="card flush" aria-labelledby="entries-title">
          <div class="row between pad">
            <h2 id="entries-title">Entries</h2>
            <div class="row">
              {!tailing.value && coverage.data && (
                <span class="soft num" role="status">
                  {wanted
                    ? `${count(entries.rows.length)}${entries.complete ? '' : '+'} match`
                    : `${count(coverage.data.entries)} in the window`}
                </span>
              )}
              <button
                type="button"
                class="small"
                aria-pressed={tailing.value}
                onClick={() => {
                  tailing.value = !tailing.value;
                }}
              >
                <Icon name="live" size={14} /> Live tail
              </button>
            </div>
          </div>
          <EntryFilter state={filter} />
          {tailing.value ? (
            <LiveTail filter={JSON.parse(filterKey)} onOpen={(id) => setQuery({ entry: id })} />
          ) : (
            <PagedTable
              label="Entries of the window"
              list={entries}
              columns={ENTRY_COLUMNS}
              rowKey={(row) => row.id}
              selected={open}
              onOpen={(row) => setQuery({ entry: row.id })}
              empty={<Empty title="No entries">Nothing in the window matches.</Empty>}
            />
          )}
        </section>
        <div>
          <Failure error={coverage.error} retry={coverage.reload} />
          {coverage.data ? <CoveragePanel coverage={coverage.data} /> : coverage.loading && <Loading what="coverage" />}
        </div>
      </div>
      {open && (
        <EntryDrawer
          id={open}
          onSelect={(id) => setQuery({ entry: id })}
          onClose={() => setQuery({ entry: null })}
          onSession={(session) => {
            filter.value = { ...NO_FILTER, session };
            setQuery({ entry: null });
          }}
        />
      )}
    </>
  );
}

function widen(a: Span, b: Span): Span {
  return { from: Math.min(a.from, b.from), to: Math.max(a.to, b.to) };
}

function spanOfKey(key: string): Span {
  const [from = 0, to = 0] = key.split('-').map(Number);
  return { from, to };
}
