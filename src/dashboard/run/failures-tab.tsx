import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import {
  type OutcomeFilterInput,
  ReplayDivergencesDocument,
  type ReplayDivergencesQuery,
  ReplayFailuresDocument,
  type ReplayFailuresQuery,
} from '../../client/index.ts';
import { ask, ofRun } from '../lib/api.ts';
import { count, oneLine, plural } from '../lib/format.ts';
import { usePaged } from '../lib/paged.ts';
import { useResource } from '../lib/resource.ts';
import { sqlstateName } from '../lib/sqlstates.ts';
import { DIVERGENCES } from '../lib/words.ts';
import { Badge } from '../ui/badge.tsx';
import { Icon } from '../ui/icon.tsx';
import { Empty, Failure, Loading } from '../ui/notice.tsx';
import { PagedTable } from '../ui/paged-table.tsx';
import { Sql, SqlBlock } from '../ui/sql.tsx';
import { nextMatches } from './matches.ts';
import { OUTCOME_COLUMNS } from './outcome-columns.tsx';
import type { Outcome } from './statement-tail.ts';

type FailureGroup = NonNullable<ReplayFailuresQuery['replayFailures']>[number];
type DivergenceGroup = NonNullable<ReplayDivergencesQuery['replayDivergences']>[number];

/** Fingerprint of the group that the last failures of many kinds share. */
const OTHERS = 'other';

const NOT_SENT = 'No statement has an outcome.';

interface Props {
  readonly replayId: string;
  /** Statements that have an outcome. */
  readonly reported: number;
  /** Asks again when it changes: counts of a run under way. */
  readonly version: string;
  readonly onOpen: (outcome: Outcome) => void;
}

/** Failures by SQLSTATE and statement, and divergences by kind and statement, each down to its statements. */
export function FailuresTab({ replayId, reported, version, onOpen }: Props) {
  const failures = useResource(`${replayId} ${version}`, async (abort) => {
    const { replayFailures } = await ask(ReplayFailuresDocument, { replayId }, abort);
    return ofRun(replayFailures);
  });
  const divergences = useResource(`${replayId} ${version}`, async (abort) => {
    const { replayDivergences } = await ask(
      ReplayDivergencesDocument,
      { replayId, divergences: null, fingerprint: null },
      abort,
    );
    // Most first, as they come; what only took longer after what went another way.
    const [slower, others] = [true, false].map((is) =>
      ofRun(replayDivergences).filter(({ divergence }) => (divergence === 'SLOWER') === is),
    );
    return [...(others ?? []), ...(slower ?? [])];
  });
  const groups = failures.data ?? [];
  const own = groups.filter((group) => group.count > group.cascades);
  const cascades = groups.filter((group) => group.count === group.cascades);
  const card = (group: FailureGroup) => (
    <FailureCard key={`${group.sqlstate} ${group.normalised}`} group={group} replayId={replayId} onOpen={onOpen} />
  );
  return (
    <>
      <section aria-labelledby="failures-title">
        <div class="row between section-head">
          <h2 id="failures-title">Failures</h2>
          <span class="soft">by SQLSTATE and normalised statement, most new ones first</span>
        </div>
        <Failure error={failures.error} retry={failures.reload} />
        {failures.data === null ? (
          failures.loading && <Loading what="failures" />
        ) : groups.length === 0 ? (
          <Empty title="No failures">{reported === 0 ? NOT_SENT : 'Every statement that was sent succeeded.'}</Empty>
        ) : (
          own.map(card)
        )}
      </section>
      {cascades.length > 0 && (
        <section aria-labelledby="cascades-title">
          <div class="row between section-head">
            <h2 id="cascades-title">Cascades</h2>
            <span class="soft">they only follow from an earlier failure of their transaction</span>
          </div>
          {cascades.map(card)}
        </section>
      )}
      <section aria-labelledby="divergences-title">
        <div class="row between section-head">
          <h2 id="divergences-title">Divergences</h2>
          <span class="soft">what differs from the record, by kind and normalised statement; slower ones last</span>
        </div>
        <Failure error={divergences.error} retry={divergences.reload} />
        {divergences.data === null ? (
          divergences.loading && <Loading what="divergences" />
        ) : divergences.data.length === 0 ? (
          <Empty title="No divergences">{reported === 0 ? NOT_SENT : 'Nothing that could be compared differs.'}</Empty>
        ) : (
          divergences.data.map((group) => (
            <DivergenceCard
              key={`${group.divergence} ${group.fingerprint}`}
              group={group}
              replayId={replayId}
              onOpen={onOpen}
            />
          ))
        )}
      </section>
    </>
  );
}

