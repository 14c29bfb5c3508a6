import { filterFacts, ReplayFilterDocument, type RestOfRequestFragment } from '../../client/index.ts';
import { ask, ofRun } from '../lib/api.ts';
import { count, duration, NOTHING } from '../lib/format.ts';
import { type Resource, useResource } from '../lib/resource.ts';
import { dateTime, toSecond } from '../lib/time.ts';
import { EDGES, ORDERINGS } from '../lib/words.ts';
import { Fact } from '../ui/fields.tsx';
import { Failure } from '../ui/notice.tsx';
import type { Run } from './run-feed.ts';

/** What stands where an answer is on its way. */
const LOADING = '…';

/** What of a request is asked for apart from its run: its filter may be long. */
export function useRestOfRequest(replayId: string): Resource<RestOfRequestFragment> {
  return useResource(replayId, async (abort) => {
    const { replay } = await ask(ReplayFilterDocument, { id: replayId }, abort);
    return ofRun(replay).request;
  });
}

/** What was asked for, with the defaults filled in. */
export function RequestTab({ run, rest }: { readonly run: Run; readonly rest: Resource<RestOfRequestFragment> }) {
  const { request } = run;
  const yes = (value: boolean) => (value ? 'yes' : 'no');
  return (
    <section class="card" aria-labelledby="request-title">
      <h2 id="request-title">What was asked for</h2>
      <Failure error={rest.error} retry={rest.reload} />
      <dl class="facts two">
        <Fact name="Replay">
          <code>{run.id}</code>
        </Fact>
        <Fact name="Target">
          <code>{run.target}</code>
          {run.targetVersion && ` PostgreSQL ${run.targetVersion}`}
        </Fact>
        <Fact name="Window from">{dateTime(run.window.from)}</Fact>
        <Fact name="to">{dateTime(run.window.to)}</Fact>
        <Fact name="Ordering">{ORDERINGS[request.ordering].title}</Fact>
        <Fact name="Pace">
          {request.paceMode === 'RECORDED' ? `recorded schedule × ${request.speed ?? 1}` : 'as fast as possible'}
          {request.maxIdleMs !== null && `, gaps of at most ${duration(request.maxIdleMs)}`}
        </Fact>
        <Fact name="Entries">
          {rest.data === null
            ? LOADING
            : filterFacts(rest.data.filter).length > 0
              ? 'those that match:'
              : 'all of the window'}
        </Fact>
        {rest.data !== null &&
          filterFacts(rest.data.filter).map(([name, value]) => (
            <Fact key={name} name={name}>
              {value}
            </Fact>
          ))}
        <Fact name="Straddling transactions">{EDGES[request.edges]}</Fact>
        <Fact name="Stop after failures">
          {request.stopAfterFailures === null ? 'never' : count(request.stopAfterFailures)}
        </Fact>
        <Fact name="Thresholds">
          <code>{request.thresholds.join(', ') || 'none'}</code>
        </Fact>
        <Fact name="Counts as slower">
          {rest.data === null
            ? LOADING
            : `from ${rest.data.slowerRatio}× the recorded duration and ${duration(rest.data.slowerMinMs)} more`}
        </Fact>
        <Fact name="Connect timeout">{rest.data === null ? LOADING : duration(rest.data.connectTimeoutMs)}</Fact>
        <Fact name="Statement timeout">{duration(request.statementTimeoutMs)}</Fact>
        <Fact name="Run timeout">{request.runTimeoutMs === null ? 'none' : duration(request.runTimeoutMs)}</Fact>
        <Fact name="Most connections">{count(request.maxConnections)}</Fact>
        <Fact name="Connections opened">{count(run.summary.connectionsOpened)}</Fact>
        <Fact name="In flight">{count(request.inFlight)}</Fact>
        <Fact name="Scale">{count(request.scale)}</Fact>
        <Fact name="Read-only">{yes(request.readOnly)}</Fact>
        <Fact name="Rows digested">{yes(request.digestRows)}</Fact>
        <Fact name="Recorded ids restored">{yes(request.restoreIds)}</Fact>
        <Fact name="Progress marked on the target">{yes(request.markProgress)}</Fact>
        <Fact name="Commits settled whose answer is lost">{yes(request.settleCommits)}</Fact>
        <Fact name="Commits kept in order">{yes(request.syncCommits)}</Fact>
        {request.databases?.map((mapping) => (
          <Fact key={mapping.recorded} name={`Database ${mapping.recorded}`}>
            {mapping.target}
          </Fact>
        ))}
        {request.users?.map((mapping) => (
          <Fact key={mapping.recorded} name={`User ${mapping.recorded}`}>
            {mapping.target}
          </Fact>
        ))}
        <Fact name="Asked for">{toSecond(run.createdAt)}</Fact>
        <Fact name="Started">{run.startedAt ? toSecond(run.startedAt) : NOTHING}</Fact>
        <Fact name="Ended">{run.endedAt ? toSecond(run.endedAt) : NOTHING}</Fact>
        <Fact name="Events">{count(run.lastSeq)}</Fact>
      </dl>
    </section>
  );
}
