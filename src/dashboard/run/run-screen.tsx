import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { filterFacts } from '../../client/index.ts';
import { signedInAs } from '../lib/api.ts';
import { count, isId, shortId } from '../lib/format.ts';
import { useSettled } from '../lib/resource.ts';
import { href, route, setQuery } from '../lib/router.ts';
import { toSecond } from '../lib/time.ts';
import { ORDERINGS } from '../lib/words.ts';
import { StateBadge } from '../ui/badge.tsx';
import { ConnectionBadge } from '../ui/connection-badge.tsx';
import { Icon } from '../ui/icon.tsx';
import { Empty, Failure, Loading, Notice } from '../ui/notice.tsx';
import { type Tab, Tabs } from '../ui/tabs.tsx';
import { Controls } from './controls.tsx';
import { whyNothing } from './event-log.ts';
import { EventsPanel } from './events-panel.tsx';
import { FailuresTab } from './failures-tab.tsx';
import { Comparison, Durations, Lag, RateChart } from './figures.tsx';
import { FirstFailure } from './first-failure.tsx';
import { OutcomeDrawer } from './outcome-drawer.tsx';
import { OutcomesTab } from './outcomes-tab.tsx';
import { Progress } from './progress.tsx';
import { downloadReport, REPORTS } from './reports.ts';
import { RequestTab, useRestOfRequest } from './request-tab.tsx';
import { done, isActive, type Run, RunFeed } from './run-feed.ts';
import type { Outcome } from './statement-tail.ts';
import { StatementsTab } from './statements-tab.tsx';
import { TailPanel } from './tail-panel.tsx';
import { Thresholds } from './thresholds.tsx';
import { verdictOf } from './verdict.ts';

const TABS = ['overview', 'failures', 'statements', 'outcomes', 'request'] as const;
type TabKey = (typeof TABS)[number];

/** Tabs of a run under way ask again now and then, not at each of its steps. */
const AGAIN_MS = 3000;

export function RunScreen({ id }: { readonly id: string }) {
  return isId(id) ? <RunOfId id={id} /> : <NoRun />;
}

function NoRun() {
  return (
    <Empty title="There is no run with this id">
      <a href={href('/runs')}>All runs</a>
    </Empty>
  );
}

function RunOfId({ id }: { readonly id: string }) {
  const session = signedInAs.value;
  const feed = useMemo(() => new RunFeed(id), [id, session]);
  useEffect(() => () => feed.close(), [feed]);
  const run = feed.run.value;
  if (feed.missing.value && run) {
    return (
      <div role="alert">
        <Empty title="This run was deleted">
          Its outcomes, its report and its events are not there any more. <a href={href('/runs')}>All runs</a>
        </Empty>
      </div>
    );
  }
  if (feed.missing.value) return <NoRun />;
  return (
    <>
      <Failure error={feed.error.value} retry={() => feed.restart()} />
      {run ? <RunView feed={feed} run={run} /> : feed.error.value === null && <Loading what="run" />}
    </>
  );
}

