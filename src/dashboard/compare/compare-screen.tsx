import { CompareReplaysDocument, type ReplayFieldsFragment, RepriseError, unwrap } from '../../client/index.ts';
import { ask } from '../lib/api.ts';
import { isId, shortId } from '../lib/format.ts';
import { useResource } from '../lib/resource.ts';
import { href, route, setQuery } from '../lib/router.ts';
import { Icon } from '../ui/icon.tsx';
import { Empty, Failure, Loading, Notice } from '../ui/notice.tsx';
import { Tabs } from '../ui/tabs.tsx';
import { ComparedCalls } from './compared-calls.tsx';
import { ComparedStatements } from './compared-statements.tsx';
import type { Comparison } from './comparison.ts';
import { FiguresOfBoth } from './figures-of-both.tsx';

const TABS = [
  { key: 'statements', title: 'Figures and statements' },
  { key: 'calls', title: 'Calls that differ' },
] as const;

/** Two runs side by side: their figures, what each normalised statement did in both, and single calls. */
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
  const known = gone === null && malformed === null;
  const kept = { tab: query.get('tab'), statement: query.get('statement'), cascades: query.get('cascades') };
  return (
    <>
      <header class="page-head">
        <div>
          <p class="crumbs">
            <a href={href('/runs')}>Runs</a> <Icon name="right" size={10} /> Compare
          </p>
          <h1>Compare two runs</h1>
          {known && comparison && (
            <p class="soft row both">
              <RunName name="A" run={comparison.a} /> <RunName name="B" run={comparison.b} />
            </p>
          )}
        </div>
        <a class="button" href={href('/compare', { a: b, b: a, ...kept })}>
          <Icon name="compare" /> Swap
        </a>
      </header>
      {known && <Failure error={both.error} retry={both.reload} />}
      {!known ? (
        <Empty title="There is no such run">
          {malformed === null ? gone?.message : <code>{malformed}</code>} <a href={href('/runs')}>All runs</a>
        </Empty>
      ) : comparison ? (
        <Parts comparison={comparison} />
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

function RunName({ name, run }: { readonly name: string; readonly run: ReplayFieldsFragment }) {
  return (
    <span class="nowrap">
      {name}{' '}
      <a href={href(`/runs/${run.id}`)}>
        <code>{shortId(run.id)}</code>
      </a>{' '}
      {run.target}
    </span>
  );
}

function Parts({ comparison }: { readonly comparison: Comparison }) {
  const tab = route.value.query.get('tab') === 'calls' ? 'calls' : 'statements';
  return (
    <>
      {comparison.remarks.map((remark) => (
        <Notice key={remark} tone="warn">
          {remark}
        </Notice>
      ))}
      <Tabs
        label="Parts of the comparison"
        tabs={TABS}
        current={tab}
        onSelect={(key) => setQuery({ tab: key === 'calls' ? key : null, statement: null, call: null })}
      >
        {tab === 'calls' ? (
          <ComparedCalls comparison={comparison} />
        ) : (
          <>
            <FiguresOfBoth a={comparison.a} b={comparison.b} />
            <ComparedStatements comparison={comparison} />
          </>
        )}
      </Tabs>
    </>
  );
}
