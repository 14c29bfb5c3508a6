import { count, duration, NOTHING, percent, rate } from '../lib/format.ts';
import { dateTime } from '../lib/time.ts';
import { OUTCOMES } from '../lib/words.ts';
import { done, isActive, type Run } from './run-feed.ts';
import { divergedClass } from './verdict.ts';

const PARTS = [
  { key: 'succeeded', outcome: 'SUCCEEDED' },
  { key: 'failed', outcome: 'FAILED' },
  { key: 'cascades', outcome: 'CASCADE' },
  { key: 'skipped', outcome: 'SKIPPED' },
  { key: 'unknown', outcome: 'UNKNOWN' },
] as const;

/** How far the run is: one bar by outcome, and the same in figures. */
export function Progress({ run }: { readonly run: Run }) {
  const { summary, state } = run;
  const reported = done(summary);
  const planned = summary.planned ?? 0;
  const whole = Math.max(planned, reported, 1);
  const active = isActive(state);
  return (
    <section class="card progress" aria-label="Progress">
      <div class="row between baseline">
        <p class="big num">
          <span data-done>{count(reported)}</span>
          <span class="soft"> / {summary.planned === null ? '?' : count(summary.planned)} statements</span>
        </p>
        <p class="big num">{summary.planned ? percent(reported, whole) : NOTHING}</p>
      </div>
      <div
        class={`progress-bar${active ? ' active' : ''}`}
        role="progressbar"
        aria-label="Statements reported"
        aria-valuemin={0}
        aria-valuemax={whole}
        aria-valuenow={reported}
        aria-valuetext={`${count(reported)} of ${summary.planned === null ? 'unknown' : count(summary.planned)}`}
      >
        {PARTS.map(({ key }) => (
          <span key={key} class={key} style={{ width: `${(summary[key] / whole) * 100}%` }} />
        ))}
      </div>
      <ul class="legend">
        {PARTS.map(({ key, outcome }) => (
          <li key={key} class={`${key}${summary[key] === 0 ? ' none' : ''}`}>
            <i aria-hidden="true" />
            {key === 'cascades' ? 'Cascades' : OUTCOMES[outcome].label} <b class="num">{count(summary[key])}</b>
          </li>
        ))}
      </ul>
      <dl class="tiles">
        <div>
          <dt>{active ? 'Time left' : 'Took'}</dt>
          <dd>{active ? (state === 'PAUSED' ? 'paused' : duration(summary.etaMs)) : duration(summary.elapsedMs)}</dd>
        </div>
        {active && (
          <div>
            <dt>Elapsed</dt>
            <dd>{duration(summary.elapsedMs)}</dd>
          </div>
        )}
        <div>
          <dt>Statements/s</dt>
          <dd>{rate(summary.rate)}</dd>
        </div>
        <div>
          <dt>Diverged</dt>
          <dd class={divergedClass(summary)}>{count(summary.diverged)}</dd>
        </div>
        <div>
          <dt>Lag p95</dt>
          <dd>{duration(summary.lag.p95)}</dd>
        </div>
        <div>
          <dt>Rows</dt>
          <dd>{count(summary.rows)}</dd>
        </div>
        <div class="wide-tile">
          <dt>Journal position</dt>
          <dd>{summary.position ? dateTime(summary.position) : NOTHING}</dd>
        </div>
      </dl>
    </section>
  );
}
