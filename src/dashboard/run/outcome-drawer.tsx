import { EntryViewDocument } from '../../client/index.ts';
import { Parameters } from '../journal/entry-drawer.tsx';
import { ask } from '../lib/api.ts';
import { count, delta, duration, NOTHING } from '../lib/format.ts';
import { useResource } from '../lib/resource.ts';
import { href } from '../lib/router.ts';
import { dateTime } from '../lib/time.ts';
import { DIVERGENCES, LAG_CAUSES, SKIPS, VERDICTS } from '../lib/words.ts';
import { OutcomeBadge, RecordedBadge } from '../ui/badge.tsx';
import { Drawer } from '../ui/drawer.tsx';
import { Fact, SessionFacts } from '../ui/fields.tsx';
import { Failure, Loading, Notice } from '../ui/notice.tsx';
import { SqlBlock } from '../ui/sql.tsx';
import { nextMatches } from './matches.ts';
import type { Outcome } from './statement-tail.ts';

interface Props {
  readonly replayId: string;
  /** Number of its event. */
  readonly seq: number;
  /** The outcome, where a list holds it; else it is asked for. */
  readonly known: Outcome | null;
  readonly onClose: () => void;
}

/** One statement of a run: what the record says and what the target did, side by side. */
export function OutcomeDrawer({ replayId, seq, known, onClose }: Props) {
  const asked = useResource(known ? null : `${replayId} ${seq}`, async (abort) => {
    const { nodes } = await nextMatches(replayId, { fromSeq: seq, toSeq: seq }, { after: null, most: 1 }, abort);
    return { outcome: nodes[0] ?? null };
  });
  const outcome = known ?? asked.data?.outcome;
  const title = outcome ? `Statement ${count(outcome.ordinal)} of the run` : 'A statement of the run';
  return (
    <Drawer title={title} onClose={onClose}>
      <Failure error={asked.error} retry={asked.reload} />
      {outcome ? (
        <OutcomeDetail outcome={outcome} />
      ) : asked.loading ? (
        <Loading what="statement" />
      ) : (
        asked.error === null && <Notice tone="warn">Event {count(seq)} of the run is no outcome of a statement.</Notice>
      )}
    </Drawer>
  );
}

function OutcomeDetail({ outcome }: { readonly outcome: Outcome }) {
  const id = `${outcome.transactionId}/${outcome.sequence}`;
  const full = useResource(id, async (abort) => {
    const { node } = await ask(EntryViewDocument, { id }, abort);
    return node?.__typename === 'JournalEntry' ? node : null;
  });
  const entry = full.data;
  const differs = (kind: Outcome['divergences'][number]) => outcome.divergences.includes(kind);
  const outcomeDiffers = differs('NEW_FAILURE') || differs('MISSING_FAILURE') || differs('DIFFERENT_FAILURE');
  const mark = (is: boolean) => (is ? 'differs' : undefined);
  return (
    <>
      <p class="lead">
        <OutcomeBadge status={outcome.status} cascade={outcome.cascade} sqlstate={outcome.sqlstate} />
        <span>
          {outcome.verdict === 'DIVERGED'
            ? outcome.divergences.map((kind) => `${DIVERGENCES[kind].label}: ${DIVERGENCES[kind].text}`).join('; ')
            : VERDICTS[outcome.verdict]}
        </span>
      </p>
      <Failure error={full.error} retry={full.reload} />
      {entry ? (
        <SqlBlock text={entry.statement} position={outcome.errorPosition} />
      ) : full.loading ? (
        <Loading what="statement" />
      ) : (
        <Notice tone="warn">The journal holds this entry no more: retention evicted it.</Notice>
      )}
      {outcome.skipReason && (
        <Notice tone="warn" title="Skipped">
          {SKIPS[outcome.skipReason]}
        </Notice>
      )}
      {outcome.cascade && (
        <Notice tone="info" title="Cascade">
          It only follows from an earlier failure of its transaction, and is counted apart.
        </Notice>
      )}
      <h3>Recorded and replayed</h3>
      <table class="table side-by-side">
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">What</span>
            </th>
            <th scope="col">Recorded</th>
            <th scope="col">Replayed</th>
          </tr>
        </thead>
        <tbody>
          <tr class={mark(outcomeDiffers)}>
            <th scope="row">Outcome</th>
            <td>
              {entry ? <RecordedBadge status={entry.outcome.status} sqlstate={entry.outcome.sqlstate} /> : NOTHING}
            </td>
            <td>
              <OutcomeBadge status={outcome.status} cascade={outcome.cascade} sqlstate={outcome.sqlstate} />
            </td>
          </tr>
          {(entry?.outcome.message || outcome.message) && (
            <tr class={mark(outcomeDiffers)}>
              <th scope="row">Message</th>
              <td>{entry?.outcome.message ?? NOTHING}</td>
              <td>{outcome.message ?? NOTHING}</td>
            </tr>
          )}
          <tr class={mark(differs('ROW_COUNT'))}>
            <th scope="row">Rows</th>
            <td class="num">{entry ? count(entry.rows) : NOTHING}</td>
            <td class="num">{count(outcome.rows)}</td>
          </tr>
          <tr class={mark(differs('SLOWER'))}>
            <th scope="row">Duration</th>
            <td class="num">{entry ? duration(entry.durationMs) : NOTHING}</td>
            <td class="num">
              {duration(outcome.durationMs)}
              {outcome.durationApproximate && <span class="soft"> share of a batch</span>}
              {entry && entry.durationMs !== null && (
                <span class="soft"> {delta(entry.durationMs, outcome.durationMs)}</span>
              )}
            </td>
          </tr>
          {(entry?.checksum || outcome.digest) && (
            <tr class={mark(differs('CHECKSUM'))}>
              <th scope="row">Checksum</th>
              <td>
                <code>{entry?.checksum ?? NOTHING}</code>
              </td>
              <td>
                <code>{outcome.digest ?? NOTHING}</code>
              </td>
            </tr>
          )}
          <tr>
            <th scope="row">At</th>
            <td class="num">{dateTime(outcome.timestamp)}</td>
            <td class="num">{dateTime(outcome.at)}</td>
          </tr>
        </tbody>
      </table>
      {entry && <Parameters parameters={entry.parameters} />}
      <dl class="facts two">
        <Fact name="Lag">
          {duration(outcome.lagMs)}
          {outcome.lagCause !== 'NONE' && `: ${LAG_CAUSES[outcome.lagCause]}`}
        </Fact>
        <Fact name="Event">{count(outcome.seq)}</Fact>
        <SessionFacts sessionId={outcome.sessionId} copy={outcome.copy} transactionId={outcome.transactionId} />
      </dl>
      <p>
        <a href={href('/journal', { entry: id })}>The entry and its transaction in the journal</a>
      </p>
    </>
  );
}
