import { useMemo } from 'preact/hooks';
import { count, delta, duration, moment, percent, plural, rate as rateText } from '../lib/format.ts';
import { DIVERGENCES, LAG_CAUSES } from '../lib/words.ts';
import { Icon } from '../ui/icon.tsx';
import { LineChart } from '../ui/line-chart.tsx';
import type { Summary } from './run-feed.ts';
import { ratesOf, type SeriesPoint } from './series.ts';
import { severity } from './verdict.ts';

const LINES = [
  { label: 'Succeeded/s', colour: '--good', fill: true },
  { label: 'Failed/s', colour: '--bad', dash: [5, 3] },
] as const;

/** Statements a second over the run. */
export function RateChart({ points }: { readonly points: readonly SeriesPoint[] }) {
  const rates = useMemo(() => ratesOf(points), [points]);
  const series = useMemo(() => [rates.succeeded, rates.failed], [rates]);
  const last = rates.succeeded.length - 1;
  const most = Math.max(0, ...rates.succeeded);
  return (
    <section class="card" aria-labelledby="rate-title">
      <h2 id="rate-title">Rate</h2>
      {rates.x.length < 2 ? (
        <p class="soft fill">Drawn as soon as there is something to draw.</p>
      ) : (
        <LineChart
          description={`Statements a second: most ${rateText(most)}, last ${rateText(rates.succeeded[last] ?? 0)} succeeded and ${rateText(rates.failed[last] ?? 0)} failed`}
          x={rates.x}
          series={series}
          lines={LINES}
          height={190}
          formatX={moment}
          formatY={rateText}
        />
      )}
    </section>
  );
}

/** p50, p95, p99: recorded against replayed. */
export function Durations({ summary }: { readonly summary: Summary }) {
  const { duration: replayed, recordedDuration: recorded } = summary;
  const most = Math.max(1e-9, recorded.p99 ?? 0, replayed.p99 ?? 0);
  // A logarithmic length: p50 and p99 are often a hundred times apart.
  const length = (value: number | null) =>
    value === null ? 0 : Math.max(2, (Math.log1p(value * 20) / Math.log1p(most * 20)) * 100);
  return (
    <section class="card" aria-labelledby="durations-title">
      <h2 id="durations-title">Durations</h2>
      <table class="table durations">
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">Percentile</span>
            </th>
            <th scope="col" class="grow">
              <span class="key recorded">recorded</span> <span class="key replayed">replayed</span>
            </th>
            <th scope="col" class="end">
              Recorded
            </th>
            <th scope="col" class="end">
              Replayed
            </th>
            <th scope="col" class="end">
              Change
            </th>
          </tr>
        </thead>
        <tbody>
          {(['p50', 'p95', 'p99'] as const).map((key) => (
            <tr key={key}>
              <th scope="row">{key}</th>
              <td aria-hidden="true">
                <span class="pair">
                  <i class="recorded" style={{ width: `${length(recorded[key])}%` }} />
                  <i class="replayed" style={{ width: `${length(replayed[key])}%` }} />
                </span>
              </td>
              <td class="end num">{duration(recorded[key])}</td>
              <td class="end num">{duration(replayed[key])}</td>
              <td class="end num">{delta(recorded[key], replayed[key])}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {summary.durationsApproximate && (
        <p class="soft">Several statements were under way on a connection: replayed durations are shares of a batch.</p>
      )}
    </section>
  );
}

/** Lag by its causes, and its percentiles. Shares only: summed over all statements, the lag of a run of seconds is hours. */
export function Lag({ summary }: { readonly summary: Summary }) {
  const causes = summary.lagByCause
    .filter((share) => share.cause !== 'NONE' && share.ms > 0)
    .sort((a, b) => b.ms - a.ms);
  const total = causes.reduce((sum, share) => sum + share.ms, 0);
  return (
    <section class="card" aria-labelledby="lag-title">
      <h2 id="lag-title">
        Lag by cause <small>shares of the lag of all statements</small>
      </h2>
      {summary.lag.p50 === null ? (
        <p class="soft">Lag is told against a schedule: a run as fast as possible has none.</p>
      ) : causes.length === 0 ? (
        <p class="good-line">
          <Icon name="check" /> No statement was sent late.
        </p>
      ) : (
        <ul class="bars lag">
          {causes.map((share) => (
            <li key={share.cause}>
              <span class="bar-name" title={share.cause}>
                {LAG_CAUSES[share.cause]}
              </span>
              <span class="bar-track" aria-hidden="true">
                <span style={{ width: `${(share.ms / total) * 100}%` }} />
              </span>
              <span class="num">{percent(share.ms, total)}</span>
            </li>
          ))}
        </ul>
      )}
      {summary.lag.p50 !== null && (
        <p class="soft num">
          p50 {duration(summary.lag.p50)} · p95 {duration(summary.lag.p95)} · p99 {duration(summary.lag.p99)}
        </p>
      )}
      {summary.stalls > 0 && (
        <p class="soft num">{plural(summary.stalls, 'stall')}: sessions that waited for a lock of another one</p>
      )}
    </section>
  );
}

/** Against the record: same, diverged in which way, unverifiable. */
export function Comparison({ summary }: { readonly summary: Summary }) {
  return (
    <section class="card" aria-labelledby="comparison-title">
      <h2 id="comparison-title">Against the record</h2>
      <ul class="lines">
        <li>
          <Icon name="check" /> <span>Same</span> <b class="num">{count(summary.same)}</b>
        </li>
        {summary.divergences.map(({ divergence, count: statements }) => (
          <li key={divergence} class={severity([{ divergence, count: statements }])}>
            <Icon name={divergence === 'SLOWER' ? 'clock' : 'cross'} />
            <span>
              {DIVERGENCES[divergence].label} <small>{DIVERGENCES[divergence].text}</small>
            </span>
            <b class="num">{count(statements)}</b>
          </li>
        ))}
        <li class="soft">
          <Icon name="question" />
          <span>
            Unverifiable <small>nothing to compare with</small>
          </span>
          <b class="num">{count(summary.unverifiable)}</b>
        </li>
      </ul>
    </section>
  );
}
