import { count, plural } from '../lib/format.ts';
import type { Tone } from '../lib/words.ts';
import { done, type Run, type Summary } from './run-feed.ts';

/** What a run says in the end, in a sentence or two. */
export interface RunVerdict {
  readonly tone: Tone;
  readonly title: string;
  readonly text: string;
}

/** How bad the divergences are, as a class: being slower alone is a warning. */
export function severity(divergences: Summary['divergences']): string | undefined {
  if (divergences.length === 0) return undefined;
  return divergences.every((item) => item.divergence === 'SLOWER') ? 'warn-text' : 'bad-text';
}

/** `severity` of all of a run. */
export function divergedClass(summary: Summary): string | undefined {
  return summary.diverged === 0 ? undefined : severity(summary.divergences);
}

/** Null while it runs. `nothing`: what its notice says where it sent nothing that matters (`whyNothing`). */
export function verdictOf({ state, summary, error }: Run, nothing: string | null): RunVerdict | null {
  const reported = done(summary);
  const rest =
    summary.planned !== null && summary.planned > reported
      ? `${plural(summary.planned - reported, 'statement')} of the plan did not run.`
      : '';
  if (state === 'FAILED' || state === 'INTERRUPTED') {
    return {
      tone: state === 'FAILED' ? 'bad' : 'warn',
      title: state === 'FAILED' ? 'The run ended before its plan did' : 'The run was interrupted: it can be resumed',
      text: [error && `${error.message} (${error.code})`, rest].filter(Boolean).join(' · '),
    };
  }
  if (state === 'CANCELLED') return { tone: 'neutral', title: 'The run was cancelled', text: rest };
  if (state !== 'COMPLETED') return null;
  if (reported > 0 && summary.skipped === reported) {
    return {
      tone: 'warn',
      title: 'Nothing was replayed',
      text: `All that was planned was skipped: ${plural(reported, 'statement')}.`,
    };
  }
  const [title = '', why = null] = (nothing ?? '').split(/: (.*)/s).map(asSentence);
  if (reported === 0)
    return {
      tone: 'neutral',
      title: 'There was nothing to send',
      text: `The target was reached. ${why ?? 'The window is empty, or the request leaves out all that it holds'}.`,
    };
  if (why !== null) return { tone: 'warn', title, text: `${why}.` };
  const of = (kind: string) => summary.divergences.find((item) => item.divergence === kind)?.count ?? 0;
  const slower = of('SLOWER');
  const differs = summary.divergences.reduce((sum, item) => sum + (item.divergence === 'SLOWER' ? 0 : item.count), 0);
  const speed = slower > 0 ? ` ${plural(slower, 'statement')} took longer than the request allows.` : '';
  const skipped =
    summary.skipped > 0
      ? ` ${plural(summary.skipped, 'statement')} ${summary.skipped === 1 ? 'was' : 'were'} skipped.`
      : '';
  const others = summary.unverifiable - summary.skipped - summary.unknown;
  const notCompared =
    others > 0 ? ` ${plural(others, 'statement')} could not be compared: the record does not tell the outcome.` : '';
  if (differs === 0 && summary.unknown === 0 && summary.unverifiableFailures === 0) {
    const failures = summary.failed + summary.cascades;
    const compared = summary.same + summary.diverged > 0;
    const whole = summary.unverifiable === 0;
    const asRecorded = others === 0 ? ' as recorded' : '';
    return {
      tone: compared ? 'good' : 'warn',
      title: whole
        ? 'The target did what the record says'
        : compared
          ? 'What could be compared is as the record says'
          : 'Nothing could be compared with the record',
      text: `${plural(reported, 'statement')}${failures > 0 ? `, ${plural(failures, 'failure')}${asRecorded}` : ', none failed'}.${skipped}${notCompared}${speed}`,
    };
  }
  const parts = [
    of('NEW_FAILURE') > 0 &&
      `${plural(of('NEW_FAILURE'), 'statement')} failed that had succeeded${summary.cascades > 0 ? ` (of all failures ${count(summary.cascades)} are cascades)` : ''}`,
    of('MISSING_FAILURE') > 0 && `${plural(of('MISSING_FAILURE'), 'statement')} succeeded that had failed`,
    of('DIFFERENT_FAILURE') > 0 && `${plural(of('DIFFERENT_FAILURE'), 'statement')} failed differently`,
    of('ROW_COUNT') > 0 && `${plural(of('ROW_COUNT'), 'statement')} had another number of rows`,
    of('CHECKSUM') > 0 && `${plural(of('CHECKSUM'), 'statement')} returned other rows`,
    summary.unverifiableFailures > 0 &&
      `${plural(summary.unverifiableFailures, 'statement')} failed of which the record does not tell the outcome`,
    summary.unknown > 0 && `${plural(summary.unknown, 'outcome')} unknown`,
  ].filter(Boolean);
  return {
    tone: 'bad',
    title: differs > 0 ? 'The target differs from the record' : 'The target may differ from the record',
    text: `${parts.join(', ')}.${skipped}${notCompared}${speed}`,
  };
}

function asSentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