function FailureCard(props: {
  readonly group: FailureGroup;
  readonly replayId: string;
  readonly onOpen: Props['onOpen'];
}) {
  const { group, replayId, onOpen } = props;
  const own = group.count - group.cascades;
  const filter: OutcomeFilterInput | null =
    group.fingerprint === OTHERS
      ? null
      : { statuses: ['FAILED'], sqlstates: [group.sqlstate], fingerprint: group.fingerprint, ...spanOf(group) };
  return (
    <GroupCard
      head={
        <>
          <span class="group-count num">{count(group.count)}</span>
          <Badge
            tone={own === 0 ? 'warn' : group.expected === group.count ? 'neutral' : 'bad'}
            icon={own === 0 ? 'cascade' : 'cross'}
          >
            <code>{group.sqlstate}</code> {sqlstateName(group.sqlstate)}
          </Badge>
          <span class="group-text">
            <Sql text={oneLine(group.normalised, 200)} />
          </span>
        </>
      }
      facts={[
        ['Message of one of them', group.sampleMessage],
        ...(group.cascades > 0 ? ([['Cascades among them', count(group.cascades)]] as const) : []),
        ['Failed so in the record too', count(group.expected)],
      ]}
      span={group}
      note={
        group.expected === group.count ? (
          <span class="soft">as recorded</span>
        ) : (
          <span class="soft">
            {[
              group.expected > 0 && `${count(group.expected)} as recorded`,
              group.cascades > 0 && plural(group.cascades, 'cascade'),
            ]
              .filter(Boolean)
              .join(', ')}
          </span>
        )
      }
      normalised={group.normalised}
      listKey={`${replayId} ${group.sqlstate} ${group.normalised} ${group.count}`}
      replayId={replayId}
      filter={filter}
      onOpen={onOpen}
    />
  );
}

function DivergenceCard(props: {
  readonly group: DivergenceGroup;
  readonly replayId: string;
  readonly onOpen: Props['onOpen'];
}) {
  const { group, replayId, onOpen } = props;
  const { divergence, normalised, fingerprint } = group;
  const filter: OutcomeFilterInput | null =
    fingerprint === OTHERS ? null : { divergences: [divergence], fingerprint, ...spanOf(group) };
  return (
    <GroupCard
      head={
        <>
          <span class="group-count num">{count(group.count)}</span>
          <Badge tone={divergence === 'SLOWER' ? 'warn' : 'bad'} icon={divergence === 'SLOWER' ? 'clock' : 'cross'}>
            {DIVERGENCES[divergence].label}
          </Badge>
          <span class="group-text">
            <Sql text={oneLine(normalised, 200)} />
          </span>
        </>
      }
      note={null}
      facts={[
        ['What it means', DIVERGENCES[divergence].text],
        ['The first', group.sample],
      ]}
      span={group}
      normalised={normalised}
      listKey={`${replayId} ${divergence} ${group.fingerprint} ${group.count}`}
      replayId={replayId}
      filter={filter}
      onOpen={onOpen}
    />
  );
}

interface Seqs {
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** No statement of the group lies outside. */
function spanOf({ firstSeq, lastSeq }: Seqs) {
  return { fromSeq: firstSeq, toSeq: lastSeq };
}

interface GroupProps {
  readonly head: ComponentChildren;
  readonly note: ComponentChildren;
  readonly facts: readonly (readonly [string, string])[];
  readonly span: Seqs;
  readonly normalised: string;
  readonly listKey: string;
  readonly replayId: string;
  /** Of the statements of the group; null where they cannot be told from others. */
  readonly filter: OutcomeFilterInput | null;
  readonly onOpen: Props['onOpen'];
}

/** A group that opens to its statements, which are read only then. */
function GroupCard(props: GroupProps) {
  const open = useSignal(false);
  return (
    <details
      class="card fold group"
      onToggle={(event) => {
        open.value = event.currentTarget.open;
      }}
    >
      <summary>
        {props.head}
        <span class="group-note">{props.note}</span>
        <Icon name="right" size={12} />
      </summary>
      {open.value && <GroupDetail {...props} />}
    </details>
  );
}

function GroupDetail({ facts, span, normalised, listKey, replayId, filter, onOpen }: GroupProps) {
  const list = usePaged<Outcome>(filter && listKey, (after, abort) =>
    nextMatches(replayId, filter ?? {}, { after }, abort),
  );
  return (
    <>
      <dl class="facts inline-facts">
        {facts.map(([name, value]) => (
          <div class="fact" key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        <Ends replayId={replayId} span={span} onOpen={onOpen} />
      </dl>
      <SqlBlock text={normalised} />
      {filter === null ? (
        <p class="soft">
          The report has no more room for groups: these statements are under Outcomes, among all others.
        </p>
      ) : (
        <PagedTable
          label="Statements of the group"
          list={list}
          columns={OUTCOME_COLUMNS}
          rowKey={(row) => row.seq}
          onOpen={onOpen}
          height="320px"
          loading="Looking for its statements…"
          empty={<p class="soft">Its statements are gone from the journal.</p>}
        />
      )}
    </>
  );
}

/** The first and the last statement of a group, by the numbers that its rows show. */
function Ends({ replayId, span, onOpen }: Pick<GroupProps, 'replayId' | 'span' | 'onOpen'>) {
  const { firstSeq, lastSeq } = span;
  const ends = useResource(`${replayId} ${firstSeq} ${lastSeq}`, async (abort) => {
    const seqs = firstSeq === lastSeq ? [firstSeq] : [firstSeq, lastSeq];
    const pages = seqs.map((seq) => nextMatches(replayId, { fromSeq: seq, toSeq: seq }, { after: null }, abort));
    return (await Promise.all(pages)).flatMap(({ nodes }) => nodes);
  });
  return (
    <div class="fact">
      <dt>{firstSeq === lastSeq ? 'The only one' : 'First and last'}</dt>
      <dd>
        <Failure error={ends.error} retry={ends.reload} />
        {ends.data?.map((outcome, n) => (
          <span key={outcome.seq}>
            {n > 0 && ' and '}
            <button type="button" class="link num" onClick={() => onOpen(outcome)}>
              # {count(outcome.ordinal)}
            </button>
          </span>
        ))}
      </dd>
    </div>
  );
}
