import { ReplayVerdictDocument, type ReplayVerdictQuery } from '../../client/index.ts';
import { ask, ofRun } from '../lib/api.ts';
import { count, NOTHING } from '../lib/format.ts';
import { useResource } from '../lib/resource.ts';
import { Badge } from '../ui/badge.tsx';
import { Failure } from '../ui/notice.tsx';
import type { Run } from './run-feed.ts';

type Result = NonNullable<ReplayVerdictQuery['replayReport']>['thresholds'][number];

const UNITS: Readonly<Record<Result['unit'], string>> = { STATEMENTS: '', PERCENT: ' %', MS: ' ms', PER_SECOND: '/s' };

/** What became of the conditions that the run was given, and what could not be settled. */
export function Thresholds({ run }: { readonly run: Run }) {
  const report = useResource(`${run.id} ${run.state}`, async (abort) => {
    const { replayReport } = await ask(ReplayVerdictDocument, { replayId: run.id, thresholds: null }, abort);
    return ofRun(replayReport);
  });
  const { thresholds = [], remarks = [] } = report.data ?? {};
  if (report.error !== null) return <Failure error={report.error} retry={report.reload} />;
  if (thresholds.length === 0 && remarks.length === 0) return null;
  return (
    <section class="card" aria-labelledby="thresholds-title">
      {thresholds.length > 0 && (
        <>
          <h2 id="thresholds-title">Thresholds</h2>
          <ul class="row">
            {thresholds.map((result) => (
              <li key={result.threshold}>
                <Badge tone={result.passed ? 'good' : 'bad'} icon={result.passed ? 'check' : 'cross'}>
                  <code>{result.threshold}</code>
                  {result.passed ? 'held' : 'missed'}
                </Badge>{' '}
                <span class="soft num">
                  {result.actual === null ? NOTHING : `${shown(result.actual)}${UNITS[result.unit]}`}
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
      {remarks.length > 0 && (
        <>
          <h2>Remarks</h2>
          <ul class="remarks">
            {remarks.map((remark) => (
              <li key={remark}>{remark}</li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function shown(value: number): string {
  return Number.isInteger(value) ? count(value) : value.toLocaleString('en-US', { maximumFractionDigits: 2 });
}
