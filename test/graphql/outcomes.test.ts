import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { normaliseStatement, statementFingerprint } from '../../src/journal/normalise.ts';
import { DIVERGENCES, OUTCOME_STATUSES, type OutcomeEvent } from '../../src/replay/event.ts';
import { encodeEvents } from '../../src/replay/event-codec.ts';
import type { EventFeed } from '../../src/replay/feed.ts';
import type { OutcomeFilter } from '../../src/replay/outcomes.ts';
import {
  ask,
  type Backend,
  openBackend,
  outcome,
  scriptedRun,
  startService,
  type TestService,
} from '../server/support.ts';

const TRANSACTION = '00000000-0000-4000-8000-0000000000bb';
const TEXTS = ['SELECT 1', 'SELECT  2', 'UPDATE t SET a = 1', 'UPDATE t SET a = 2 WHERE b = 3'];
const COUNT = 400;

let backend: Backend;
let service: TestService;
let id: string;
let all: readonly OutcomeEvent[];
let textOf: (event: OutcomeEvent) => string | undefined;

beforeAll(async () => {
  backend = await openBackend();
  service = await startService(backend);
  const origin = { nodeId: null, sessionId: 'e', user: null, database: null, application: null };
  await backend.recorder.begin({ id: TRANSACTION, origin });
  // BEGIN is entry 1.
  for (let n = 2; n <= 40; n++) {
    await backend.recorder.log({ transactionId: TRANSACTION, statement: TEXTS[n % TEXTS.length]! });
  }
  textOf = ({ key }) =>
    key.sequence === 1 ? 'BEGIN' : key.sequence <= 40 ? TEXTS[key.sequence % TEXTS.length] : undefined;
  const scripted = await scriptedRun(backend.replays);
  id = scripted.id;
  await fill(scripted.feed);
  all = (await backend.engine.statements(id, {}, { afterSeq: 0, beforeSeq: null, limit: 1000, newest: false })).events;
});
afterAll(async () => {
  await service.stop();
  await backend.close();
});

/** Outcomes of many kinds, in chunks of many sizes, with notices between. */
async function fill(feed: EventFeed): Promise<void> {
  for (let n = 1; n <= COUNT; n++) {
    const status = OUTCOME_STATUSES[(n * 7) % 11 < 8 ? 0 : n % 4]!;
    const failed = status === 'FAILED';
    const divergence = DIVERGENCES[n % DIVERGENCES.length]!;
    feed.emit(
      outcome(n, {
        transactionId: TRANSACTION,
        key: { timestamp: n, position: 1n, sequence: 1 + (n % 43) },
        sessionId: `s${n % 3}`,
        status,
        cascade: failed && n % 8 === 5,
        sqlstate: failed ? (n % 8 === 5 ? '25P02' : '23505') : null,
        verdict: n % 5 === 0 ? 'DIVERGED' : 'SAME',
        divergences: n % 5 === 0 ? [divergence] : [],
      }),
    );
    if (n % 17 === 0) feed.emit({ kind: 'NOTICE', code: 'STALL', sessionId: null, message: 'waits' });
    if (n % 23 === 0) await feed.flush();
  }
  await feed.transition('COMPLETE', {}, null);
}

function matches(event: OutcomeEvent, filter: OutcomeFilter): boolean {
  const text = textOf(event);
  return (
    (filter.statuses?.includes(event.status) ?? true) &&
    (filter.sqlstates === undefined || (event.sqlstate !== null && filter.sqlstates.includes(event.sqlstate))) &&
    (filter.cascade === undefined || filter.cascade === event.cascade) &&
    (filter.divergences?.some((one) => event.divergences.includes(one)) ?? true) &&
    (filter.sessionId === undefined || filter.sessionId === event.sessionId) &&
    (filter.fingerprint === undefined ||
      (text !== undefined && statementFingerprint(normaliseStatement(text)) === filter.fingerprint)) &&
    event.seq >= (filter.fromSeq ?? 0) &&
    event.seq <= (filter.toSeq ?? Number.POSITIVE_INFINITY)
  );
}

const filters: fc.Arbitrary<OutcomeFilter> = fc
  .record(
    {
      statuses: fc.subarray([...OUTCOME_STATUSES]),
      sqlstates: fc.subarray(['23505', '25P02', '42P01']),
      cascade: fc.boolean(),
      divergences: fc.subarray([...DIVERGENCES]),
      sessionId: fc.constantFrom('s0', 's1', 'nobody'),
      fingerprint: fc.constantFrom(...TEXTS.map((text) => statementFingerprint(normaliseStatement(text)))),
      fromSeq: fc.integer({ min: 0, max: 450 }),
      toSeq: fc.integer({ min: 0, max: 450 }),
    },
    { requiredKeys: [] },
  )
  .filter(({ fromSeq = 0, toSeq = COUNT * 2 }) => fromSeq <= toSeq);

