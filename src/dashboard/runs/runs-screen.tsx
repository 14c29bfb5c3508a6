// biome-ignore-all lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type ReplayFieldsFragment, ReplaysDocument } from '../../client/index.ts';
import { ask } from '../lib/api.ts';
import { count, duration, percent, shortId } from '../lib/format.ts';
import { usePaged } from '../lib/paged.ts';
import { go, href } from '../lib/router.ts';
import { toSecond } from '../lib/time.ts';
import { ORDERINGS } from '../lib/words.ts';
import { justDeleted } from '../run/delete-run.tsx';
import { done, isActive } from '../run/run-feed.ts';
import { divergedClass } from '../run/verdict.ts';
import { StateBadge } from '../ui/badge.tsx';
import { Icon } from '../ui/icon.tsx';
import { Empty, Failure, Loading, Notice } from '../ui/notice.tsx';

/** Between looks at the list: while a run is under way, and for those that others start. */
const POLL_MS = { active: 2000, quiet: 10_000 } as const;

/** Every run, newest first; two can be compared. */
export function RunsScreen() {
  const runs = usePaged('runs', async (after, abort) => {
    const { replays } = await ask(ReplaysDocument, { states: null, first: 50, after }, abort);
    return replays;
  });
  const fresh = useSignal<ReadonlyMap<string, ReplayFieldsFragment>>(new Map());
  const chosen = useSignal<readonly string[]>([]);
  const rows = runs.rows.map((run) => fresh.value.get(run.id) ?? run);
  const anyActive = rows.some((run) => isActive(run.state));
  useEffect(() => {
    const timer = setInterval(
      () => {
        if (document.hidden) return;
        ask(ReplaysDocument, { states: null, first: 50, after: null }).then(
          ({ replays: { nodes, pageInfo } }) => {
            // Others were started, or deleted: the first rows, and where these are all runs, the number of them, tell.
            const moved = nodes.some((run, n) => run.id !== runs.rows[n]?.id);
            if (moved || (!pageInfo.hasNextPage && nodes.length < runs.rows.length)) runs.reload();
            fresh.value = new Map([...fresh.value, ...nodes.map((run) => [run.id, run] as const)]);
          },
          // The next look may find the service again.
          () => {},
        );
      },
      POLL_MS[anyActive ? 'active' : 'quiet'],
    );
    return () => clearInterval(timer);
  }, [anyActive, runs.rows]);

  // A run that is chosen may be deleted.
  const shown = chosen.value.filter((id) => rows.some((run) => run.id === id));
  const toggle = (id: string) => {
    chosen.value = shown.includes(id) ? shown.filter((other) => other !== id) : [...shown, id].slice(-2);
  };
  const [a, b] = inOrder(shown, rows);
  return (
    <>
      <header class="page-head">
        <div>
          <h1>Runs</h1>
          <p class="soft">Newest first. Choose two to compare them.</p>
        </div>
        <div class="row">
          <button
            type="button"
            disabled={!a || !b}
            onClick={() => {
              if (a && b) go('/compare', { a, b });
            }}
          >
            <Icon name="compare" /> Compare{shown.length > 0 && ` (${shown.length} of 2)`}
          </button>
          <a class="button primary" href={href('/new')}>
            <Icon name="replay" /> New replay
          </a>
        </div>
      </header>
      <Deleted />
      <Failure error={runs.error} retry={runs.reload} />
      {rows.length === 0 ? (
        runs.loading ? (
          <Loading what="runs" />
        ) : (
          runs.error === null && (
            <Empty title="Nothing was replayed yet">
              <a href={href('/journal')}>Choose a window in the journal</a> and replay it.
            </Empty>
          )
        )
      ) : (
        <section class="card flush scroll-x" aria-label="Runs" tabIndex={0}>
          <table class="table runs">
            <thead>
              <tr>
                <th scope="col">
                  <span class="hidden">Compare</span>
                </th>
                <th scope="col">Run</th>
                <th scope="col">State</th>
                <th scope="col" class="wide">
                  Target
                </th>
                <th scope="col" class="wide">
                  Window (UTC)
                </th>
                <th scope="col" class="wide">
                  Ordering
                </th>
                <th scope="col" class="wide">
                  Progress
                </th>
                <th scope="col" class="end">
                  Failed
                </th>
                <th scope="col" class="end">
                  Diverged
                </th>
                <th scope="col" class="end wide">
                  Took
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((run) => (
                <RunRow key={run.id} run={run} chosen={chosen.value.includes(run.id)} onToggle={() => toggle(run.id)} />
              ))}
            </tbody>
          </table>
          {!runs.complete && (
            <p class="pad">
              <button type="button" disabled={runs.loading} onClick={runs.more}>
                Older runs
              </button>
            </p>
          )}
        </section>
      )}
    </>
  );
}

