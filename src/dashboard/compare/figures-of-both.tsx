// biome-ignore-all lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
import type { ReplayFieldsFragment } from '../../client/index.ts';
import { count, delta, duration, rate, shortId } from '../lib/format.ts';
import { href } from '../lib/router.ts';
import { toSecond } from '../lib/time.ts';
import { DIVERGENCES, ORDERINGS } from '../lib/words.ts';
import { done } from '../run/run-feed.ts';
import { StateBadge } from '../ui/badge.tsx';

/** Counts and times of two runs side by side. */
export function FiguresOfBoth({ a, b }: { readonly a: ReplayFieldsFragment; readonly b: ReplayFieldsFragment }) {
  const number = (name: string, value: (run: ReplayFieldsFragment) => number) => {
    const change = value(b) - value(a);
    return [
      name,
      count(value(a)),
      count(value(b)),
      change === 0 ? '0' : `${change > 0 ? '+' : '−'}${count(Math.abs(change))}`,
    ] as const;
  };
  const time = (name: string, value: (run: ReplayFieldsFragment) => number | null) =>
    [name, duration(value(a)), duration(value(b)), delta(value(a), value(b))] as const;
  const kinds = [...new Set([...a.summary.divergences, ...b.summary.divergences].map((item) => item.divergence))];
  const rows = [
    number('Statements', (run) => done(run.summary)),
    number('Failed', (run) => run.summary.failed),
    number('Cascades', (run) => run.summary.cascades),
    number('Skipped', (run) => run.summary.skipped),
    number('Diverged', (run) => run.summary.diverged),
    ...kinds.map((kind) =>
      number(
        `  ${DIVERGENCES[kind].label}`,
        (run) => run.summary.divergences.find((item) => item.divergence === kind)?.count ?? 0,
      ),
    ),
    time('Took', (run) => run.summary.elapsedMs),
    ['Statements/s', rate(a.summary.rate), rate(b.summary.rate), delta(a.summary.rate, b.summary.rate)] as const,
    time('Duration p50', (run) => run.summary.duration.p50),
    time('Duration p95', (run) => run.summary.duration.p95),
    time('Duration p99', (run) => run.summary.duration.p99),
    time('Lag p95', (run) => run.summary.lag.p95),
  ];
  const head = (name: string, run: ReplayFieldsFragment) => (
    <th scope="col" class="end">
      {name}{' '}
      <a href={href(`/runs/${run.id}`)}>
        <code>{shortId(run.id)}</code>
      </a>
      <small>
        <StateBadge state={run.state} />
      </small>
      <small>
        <code>{run.target}</code>
      </small>
      <small class="num">
        {ORDERINGS[run.request.ordering].title} · {toSecond(run.createdAt)}
      </small>
    </th>
  );
  return (
    <section class="card flush" aria-label="Figures of both runs">
      <section class="scroll-x" aria-label="Figures" tabIndex={0}>
        <table class="table compare">
          <thead>
            <tr>
              <th scope="col">
                <span class="hidden">Figure</span>
              </th>
              {head('A', a)}
              {head('B', b)}
              <th scope="col" class="end">
                B against A
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([name, left, right, change]) => (
              <tr key={name}>
                <th scope="row" class={name.startsWith(' ') ? 'indent' : undefined}>
                  {name.trim()}
                </th>
                <td class="end num">{left}</td>
                <td class="end num">{right}</td>
                <td class="end num">{change}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}
