import { createClient as createSseClient } from 'graphql-sse';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openPullStreams } from '../../src/replay/pull-stream.ts';
import type { ReplayStore } from '../../src/replay/store.ts';
import {
  ask,
  type Backend,
  openBackend,
  outcome,
  scriptedRun,
  socketClient,
  startService,
  type TestService,
} from './support.ts';

let backend: Backend;
let service: TestService;
/** Reads of a run's events that still find it; behind them it is deleted. */
let readsLeft = Number.POSITIVE_INFINITY;

function deleting(replays: ReplayStore): ReplayStore {
  const read = async () => {
    if (readsLeft-- <= 0) while ((await replays.deleteEnded(Number.MAX_SAFE_INTEGER)) !== null);
  };
  return {
    ...replays,
    async chunks(...args) {
      await read();
      return replays.chunks(...args);
    },
    async chunksByRecord(...args) {
      await read();
      return replays.chunksByRecord(...args);
    },
    async timeline(...args) {
      await read();
      return replays.timeline(...args);
    },
  };
}

beforeAll(async () => {
  backend = await openBackend(deleting);
});
afterAll(() => backend.close());
beforeEach(async () => {
  service = await startService(backend);
});
afterEach(async () => {
  readsLeft = Number.POSITIVE_INFINITY;
  await service.stop();
  expect(openPullStreams()).toBe(0);
});

const PROGRESS = `subscription ($id: UUID!, $detail: EventDetail!) {
  replayProgress(replayId: $id, batchSize: 1000, detail: $detail) { events { seq } }
}`;
interface Data {
  readonly replayProgress: { readonly events: readonly { readonly seq: number }[] };
}

const TRANSPORTS = {
  'a WebSocket': () => socketClient(service.url),
  SSE: () => createSseClient({ url: `${service.url}/graphql`, retryAttempts: 0 }),
};

describe.each(Object.entries(TRANSPORTS))('over %s', (_name, open) => {
  test.each([
    ['STATEMENTS', 1],
    ['FAILURES', 0],
    ['SUMMARY', 0],
  ])(
    'a %s stream of a run that is deleted while it is being read ends with REPLAY_NOT_FOUND',
    async (detail, reads) => {
      const { id, feed } = await scriptedRun(backend.replays);
      for (let n = 1; n <= 3_000; n++) {
        feed.emit(outcome(n));
        if (n % 1_000 === 0) await feed.flush();
      }
      await feed.transition('COMPLETE', { endedAt: 1 }, null);
      readsLeft = reads;
      const client = open();
      const errors: unknown[] = [];
      let lastSeq = 0;
      try {
        for await (const result of client.iterate<Data>({ query: PROGRESS, variables: { id, detail } })) {
          for (const { seq } of (result.data as Data | undefined)?.replayProgress.events ?? []) {
            expect(seq).toBe(++lastSeq);
          }
          errors.push(...(result.errors ?? []));
        }
      } catch (thrown) {
        errors.push(...(Array.isArray(thrown) ? thrown : [thrown]));
      }
      await client.dispose();
      expect(lastSeq).toBeLessThan(3_000);
      expect(errors).toMatchObject([
        { message: `there is no replay ${id}: it was deleted, or never was`, extensions: { code: 'REPLAY_NOT_FOUND' } },
      ]);
    },
  );
});

