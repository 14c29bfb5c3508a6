import { count } from '../lib/format.ts';
import { href, route } from '../lib/router.ts';
import { Badge } from '../ui/badge.tsx';
import { Drawer } from '../ui/drawer.tsx';
import { Notice } from '../ui/notice.tsx';
import { PercentileTable } from '../ui/percentile-table.tsx';
import { SqlBlock } from '../ui/sql.tsx';
import { type Pair, VERDICTS } from './comparison.ts';

/** Fingerprint of the line that statements share for which a report has no more room. */
const OTHERS = 'other';

const COUNTS = [
  ['Calls', 'calls'],
  ['Sent, outcome known', 'sent'],
  ['Failed', 'failures'],
  ['Cascades', 'cascades'],
  ['Rows', 'rows'],
] as const;

const UNKNOWN = { p50: null, p95: null, p99: null } as const;

/** One normalised statement in two runs, and the way to its calls. */
export function PairDrawer({ pair, onClose }: { readonly pair: Pair; readonly onClose: () => void }) {
  const { a, b, verdict, fingerprint } = pair;
  const { label, tone, icon } = VERDICTS[verdict];
  const { query } = route.value;
  // Calls that differ in time alone are listed only where that is asked for.
  const kind = verdict === 'SLOWER' || verdict === 'FASTER' ? verdict : null;
  return (
    <Drawer title="Normalised statement in both runs" onClose={onClose}>
      <p class="lead">
        <Badge tone={tone} icon={icon}>
          {label}
        </Badge>
        <code class="soft">{fingerprint}</code>
      </p>
      <SqlBlock text={pair.normalised} />
      {fingerprint === OTHERS ? (
        <Notice tone="info">
          The reports have no more room for single statements: the calls of these are among those of all.
        </Notice>
      ) : (
        <p>
          <a
            href={href('/compare', {
              a: query.get('a'),
              b: query.get('b'),
              tab: 'calls',
              statement: fingerprint,
              kind,
            })}
          >
            Its calls that {kind === null ? 'differ' : `are ${label.toLowerCase()}`}, one by one
          </a>
        </p>
      )}
      <h3>Counts</h3>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Count</th>
            <th scope="col" class="end">
              A
            </th>
            <th scope="col" class="end">
              B
            </th>
          </tr>
        </thead>
        <tbody>
          {COUNTS.map(([name, key]) => (
            <tr key={key}>
              <th scope="row">{name}</th>
              <td class="end num">{count(a?.[key])}</td>
              <td class="end num">{count(b?.[key])}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <h3>Durations</h3>
      <PercentileTable
        before={{ title: 'A', values: a?.replayed ?? UNKNOWN }}
        after={{ title: 'B', values: b?.replayed ?? UNKNOWN }}
      />
    </Drawer>
  );
}