describe('outcomes by pages', () => {
  test('from either end, whatever the filter and the length of a page, are all that match, once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(filters, fc.integer({ min: 1, max: 90 }), fc.boolean(), async (filter, limit, newest) => {
        const found: number[] = [];
        let afterSeq = 0;
        let beforeSeq: number | null = null;
        for (;;) {
          const page = await backend.engine.statements(id, filter, { afterSeq, beforeSeq, limit, newest });
          const seqs = page.events.map(({ seq }) => seq);
          expect(seqs.length).toBeLessThanOrEqual(limit);
          if (newest) found.unshift(...seqs);
          else found.push(...seqs);
          if (!page.hasMore) break;
          if (newest) beforeSeq = page.stoppedAt ?? seqs[0]!;
          else afterSeq = page.stoppedAt ?? seqs.at(-1)!;
        }
        expect(found).toEqual(all.filter((event) => matches(event, filter)).map(({ seq }) => seq));
      }),
      { numRuns: 60 },
    );
  });

  test('of which hardly one matches are empty and lead on, until the one is found', async () => {
    const { id: long, feed } = await scriptedRun(backend.replays);
    for (let n = 1; n <= 210_000; n++) {
      feed.emit(outcome(n, { sessionId: n === 105_000 ? 'rare' : 's1' }));
      if (n % 10_000 === 0) await feed.flush();
    }
    await feed.transition('COMPLETE', {}, null);
    for (const newest of [false, true]) {
      const pages: number[] = [];
      let afterSeq = 0;
      let beforeSeq: number | null = null;
      for (;;) {
        const page = await backend.engine.statements(
          long,
          { sessionId: 'rare' },
          { afterSeq, beforeSeq, limit: 10, newest },
        );
        pages.push(page.events.length);
        if (!page.hasMore) break;
        if (newest) beforeSeq = page.stoppedAt;
        else afterSeq = page.stoppedAt ?? 0;
      }
      expect(pages.length).toBeGreaterThan(2);
      expect(pages[0]).toBe(0);
      expect(pages.reduce((sum, count) => sum + count)).toBe(1);
    }
  });
});

const PAGE = `query ($id: UUID!, $filter: OutcomeFilterInput, $first: Int, $after: Cursor, $last: Int, $before: Cursor) {
  replayStatements(replayId: $id, filter: $filter, first: $first, after: $after, last: $last, before: $before) {
    nodes { ordinal }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`;

describe('replayStatements', () => {
  const page = (variables: Record<string, unknown>) => ask(service.url, PAGE, { id, ...variables });
  const ordinals = (answer: Awaited<ReturnType<typeof page>>) =>
    answer.data.replayStatements.nodes.map((node: { ordinal: number }) => node.ordinal);

  test('gives the newest outcomes, and those before them', async () => {
    const newest = await page({ last: 3 });
    expect(ordinals(newest)).toEqual([COUNT - 2, COUNT - 1, COUNT]);
    const { hasNextPage, hasPreviousPage, startCursor } = newest.data.replayStatements.pageInfo;
    expect([hasNextPage, hasPreviousPage]).toEqual([false, true]);
    expect(ordinals(await page({ last: 2, before: startCursor }))).toEqual([COUNT - 4, COUNT - 3]);
    expect((await page({ last: 1000 })).data.replayStatements.pageInfo.hasPreviousPage).toBe(false);
  });

  test('refuses both ends at once, and lengths out of range', async () => {
    for (const variables of [{ first: 1, last: 1 }, { last: 0 }, { first: 1001 }]) {
      const { errors } = await page(variables);
      expect(errors[0]?.extensions['code']).toBe('BAD_INPUT');
    }
  });

  test('refuses a span that ends before it begins, and what is no SQLSTATE, instead of finding nothing', async () => {
    for (const [field, filter] of [
      ['toSeq', { fromSeq: 10, toSeq: 9 }],
      ['sqlstates', { sqlstates: ['23505', '2350'] }],
      ['sqlstates', { sqlstates: ['xx000'] }],
    ] as const) {
      const { errors } = await page({ filter });
      expect(errors[0]?.extensions).toEqual({ code: 'BAD_INPUT', path: ['filter', field] });
    }
    expect(ordinals(await page({ filter: { fromSeq: 10, toSeq: 10, sqlstates: ['XX000'] } }))).toEqual([]);
  });

  test('refuses lists that are too long to hold outcomes against', async () => {
    for (const filter of [
      { statuses: Array(10_001).fill('FAILED') },
      { verdicts: Array(10_001).fill('SAME') },
      { divergences: Array(10_001).fill('SLOWER') },
      { sqlstates: Array(10_001).fill('23505') },
    ]) {
      const { errors } = await page({ filter });
      const [field = ''] = Object.keys(filter);
      expect(errors[0]?.message).toBe(`filter.${field} are 10001: give at most 10000`);
      expect(errors[0]?.extensions).toMatchObject({ code: 'LIMIT_EXCEEDED', path: ['filter', field] });
    }
    expect(ordinals(await page({ filter: { sqlstates: Array(10_000).fill('23505') }, first: 1 }))).toHaveLength(1);
  });

  test('takes the fingerprint, SQLSTATE and kind of a group of the report', async () => {
    const { data } = await ask(
      service.url,
      'query ($id: UUID!) { replayFailures(replayId: $id) { sqlstate fingerprint normalised count cascades firstSeq lastSeq } }',
      { id },
    );
    expect(data.replayFailures.length).toBeGreaterThan(2);
    for (const group of data.replayFailures) {
      const filter = { statuses: ['FAILED'], sqlstates: [group.sqlstate], fingerprint: group.fingerprint };
      expect(ordinals(await page({ filter, first: 1000 }))).toHaveLength(group.count);
      expect(ordinals(await page({ filter: { ...filter, cascade: true }, first: 1000 }))).toHaveLength(group.cascades);
    }
  });
});

