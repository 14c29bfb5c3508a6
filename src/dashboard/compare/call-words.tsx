import type { CallDifference } from '../../client/index.ts';
import { count, duration } from '../lib/format.ts';
import { CALL_DIFFERENCES } from '../lib/words.ts';
import { Badge, OutcomeSign } from '../ui/badge.tsx';
import type { IconName } from '../ui/icon.tsx';
import type { ComparedCall } from './calls.ts';

const ICONS: Readonly<Record<CallDifference, IconName>> = {
  NEW_FAILURE: 'cross',
  DIFFERENT_FAILURE: 'cross',
  ROW_COUNT: 'cross',
  CHECKSUM: 'cross',
  UNKNOWN: 'question',
  ONLY_IN_A: 'left',
  ONLY_IN_B: 'right',
  SLOWER: 'up',
  FIXED: 'check',
  FASTER: 'down',
};

/** A difference with its sign. */
export function DifferenceBadge({ difference }: { readonly difference: CallDifference }) {
  const { tone, label } = CALL_DIFFERENCES[difference];
  return (
    <Badge tone={tone} icon={ICONS[difference]}>
      {label}
    </Badge>
  );
}

/** What became of a call in one run, as far as the two differ, in a few characters. */
export function SideInShort({ call, side }: { readonly call: ComparedCall; readonly side: 'a' | 'b' }) {
  const outcome = call[side];
  if (outcome === null) return <span class="soft">not reported on</span>;
  const differs = (...kinds: readonly CallDifference[]) => kinds.some((kind) => call.differences.includes(kind));
  const { status, cascade, sqlstate, rows, digest, durationMs } = outcome;
  const fact =
    sqlstate ??
    (status === 'SKIPPED'
      ? 'skipped'
      : differs('ROW_COUNT')
        ? `${count(rows)} ${rows === 1 ? 'row' : 'rows'}`
        : differs('CHECKSUM')
          ? digest?.slice(0, 8)
          : differs('SLOWER', 'FASTER') && duration(durationMs));
  return (
    <span class="row in-short">
      <OutcomeSign status={status} cascade={cascade} sqlstate={sqlstate} />
      <span class="num">{fact}</span>
    </span>
  );
}
