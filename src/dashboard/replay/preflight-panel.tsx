import type { ComponentChildren } from 'preact';
import type { StatementType } from '../../client/index.ts';
import { count, duration, NOTHING, plural } from '../lib/format.ts';
import { LOSSES, SKIPS } from '../lib/words.ts';
import { Badge } from '../ui/badge.tsx';
import { Fact } from '../ui/fields.tsx';
import { Icon } from '../ui/icon.tsx';
import { Notice } from '../ui/notice.tsx';
import type { ReplayForm } from './form.ts';
import { effectOf, type Preflight, prospectOf } from './writes.ts';

interface Props {
  readonly preflight: Preflight;
  readonly form: ReplayForm;
  /** The form has changed since. */
  readonly stale: boolean;
  readonly children?: ComponentChildren;
}

/** What a run would do and meet. */
export function PreflightPanel({ preflight, form, stale, children }: Props) {
  const effect = effectOf(preflight, form);
  const { coverage } = preflight;
  const losses = coverage.losses.map((loss) => `${count(loss.count)} × ${LOSSES[loss.reason]}`);
  const errors = preflight.problems.filter((problem) => problem.severity === 'ERROR');
  const warnings = preflight.problems.filter((problem) => problem.severity === 'WARNING');
  const ofTypes = (...types: readonly StatementType[]) =>
    preflight.byType.reduce((sum, item) => sum + (types.includes(item.statementType) ? item.entries : 0), 0);
  return (
    <div
      class={stale ? 'stale' : undefined}
      data-preflight={stale ? 'stale' : prospectOf(preflight) === 'NO_RUN' ? 'refused' : 'ready'}
    >
      <p class="row">
        {preflight.reachable ? (
          <Badge tone="good" icon="check">
            Target reached
          </Badge>
        ) : (
          <Badge tone="bad" icon="cross">
            Target out of reach
          </Badge>
        )}
        {preflight.serverVersion && <span class="soft">PostgreSQL {preflight.serverVersion}</span>}
      </p>
      <p>
        <code>{preflight.target}</code>
      </p>
      {errors.map((problem) => (
        <Notice key={problem.message} tone="bad" title={problem.code}>
          {problem.message}
        </Notice>
      ))}
      <Notice tone={effect.tone} title={effect.title}>
        {effect.sentences.map((sentence) => (
          <p key={sentence}>{sentence}</p>
        ))}
      </Notice>
      {warnings.length > 0 && (
        <details open={warnings.length <= 3}>
          <summary>
            <Icon name="warn" size={14} /> {count(warnings.length)} {warnings.length === 1 ? 'warning' : 'warnings'}
          </summary>
          {warnings.map((problem) => (
            <Notice key={problem.message} tone="warn" title={problem.code}>
              {problem.message}
            </Notice>
          ))}
        </details>
      )}
      <dl class="facts">
        <Fact name="Statements">{count(preflight.statements)}</Fact>
        <Fact name="Transactions">{count(preflight.transactions)}</Fact>
        <Fact name="Sessions">{count(preflight.sessions)}</Fact>
        <Fact name="Open at once">{count(preflight.sessionsAtOnce)}</Fact>
        <Fact name="Reads">{count(preflight.reads)}</Fact>
        <Fact name="Writes">
          <strong class={preflight.writes > 0 && !form.readOnly ? 'warn-text' : undefined}>
            {count(preflight.writes)}
          </strong>
        </Fact>
        <Fact name="May write: CALL, DO, EXECUTE, …">{count(ofTypes('OTHER'))}</Fact>
        <Fact name="Neither: BEGIN, COMMIT, SET, …">{count(ofTypes('TRANSACTION', 'SET'))}</Fact>
        {preflight.skipped.map((skipped) => (
          <Fact key={skipped.reason} name={`Skipped: ${SKIPS[skipped.reason]}`}>
            {count(skipped.count)}
          </Fact>
        ))}
        {preflight.reachable && (
          <Fact name="Checked against the target's tables">
            {count(preflight.kindsChecked)} of {count(preflight.statementKinds)} different statements
          </Fact>
        )}
        {preflight.otherSessions !== null && (
          <Fact name="Other clients of the target now">{count(preflight.otherSessions)}</Fact>
        )}
        <Fact name={form.pace === 'RECORDED' && form.maxIdle.trim() !== '' ? 'Takes at most' : 'Takes about'}>
          {preflight.estimatedMs === null ? NOTHING : duration(preflight.estimatedMs)}
        </Fact>
        <Fact name="In the journal">
          {plural(coverage.entries, 'entry', 'entries')},{' '}
          {coverage.losses.length === 0 ? 'no losses' : `losses: ${losses.join(', ')}`}
        </Fact>
      </dl>
      {children}
    </div>
  );
}