test('a run that a crash has interrupted tells how many statements may have been sent without an outcome', async () => {
  const { id: crashed, feed } = await scriptedRun(backend.replays);
  for (const n of [1, 2]) feed.emit(outcome(n));
  // Not sent, and beyond the mark.
  feed.emit(outcome(9, { status: 'SKIPPED', skipReason: 'COPY_DATA', verdict: 'UNVERIFIABLE' }));
  await feed.flush();
  await backend.replays.append(crashed, null, { sentThrough: 6 });
  const doubt = async () =>
    (await ask(service.url, 'query ($id: UUID!) { replay(id: $id) { state inDoubt } }', { id: crashed })).data.replay;
  expect(await doubt()).toEqual({ state: 'RUNNING', inDoubt: 0 });
  await backend.replays.interruptOrphans((lastSeq) =>
    encodeEvents([{ seq: lastSeq + 1, at: 1, kind: 'STATE', state: 'INTERRUPTED', reason: null }]),
  );
  expect(await doubt()).toEqual({ state: 'INTERRUPTED', inDoubt: 4 });
  await feed.close();
});

describe('replayTimeline', () => {
  const TIMELINE =
    'query ($id: UUID!, $intervals: Int!) { replayTimeline(replayId: $id, intervals: $intervals) { from intervalMs intervals { succeeded failed skipped unknown diverged } } }';

  test('of a run counts each of its outcomes in one interval', async () => {
    const { id: run, feed } = await scriptedRun(backend.replays);
    const startedAt = Date.now() * 1000;
    await feed.transition('PAUSE', { startedAt }, null);
    for (let n = 1; n <= 50; n++) {
      feed.emit(outcome(n, n % 5 === 0 ? { status: 'FAILED', verdict: 'DIVERGED' } : {}));
      await feed.flush();
    }
    await feed.transition('CANCEL', { endedAt: startedAt + 4_000_000 }, null);
    const { data } = await ask(service.url, TIMELINE, { id: run, intervals: 8 });
    const { from, intervalMs, intervals } = data.replayTimeline;
    expect(Date.parse(from) * 1000).toBe(startedAt);
    expect(intervalMs).toBe(500);
    expect(intervals).toHaveLength(8);
    const sum = (key: string) =>
      intervals.reduce((all: number, interval: Record<string, number>) => all + interval[key]!, 0);
    expect(['succeeded', 'failed', 'skipped', 'unknown', 'diverged'].map(sum)).toEqual([40, 10, 0, 0, 10]);
  });

  test('is null before the run began and where there is none', async () => {
    const { id: run, feed } = await scriptedRun(backend.replays);
    expect((await ask(service.url, TIMELINE, { id: run, intervals: 8 })).data.replayTimeline).toBeNull();
    expect((await ask(service.url, TIMELINE, { id: TRANSACTION, intervals: 8 })).data.replayTimeline).toBeNull();
    await feed.transition('CANCEL', {}, null);
  });
});
