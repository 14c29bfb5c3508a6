import { CompareReplaysDocument, RepriseError, unwrap } from '../../client/index.ts';
import { ask } from '../lib/api.ts';
import { isId } from '../lib/format.ts';
import { useResource } from '../lib/resource.ts';
import { href, route } from '../lib/router.ts';
import { Icon } from '../ui/icon.tsx';
import { Empty, Failure, Loading, Notice } from '../ui/notice.tsx';
import { ComparedStatements, type Comparison } from './compared-statements.tsx';
import { FiguresOfBoth } from './figures-of-both.tsx';

/** Two runs side by side: their figures, and what each normalised statement did in both. */
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
  return (
    <>
      <header class="page-head">
        <div>
          <p class="crumbs">
            <a href={href('/runs')}>Runs</a> <Icon name="right" size={10} /> Compare
          </p>
          <h1>Compare two runs</h1>
        </div>
        <a class="button" href={href('/compare', { a: b, b: a })}>
          <Icon name="compare" /> Swap
        </a>
      </header>
      {gone === null && malformed === null && <Failure error={both.error} retry={both.reload} />}
      {malformed !== null || gone !== null ? (
        <Empty title="There is no such run">
          {malformed === null ? gone?.message : <code>{malformed}</code>} <a href={href('/runs')}>All runs</a>
        </Empty>
      ) : comparison ? (
        <>
          {comparison.remarks.map((remark) => (
            <Notice key={remark} tone="warn">
              {remark}
            </Notice>
          ))}
          <FiguresOfBoth a={comparison.a} b={comparison.b} />
          <ComparedStatements comparison={comparison} />
        </>
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
