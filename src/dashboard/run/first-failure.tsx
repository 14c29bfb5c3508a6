import { count } from '../lib/format.ts';
import { useResource } from '../lib/resource.ts';
import { Notice } from '../ui/notice.tsx';
import { nextMatches } from './matches.ts';
import { isActive, type Run } from './run-feed.ts';
import type { Outcome } from './statement-tail.ts';

interface Props {
  readonly run: Run;
  readonly onOpen: (outcome: Outcome) => void;
}

/** The failure to look at first: one that the record does not have, where there is any. */
export function FirstFailure({ run, onOpen }: Props) {
  const { summary } = run;
  const isAnyNew = summary.divergences.some(
    ({ divergence, count: statements }) =>
      statements > 0 && (divergence === 'NEW_FAILURE' || divergence === 'DIFFERENT_FAILURE'),
  );
  const first = useResource(isAnyNew ? `${run.id} ${isActive(run.state)}` : null, async (abort) => {
    const filter = { divergences: ['NEW_FAILURE', 'DIFFERENT_FAILURE'], cascade: false } as const;
    const { nodes } = await nextMatches(run.id, filter, { after: null, most: 1 }, abort);
    return nodes[0] ?? null;
  });
  const outcome = first.data;
  if (outcome !== null) {
    return (
      <Notice tone="bad" title="First new failure">
        <button type="button" class="link num" onClick={() => onOpen(outcome)}>
          # {count(outcome.ordinal)}
        </button>{' '}
        <code>
          {outcome.sqlstate} {outcome.message}
        </code>
      </Notice>
    );
  }
  if (isAnyNew || summary.firstError === null) return null;
  return (
    <Notice tone="neutral" title="First failure">
      <code>{summary.firstError}</code>
    </Notice>
  );
}
