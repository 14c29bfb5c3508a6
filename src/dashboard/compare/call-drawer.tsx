import type { ComponentChildren } from 'preact';
import type { CallDifference } from '../../client/index.ts';
import { Parameters } from '../journal/entry-drawer.tsx';
import { count, delta, duration, NOTHING, shortId } from '../lib/format.ts';
import type { Resource } from '../lib/resource.ts';
import { href } from '../lib/router.ts';
import { dateTime } from '../lib/time.ts';
import { CALL_DIFFERENCES, SKIPS } from '../lib/words.ts';
import { OutcomeBadge } from '../ui/badge.tsx';
import { Drawer } from '../ui/drawer.tsx';
import { Fact, SessionFacts } from '../ui/fields.tsx';
import { Failure, Loading, Notice } from '../ui/notice.tsx';
import { SqlBlock } from '../ui/sql.tsx';
import { DifferenceBadge } from './call-words.tsx';
import type { ComparedCall } from './calls.ts';
import type { Comparison } from './comparison.ts';

interface Props {
  readonly comparison: Comparison;
  /** Null while it is not known. */
  readonly call: ComparedCall | null;
  readonly asked: Resource<unknown>;
  readonly onClose: () => void;
}

/** One call: what was sent, and what became of it in both runs, side by side. */
export function CallDrawer({ comparison, call, asked, onClose }: Props) {
  return (
    <Drawer title="One call in both runs" onClose={onClose}>
      <Failure error={asked.error} retry={asked.reload} />
      {call ? (
        <Call comparison={comparison} call={call} />
      ) : asked.loading ? (
        <Loading what="call" />
      ) : (
        asked.error === null && <Notice tone="warn">No call that differs like this stands here.</Notice>
      )}
    </Drawer>
  );
}

type Outcome = NonNullable<ComparedCall['a']>;

function Call({ comparison, call }: { readonly comparison: Comparison; readonly call: ComparedCall }) {
  const { a, b, entry, differences } = call;
  const differs = (...kinds: readonly CallDifference[]) => kinds.some((kind) => differences.includes(kind));
  const line = (name: string, differing: boolean, cell: (outcome: Outcome) => ComponentChildren) => (
    <tr class={differing ? 'differs' : undefined}>
      <th scope="row">{name}</th>
      {[a, b].map((outcome, n) => (
        <td key={n}>{outcome === null ? NOTHING : cell(outcome)}</td>
      ))}
    </tr>
  );
  const outcomeDiffers = differs('NEW_FAILURE', 'FIXED', 'DIFFERENT_FAILURE', 'ONLY_IN_A', 'ONLY_IN_B', 'UNKNOWN');
  return (
    <>
      <p class="lead">
        {differences.map((difference) => (
          <span key={difference}>
            <DifferenceBadge difference={difference} /> {CALL_DIFFERENCES[difference].text}
          </span>
        ))}
      </p>
      {entry ? (
        <SqlBlock text={entry.statement} />
      ) : (
        <Notice tone="warn">The journal holds this entry no more: retention evicted it.</Notice>
      )}
      {entry && <Parameters parameters={entry.parameters} />}
      <h3>In both runs</h3>
      <table class="table side-by-side">
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">What</span>
            </th>
            {(['a', 'b'] as const).map((side) => (
              <th key={side} scope="col">
                {side.toUpperCase()} <code>{shortId(comparison[side].id)}</code>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {line('Outcome', outcomeDiffers, (outcome) => (
            <OutcomeBadge {...outcome} />
          ))}
          {(a?.message || b?.message) && line('Message', outcomeDiffers, ({ message }) => message ?? NOTHING)}
          {(a?.skipReason || b?.skipReason) &&
            line('Why', outcomeDiffers, ({ skipReason }) => (skipReason ? SKIPS[skipReason] : NOTHING))}
          {line('Rows', differs('ROW_COUNT'), ({ rows }) => (
            <span class="num">{count(rows)}</span>
          ))}
          {line('Duration', differs('SLOWER', 'FASTER'), (outcome) => (
            <span class="num">
              {duration(outcome.durationMs)}
              {outcome.durationApproximate && <span class="soft"> share of a batch</span>}
              {outcome === b && a && <span class="soft"> {delta(a.durationMs, b.durationMs)}</span>}
            </span>
          ))}
          {(a?.digest || b?.digest) &&
            line('Checksum', differs('CHECKSUM'), ({ digest }) => <code>{digest ?? NOTHING}</code>)}
          <tr>
            <th scope="row">In the run</th>
            {(['a', 'b'] as const).map((side) => (
              <td key={side}>
                <OutcomeLink run={comparison[side].id} outcome={call[side]} name={side.toUpperCase()} />
              </td>
            ))}
          </tr>
        </tbody>
      </table>
      <dl class="facts two">
        <Fact name="Recorded at">{dateTime(call.timestamp)}</Fact>
        <SessionFacts sessionId={call.sessionId} copy={call.copy} transactionId={call.transactionId} />
        <Fact name="In its transaction">statement {count(call.sequence)}</Fact>
      </dl>
      {entry && (
        <p>
          <a href={href('/journal', { entry: entry.id })}>The entry and its transaction in the journal</a>
        </p>
      )}
    </>
  );
}

function OutcomeLink(props: { readonly run: string; readonly outcome: Outcome | null; readonly name: string }) {
  const { run, outcome, name } = props;
  if (outcome === null) return <span class="soft">not reported on</span>;
  return <a href={href(`/runs/${run}`, { tab: 'outcomes', outcome: outcome.seq })}>Its outcome in run {name}</a>;
}
