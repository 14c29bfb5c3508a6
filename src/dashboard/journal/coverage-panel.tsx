import type { JournalCoverageQuery } from '../../client/index.ts';
import { count, percent } from '../lib/format.ts';
import { clock } from '../lib/time.ts';
import { LOSSES } from '../lib/words.ts';
import { Fact } from '../ui/fields.tsx';
import { Icon } from '../ui/icon.tsx';

export type Coverage = JournalCoverageQuery['journalCoverage'];

/** What the journal can and cannot vouch for in the window. */
export function CoveragePanel({ coverage }: { readonly coverage: Coverage }) {
  const { transactions } = coverage;
  const types = [...coverage.byType].sort((a, b) => b.entries - a.entries);
  const most = Math.max(1, ...types.map((type) => type.entries));
  return (
    <section class="card coverage" aria-labelledby="coverage-title">
      <h2 id="coverage-title">Coverage of the window</h2>
      <dl class="facts">
        <Fact name="Entries">{count(coverage.entries)}</Fact>
        <Fact name="Failed on the source">{count(coverage.failures)}</Fact>
        {coverage.unknownOutcomes > 0 && <Fact name="Outcome unknown">{count(coverage.unknownOutcomes)}</Fact>}
        <Fact name="Sessions">{count(coverage.sessions)}</Fact>
        <Fact name="Databases">{coverage.databases.join(', ') || '–'}</Fact>
        <Fact name="Committed">{count(transactions.committed)}</Fact>
        <Fact name="Rolled back">{count(transactions.rolledBack)}</Fact>
        {transactions.open > 0 && <Fact name="Open">{count(transactions.open)}</Fact>}
      </dl>
      <h3>Losses</h3>
      {coverage.losses.length === 0 ? (
        <p class="good-line">
          <Icon name="check" /> Nothing is known to be missing.
        </p>
      ) : (
        <ul class="losses">
          {coverage.losses.map((loss) => (
            <li key={`${loss.reason}-${loss.source}-${loss.from}`}>
              <Icon name="warn" />
              <div>
                <strong>
                  {count(loss.count)} {LOSSES[loss.reason]}
                </strong>
                {loss.detail && <p>{loss.detail}</p>}
                <p class="soft">
                  <code>{loss.reason}</code>
                  {loss.from &&
                    ` · ${clock(loss.from)}${loss.to && loss.to !== loss.from ? ` – ${clock(loss.to)}` : ''}`}
                  {loss.source && (
                    <>
                      {' · '}
                      <code>{loss.source}</code>
                    </>
                  )}
                </p>
              </div>
            </li>
          ))}
        </ul>
      )}
      {types.length > 0 && (
        <>
          <h3>By type</h3>
          <ul class="bars">
            {types.map((type) => (
              <li key={type.statementType}>
                <span class="bar-name">{type.statementType}</span>
                <span class="bar-track" aria-hidden="true">
                  <span style={{ width: `${(type.entries / most) * 100}%` }} />
                </span>
                <span class="num">{count(type.entries)}</span>
                <span class="num soft">{percent(type.entries, coverage.entries)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
