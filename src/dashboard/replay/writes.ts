import type { PreflightViewQuery } from '../../client/index.ts';
import { count, plural } from '../lib/format.ts';
import type { ReplayForm } from './form.ts';

export type Preflight = Extract<PreflightViewQuery['preflightReplay'], { readonly __typename: 'Preflight' }>;

/** What a run does to its target, in plain words. */
export interface Effect {
  readonly tone: 'good' | 'warn' | 'bad';
  readonly title: string;
  readonly sentences: readonly string[];
}

const WRITES = ['INSERT', 'UPDATE', 'DELETE', 'DDL'] as const;

/** Says plainly what writes to the target, before anything does. */
export function effectOf(preflight: Preflight, form: ReplayForm): Effect {
  const { target, writes, byType } = preflight;
  const of = (type: string) => byType.find((item) => item.statementType === type)?.entries ?? 0;
  if (form.readOnly) {
    return {
      tone: 'good',
      title: `Nothing is written to ${target}`,
      sentences: [
        'Its sessions are read-only: the target itself refuses writes.',
        ...(writes > 0 ? [`${plural(writes, 'statement')} would write, and will fail with SQLSTATE 25006.`] : []),
      ],
    };
  }
  const other = of('OTHER');
  const unsure =
    other > 0
      ? [`${plural(other, 'statement')} of type OTHER (CALL, DO, EXECUTE, …) may write too: their text does not tell.`]
      : [];
  if (writes === 0) {
    return {
      tone: other > 0 ? 'warn' : 'good',
      title: other > 0 ? `Little or nothing is written to ${target}` : `Nothing of this window writes to ${target}`,
      sentences: ['Functions that a SELECT calls may still write.', ...unsure],
    };
  }
  const kinds = WRITES.filter((type) => of(type) > 0);
  const parts = kinds.map((type) => `${count(of(type))} ${type}`).join(', ');
  // COMMIT replays whole committed transactions: what others wrote is counted here and not sent.
  const most = form.ordering === 'COMMIT' ? 'Up to ' : '';
  return {
    tone: 'warn',
    title: `This run writes to ${target}`,
    sentences: [
      `${most}${plural(writes, 'statement')} ${writes === 1 ? 'changes' : 'change'} data or objects there: ${parts}.`,
      'What commits stays: nothing is undone at the end. Open transactions are rolled back.',
      ...(kinds.includes('DDL') ? ['DDL changes tables or privileges of the target.'] : []),
      ...unsure,
      ...(form.ordering === 'COMMIT' && form.restoreIds
        ? ['Sequences of the target are set to the recorded values.']
        : []),
      ...(form.ordering === 'COMMIT' && form.markProgress
        ? ['A row in the table reprise_marker keeps the progress.']
        : []),
    ],
  };
}

/** How a run that is started now would go, as far as the check tells. */
export type Prospect = 'GOOD' | 'FAILURES' | 'NO_RUN';

/** Problems of single statements: the run takes place, and these fail in it. All other errors keep it from beginning. */
const OF_STATEMENTS = /^(?:MISSING_\w+|SYNTAX|MORE_FINDINGS|TARGET_STANDBY)$/;

/** What the problems of a check mean for a run. */
export function prospectOf({ problems }: Preflight): Prospect {
  const errors = problems.filter(({ severity }) => severity === 'ERROR');
  if (errors.length === 0) return 'GOOD';
  return errors.every(({ code }) => OF_STATEMENTS.test(code)) ? 'FAILURES' : 'NO_RUN';
}
