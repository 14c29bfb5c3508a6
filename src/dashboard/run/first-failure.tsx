import { count } from '../lib/format.ts';
import { useResource } from '../lib/resource.ts';
import { Notice } from '../ui/notice.tsx';
import { nextMatches } from './matches.ts';
import { isActive, type Run } from './run-feed.ts';
import type { Outcome } from './statement-tail.ts';

/** Between looks for what is counted and not durable yet. */
const LOOK_AGAIN_MS = 2_000;

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
  const active = isActive(run.state);
  const first = useResource(isAnyNew ? `${run.id} ${active}` : null, async (abort) => {
    const filter = { divergences: ['NEW_FAILURE', 'DIFFERENT_FAILURE'], cascade: false } as const;
    for (;;) {
      const { nodes } = await nextMatches(run.id, filter, { after: null, most: 1 }, abort);
      if (nodes[0] !== undefined || !active) return nodes[0] ?? null;
      // The counts of a run under way are ahead of its durable outcomes.
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
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