function RunView({ feed, run }: { readonly feed: RunFeed; readonly run: Run }) {
  const wanted = route.value.query.get('tab');
  const tab: TabKey = TABS.find((key) => key === wanted) ?? 'overview';
  const opened = useSignal<Outcome | null>(null);
  const seq = Number(route.value.query.get('outcome') ?? 0);
  const active = isActive(run.state);
  const { summary } = run;
  const rest = useRestOfRequest(run.id);
  const step = useThrottled(`${run.state} ${done(summary)}`, AGAIN_MS);
  const failures = summary.failed + summary.cascades;
  const tabs: readonly Tab<TabKey>[] = [
    { key: 'overview', title: 'Overview' },
    {
      key: 'failures',
      title: 'Failures and divergences',
      count: failures + summary.diverged > 0 ? count(Math.max(failures, summary.diverged)) : null,
    },
    { key: 'statements', title: 'Statements' },
    { key: 'outcomes', title: 'Outcomes', count: count(done(summary)) },
    { key: 'request', title: 'Request' },
  ];
  const onOpen = (outcome: Outcome) => {
    opened.value = outcome;
    setQuery({ outcome: outcome.seq });
  };
  return (
    <>
      <header class="page-head run-head">
        <div>
          <p class="crumbs">
            <a href={href('/runs')}>Runs</a> <Icon name="right" size={10} /> <code>{shortId(run.id)}</code>
          </p>
          <h1 class="row">
            <span>Replay</span>
            <code>{run.target}</code>
            <span data-state={run.state} role="status">
              <StateBadge state={run.state} />
            </span>
            <ConnectionBadge connection={feed.freshness.value} />
          </h1>
          <p class="soft num">
            {toSecond(run.window.from)} to {toSecond(run.window.to)} UTC · {ORDERINGS[run.request.ordering].title}{' '}
            ordering ·{' '}
            {run.request.paceMode === 'RECORDED'
              ? `recorded schedule × ${run.request.speed ?? 1}`
              : 'as fast as possible'}
            {run.request.readOnly && ' · read-only'}
            {rest.data && filterFacts(rest.data.filter).length > 0 && (
              <>
                {' · '}
                <a href={href(`/runs/${run.id}`, { tab: 'request' })}>filtered</a>
              </>
            )}
          </p>
        </div>
        <Controls feed={feed} run={run} />
      </header>
      <Tabs
        label="Parts of the run"
        tabs={tabs}
        current={tab}
        onSelect={(key) => {
          setQuery({ tab: key === 'overview' ? null : key, statement: null });
          void feed.lookAgain();
        }}
      >
        {tab === 'overview' ? (
          <Overview feed={feed} run={run} onOpen={onOpen} />
        ) : tab === 'failures' ? (
          <FailuresTab replayId={run.id} reported={done(summary)} version={step} onOpen={onOpen} />
        ) : tab === 'statements' ? (
          <StatementsTab replayId={run.id} version={step} />
        ) : tab === 'outcomes' ? (
          <OutcomesTab
            replayId={run.id}
            reported={done(summary)}
            version={active ? 'under way' : run.state}
            againMs={active ? AGAIN_MS : null}
            onOpen={onOpen}
          />
        ) : (
          <RequestTab run={run} rest={rest} />
        )}
      </Tabs>
      {Number.isSafeInteger(seq) && seq > 0 && (
        <OutcomeDrawer
          key={seq}
          replayId={run.id}
          seq={seq}
          known={opened.value?.seq === seq ? opened.value : null}
          onClose={() => setQuery({ outcome: null })}
        />
      )}
    </>
  );
}

interface OverviewProps {
  readonly feed: RunFeed;
  readonly run: Run;
  readonly onOpen: (outcome: Outcome) => void;
}

function Overview({ feed, run, onOpen }: OverviewProps) {
  const { summary } = run;
  const verdict = verdictOf(run, whyNothing(feed.log.value));
  const active = isActive(run.state);
  const watched = feed.tail.rows.value.length > 0;
  return (
    <div class="stack">
      {verdict && (
        <div class="verdict" data-verdict={verdict.tone}>
          <Notice tone={verdict.tone} title={verdict.title}>
            {verdict.text}
          </Notice>
          <Downloads id={run.id} />
        </div>
      )}
      {verdict?.tone !== 'good' && <FirstFailure run={run} onOpen={onOpen} />}
      {!active && <Thresholds run={run} />}
      <Progress run={run} />
      {(active || done(summary) > 0) && (
        <div class="halves">
          <RateChart points={feed.points.value} />
          <Durations summary={summary} />
          <Lag summary={summary} />
          <Comparison summary={summary} />
        </div>
      )}
      {(active || watched) && <TailPanel tail={feed.tail} active={active} onOpen={onOpen} />}
      <EventsPanel log={feed.log.value} active={active} reading={feed.readingLog.value} />
    </div>
  );
}

function Downloads({ id }: { readonly id: string }) {
  const error = useSignal<unknown>(null);
  return (
    <div class="row downloads">
      {REPORTS.map((report) => (
        <button
          key={report.format}
          type="button"
          class="small"
          aria-label={`Download the report as ${report.title}`}
          onClick={() => {
            error.value = null;
            downloadReport(id, report).catch((thrown) => {
              error.value = thrown;
            });
          }}
        >
          <Icon name="download" size={14} /> {report.title}
        </button>
      ))}
      <Failure error={error.value} />
    </div>
  );
}

/** A value that follows another one at most every `ms`. */
function useThrottled<T>(value: T, ms: number): T {
  const latest = useMemo(() => ({ value }), []);
  const shown = useSignal(value);
  latest.value = value;
  useEffect(() => {
    const timer = setInterval(() => {
      shown.value = latest.value;
    }, ms);
    return () => clearInterval(timer);
  }, [ms]);
  // The end of a run is shown at once.
  const settled = useSettled(value, 500);
  return settled === value ? value : shown.value;
}
