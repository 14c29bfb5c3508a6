import type { CompareReplaysQuery, RunVerdict } from '../../client/index.ts';
import type { Tone } from '../lib/words.ts';
import type { IconName } from '../ui/icon.tsx';

/** Two runs side by side, as the API gives them. */
export type Comparison = Extract<CompareReplaysQuery['compareReplays'], { readonly __typename: 'ReplayComparison' }>;

/** One normalised statement in both. */
export type Pair = Comparison['statements'][number];

/** Worst first. */
export const VERDICTS: Readonly<
  Record<RunVerdict, { readonly label: string; readonly tone: Tone; readonly icon: IconName }>
> = {
  NEW_FAILURES: { label: 'New failures', tone: 'bad', icon: 'cross' },
  DIFFERENT_RESULTS: { label: 'Different results', tone: 'bad', icon: 'cross' },
  SLOWER: { label: 'Slower', tone: 'warn', icon: 'up' },
  ONLY_IN_A: { label: 'Only in A', tone: 'warn', icon: 'left' },
  ONLY_IN_B: { label: 'Only in B', tone: 'warn', icon: 'right' },
  FIXED: { label: 'Fixed', tone: 'good', icon: 'check' },
  FASTER: { label: 'Faster', tone: 'good', icon: 'down' },
  SAME: { label: 'Same', tone: 'neutral', icon: 'dash' },
};