/** Says which run was deleted, to those too who hear the page: the focus was on the page of that run. */
function Deleted() {
  const id = justDeleted.value;
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    place.current?.focus();
    return () => {
      justDeleted.value = null;
    };
  }, []);
  if (id === null) return null;
  return (
    <div ref={place} role="status" tabIndex={-1}>
      <Notice tone="good">
        The run <code>{shortId(id)}</code> was deleted.
      </Notice>
    </div>
  );
}

interface RowProps {
  readonly run: ReplayFieldsFragment;
  readonly chosen: boolean;
  readonly onToggle: () => void;
}

function RunRow({ run, chosen, onToggle }: RowProps) {
  const { summary } = run;
  const reported = done(summary);
  const whole = Math.max(summary.planned ?? 0, reported, 1);
  const planned =
    summary.planned === null
      ? ''
      : summary.planned === 0
        ? 'nothing to send'
        : `${percent(reported, whole)} of ${count(summary.planned)}`;
  return (
    <tr class={chosen ? 'chosen' : undefined}>
      <td>
        <input type="checkbox" checked={chosen} aria-label={`Compare run ${shortId(run.id)}`} onChange={onToggle} />
      </td>
      <th scope="row">
        <a href={href(`/runs/${run.id}`)}>
          <code>{shortId(run.id)}</code>
        </a>
        <small class="num nowrap">{toSecond(run.createdAt)}</small>
        <small class="narrow-only">
          {/* Broken behind the host and the port, where it has to be. */}
          <code>
            {run.target.split(/(?<=[:/])/).map((part) => (
              <span key={part}>
                {part}
                <wbr />
              </span>
            ))}
          </code>
        </small>
      </th>
      <td>
        <StateBadge state={run.state} />
        {run.error && (
          <small class="why" title={run.error.message}>
            {run.error.message}
          </small>
        )}
        <small class="num narrow-only">{planned || (reported > 0 && count(reported))}</small>
      </td>
      <td class="wide">
        <code>{run.target}</code>
      </td>
      <td class="num nowrap wide">
        {toSecond(run.window.from)}
        <small>to {toSecond(run.window.to)}</small>
      </td>
      <td class="wide">{ORDERINGS[run.request.ordering].title}</td>
      <td class="num nowrap wide">
        <span class="mini-bar" aria-hidden="true">
          <span style={{ width: `${(reported / whole) * 100}%` }} />
        </span>
        {count(reported)}
        <small>{planned}</small>
      </td>
      <td class={`end num${summary.failed > 0 ? ' bad-text' : ''}`}>
        {count(summary.failed)}
        {summary.cascades > 0 && <small>+ {count(summary.cascades)} cascades</small>}
      </td>
      <td class={`end num ${divergedClass(summary) ?? ''}`}>{count(summary.diverged)}</td>
      <td class="end num nowrap wide">{duration(summary.elapsedMs)}</td>
    </tr>
  );
}

/** The older of the two first: it is what the other is compared with. */
function inOrder(ids: readonly string[], rows: readonly ReplayFieldsFragment[]): readonly string[] {
  return [...ids].sort((a, b) => rows.findIndex((run) => run.id === b) - rows.findIndex((run) => run.id === a));
}
