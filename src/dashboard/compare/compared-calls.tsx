import { useSignal } from '@preact/signals';
import { CALL_DIFFERENCES as KINDS } from '../../client/words.ts';
import { oneLine } from '../lib/format.ts';
import { usePaged } from '../lib/paged.ts';
import { useResource } from '../lib/resource.ts';
import { route, setQuery } from '../lib/router.ts';
import { clock } from '../lib/time.ts';
import { CALL_DIFFERENCES } from '../lib/words.ts';
import { FailureText } from '../run/outcome-columns.tsx';
import { FilterSelect } from '../ui/filters.tsx';
import { Icon } from '../ui/icon.tsx';
import { Empty, Notice } from '../ui/notice.tsx';
import { LoadedCount, PagedTable } from '../ui/paged-table.tsx';
import { Sql } from '../ui/sql.tsx';
import type { Column } from '../ui/virtual-table.tsx';
import { CallDrawer } from './call-drawer.tsx';
import { DifferenceBadge, SideInShort } from './call-words.tsx';
import { type CallKind, type ComparedCall, callBehind, nextCalls, wantedCalls } from './calls.ts';
import type { Comparison } from './comparison.ts';

const KIND_OPTIONS: readonly (readonly [CallKind, string])[] = [
  ['ALL', 'All differences'],
  ...KINDS.map((kind) => [kind, CALL_DIFFERENCES[kind].label] as const),
];

/** What tells calls apart: of one statement its parameters, where it has any. */
function Text({ call, ofOne }: { readonly call: ComparedCall; readonly ofOne: boolean }) {
  const { entry } = call;
  if (entry === null) return <span class="soft">evicted from the journal</span>;
  const parameters = entry.parameters.map(({ text }, n) => `$${n + 1} = ${text ?? 'NULL'}`).join(', ');
  if (ofOne && parameters !== '') return <code>{oneLine(parameters, 240)}</code>;
  return (
    <>
      {call.b && <FailureText outcome={call.b} />}
      <Sql text={oneLine(entry.statement, 240)} />
      {parameters !== '' && <code class="soft"> {oneLine(parameters, 120)}</code>}
    </>
  );
}

function columnsOf(ofOne: boolean): readonly Column<ComparedCall>[] {
  return [
    {
      key: 'time',
      title: 'Recorded at',
      width: '8.8rem',
      wide: true,
      render: (call) => <span class="num">{clock(call.timestamp)}</span>,
    },
    {
      key: 'difference',
      title: 'B against A',
      width: '9.6rem',
      render: ({ differences: [first, ...others] }) => (
        <span class="row in-short">
          {first && <DifferenceBadge difference={first} />}
          {others.length > 0 && (
            <small title={others.map((other) => CALL_DIFFERENCES[other].label).join(', ')}>+{others.length}</small>
          )}
        </span>
      ),
    },
    {
      key: 'call',
      title: ofOne ? 'Parameters or statement' : 'Statement',
      width: 'minmax(0, 1fr)',
      render: (call) => <Text call={call} ofOne={ofOne} />,
    },
    ...(['a', 'b'] as const).map((side) => ({
      key: side,
      title: `In ${side.toUpperCase()}`,
      width: '9rem',
      wide: true,
      render: (call: ComparedCall) => <SideInShort call={call} side={side} />,
    })),
  ];
}

const COLUMNS = { one: columnsOf(true), all: columnsOf(false) } as const;

/** The calls in which run B differs from run A: of all statements or of one, by kind. */
export function ComparedCalls({ comparison }: { readonly comparison: Comparison }) {
  const { a, b, statements } = comparison;
  const runs = [a.id, b.id] as const;
  const wanted = wantedCalls(route.value.query);
  const open = route.value.query.get('call');
  const remarks = useSignal<readonly string[]>([]);
  const key = `${runs} ${JSON.stringify(wanted)}`;
  const list = usePaged<ComparedCall>(key, async (after, abort) => {
    const page = await nextCalls(runs, wanted, { after }, abort);
    remarks.value = page.remarks;
    return page;
  });
  const atHand = list.rows.find(({ behind }) => behind === open);
  const asked = useResource(open === null || atHand ? null : `${key} ${open}`, async (abort) => ({
    call: await callBehind(runs, wanted, open ?? '', abort),
  }));
  const { kind, statement, cascades } = wanted;
  const normalised = statements.find(({ fingerprint }) => fingerprint === statement)?.normalised;
  return (
    <>
      {remarks.value
        .filter((remark) => !comparison.remarks.includes(remark))
        .map((remark) => (
          <Notice key={remark} tone="warn">
            {remark}
          </Notice>
        ))}
      <section class="card flush" aria-labelledby="calls-title">
        <div class="row between pad">
          <h2 id="calls-title">Calls that differ</h2>
          <LoadedCount list={list} />
        </div>
        <search class="filter-bar">
          <FilterSelect
            label="Kind of difference"
            any="All but slower and faster"
            value={kind}
            options={KIND_OPTIONS}
            onChange={(value) => setQuery({ kind: value, call: null })}
          />
          <label class="inline">
            <input
              type="checkbox"
              checked={cascades}
              onChange={(event) => setQuery({ cascades: event.currentTarget.checked ? null : 'no', call: null })}
            />
            With cascades
          </label>
        </search>
        {statement !== null && (
          <p class="pad row chosen">
            <span class="chosen-text">
              Of {normalised ? <Sql text={oneLine(normalised, 240)} /> : <code>{statement}</code>}
            </span>
            <button type="button" class="small" onClick={() => setQuery({ statement: null, call: null })}>
              <Icon name="cross" size={12} /> All statements
            </button>
          </p>
        )}
        <PagedTable
          label="Calls that differ between the runs"
          list={list}
          columns={COLUMNS[statement === null ? 'all' : 'one']}
          rowKey={({ behind }) => behind}
          selected={open}
          onOpen={({ behind }) => setQuery({ call: behind })}
          height="70vh"
          loading="Comparing call by call…"
          empty={
            <Empty title="No such calls">
              {kind === ''
                ? 'No call differs in more than its time. Calls that are only slower or faster are listed by their kinds.'
                : 'No call differs like this.'}
            </Empty>
          }
        />
      </section>
      {open !== null && (
        <CallDrawer
          comparison={comparison}
          call={atHand ?? asked.data?.call ?? null}
          asked={asked}
          onClose={() => setQuery({ call: null })}
        />
      )}
    </>
  );
}