test.each([
  [0, 3_000, 'replayReport(replayId: $id, thresholds: ["regressions=0"]) { thresholds { passed } }'],
  [1, 3_000, 'replayReport(replayId: $id, thresholds: ["regressions=0"]) { thresholds { passed } }'],
  [1, 3_000, 'replayFailures(replayId: $id) { count }'],
  [1, 3_000, 'replayStatements(replayId: $id, first: 1000) { nodes { seq } }'],
  [1, 3_000, 'replayTimeline(replayId: $id) { intervals { succeeded } }'],
  [0, 6_000, 'replayTimeline(replayId: $id) { intervals { succeeded } }'],
])('a run that is deleted after %i reads of its %i events is not there: %s', async (reads, events, field) => {
  const { id, feed } = await scriptedRun(backend.replays);
  for (let n = 1; n <= events; n++) {
    feed.emit(outcome(n));
    if (n % 25 === 0) await feed.flush();
  }
  // Without a report, which is then made of its events.
  await feed.transition('INTERRUPT', { startedAt: 1, endedAt: 1_000_001 }, null);
  readsLeft = reads;
  const { data, errors } = await ask(service.url, `query ($id: UUID!) { it: ${field} }`, { id });
  expect({ data, errors }).toEqual({ data: { it: null }, errors: [] });
});

test('pages of runs go on behind one that was deleted, and cursors of earlier releases are refused', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 4; n++) {
    const { id, feed } = await scriptedRun(backend.replays);
    await feed.transition('CANCEL', {}, null);
    ids.unshift(id);
  }
  const page = async (after: string | null) => {
    const query = 'query ($after: Cursor) { replays(first: 2, after: $after) { nodes { id } pageInfo { endCursor } } }';
    return ask(service.url, query, { after });
  };
  const idsOf = ({ data }: Awaited<ReturnType<typeof page>>) => data.replays.nodes.map((run: { id: string }) => run.id);
  const first = await page(null);
  expect(idsOf(first)).toEqual(ids.slice(0, 2));
  for (const id of idsOf(first)) await backend.replays.delete(id);
  expect(idsOf(await page(first.data.replays.pageInfo.endCursor))).toEqual(ids.slice(2));
  const { errors } = await page(Buffer.from(`r1:${ids[0]}`).toString('base64url'));
  expect(errors).toMatchObject([{ extensions: { code: 'CURSOR_INVALID' } }]);
});

test('deleteReplay deletes a run that has ended, and gives as data why it deletes no other', async () => {
  const { id, feed } = await scriptedRun(backend.replays);
  // Else its process would be taken for dead.
  await backend.replays.holdOwnership('test');
  const remove = async () => {
    const query = `mutation ($id: UUID!) {
      deleteReplay(replayId: $id) { __typename ... on DeletedReplay { id } ... on Error { code path } }
    }`;
    return (await ask(service.url, query, { id })).data.deleteReplay;
  };
  expect(await remove()).toEqual({ __typename: 'ConflictError', code: 'REPLAY_STATE', path: [] });
  await feed.transition('CANCEL', {}, null);
  expect(await remove()).toEqual({ __typename: 'DeletedReplay', id });
  expect(await remove()).toEqual({ __typename: 'NotFoundError', code: 'REPLAY_NOT_FOUND', path: ['replayId'] });
  const { data } = await ask(service.url, 'query ($id: UUID!) { replay(id: $id) { id } }', { id });
  expect(data).toEqual({ replay: null });
});

test.each([0, 1, 2, 3])(
  'runs that are deleted after %i reads of their events are not compared by what was left',
  async (reads) => {
    const ids: string[] = [];
    for (let run = 0; run < 2; run++) {
      const { id, feed } = await scriptedRun(backend.replays);
      for (let n = 1; n <= 300; n++) {
        feed.emit(outcome(n, { rows: run }));
        if (n % 25 === 0) await feed.flush();
      }
      await feed.transition('COMPLETE', { endedAt: 1 }, null);
      ids.push(id);
    }
    readsLeft = reads;
    const { data } = await ask(
      service.url,
      'query ($a: UUID!, $b: UUID!) { compareReplayCalls(a: $a, b: $b, first: 1000) { __typename ... on Error { code } } }',
      { a: ids[0], b: ids[1] },
    );
    expect(data.compareReplayCalls).toEqual({ __typename: 'NotFoundError', code: 'REPLAY_NOT_FOUND' });
  },
);
