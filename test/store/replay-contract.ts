import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RepriseError } from '../../src/errors.ts';
import { completeRequest } from '../../src/replay/complete-request.ts';
import { encodeEvents } from '../../src/replay/event-codec.ts';
import { nextState, RUN_ACTIONS, type RunState } from '../../src/replay/run-state.ts';
import type { EventChunk, Replay, ReplayReport, ReplayStore } from '../../src/replay/store.ts';
import { Tally } from '../../src/replay/tally.ts';

export interface ReplayStoreUnderTest {
  readonly store: ReplayStore;
  /** Another process's store on the same data. */
  other(): Promise<{ readonly store: ReplayStore; close(): Promise<void> }>;
  close(): Promise<void>;
}

const AT = Date.UTC(2026, 10, 23) * 1000;
const summary = new Tally().summary(0);

function chunk(firstSeq: number, count: number, over: Partial<EventChunk> = {}): EventChunk {
  return {
    firstSeq,
    lastSeq: firstSeq + count - 1,
    payload: Buffer.from([0, 255, firstSeq]),
    at: AT + firstSeq,
    outcomes: count,
    failures: 0,
    skipped: 0,
    unknown: 0,
    diverged: 0,
    recordedFrom: null,
    recordedTo: null,
    ...over,
  };
}

const request = completeRequest({
  window: { from: AT, to: AT + 9 },
  target: { host: 'localhost', port: 5432, password: 'hush' },
});

const createIn = (store: ReplayStore, ownerId: string) =>
  store.create({
    id: randomUUID(),
    request,
    targetLabel: 'localhost:5432/shop',
    ownerId,
    createdAt: AT,
    summary,
    lossMark: 7,
  });

/** What any `ReplayStore` does with states and events, one in memory included. */
export function replayEventsContract(name: string, storeOf: () => ReplayStore): void {
  describe(name, () => {
    let store: ReplayStore;
    beforeEach(() => {
      store = storeOf();
    });
    const create = () => createIn(store, 'owner-1');

    it('follows the transition table whatever is asked, and changes nothing where it refuses', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.constantFrom(...RUN_ACTIONS), { maxLength: 10 }), async (actions) => {
          const { id } = await create();
          let state: RunState = 'PENDING';
          let seq = 0;
          for (const action of actions) {
            let expected: RunState | null = null;
            try {
              expected = nextState(state, action);
            } catch {}
            const attempt = store.transition(id, action, { targetVersion: `v${seq}` }, chunk(seq + 1, 2));
            if (expected === null) await expect(attempt).rejects.toMatchObject({ code: 'REPLAY_STATE' });
            else {
              expect(await attempt).toBe(expected);
              state = expected;
              seq += 2;
            }
            expect(await store.get(id)).toMatchObject({ state, lastSeq: seq });
          }
          expect(await store.chunks(id, 0, 99)).toHaveLength(seq / 2);
        }),
        { numRuns: 20 },
      );
    });

    it('appends chunks that follow one another, and patches the row with them', async () => {
      const { id } = await create();
      const newer = { ...summary, planned: 7, firstError: 'tx 1 seq 2: \0 \ud800' };
      await store.append(id, chunk(1, 3), {
        sentThrough: 40,
        startedAt: AT + 1,
        summary: newer,
        targetVersion: '18.4',
      });
      await store.append(id, chunk(4, 1), { sentThrough: 30 });
      await store.append(id, null, { ownerId: 'owner-2', error: { code: 'TARGET_LOST', message: 'gone \0' } });
      expect(await store.sentThrough(id)).toBe(40);
      expect(await store.get(id)).toMatchObject({
        lastSeq: 4,
        startedAt: AT + 1,
        summary: newer,
        targetVersion: '18.4',
        ownerId: 'owner-2',
        error: { message: 'gone \0' },
      });
      for (const wrong of [4, 6]) {
        await expect(store.append(id, chunk(wrong, 1), { sentThrough: 99 })).rejects.toMatchObject({
          code: 'REPLAY_STATE',
        });
      }
      expect(await store.sentThrough(id)).toBe(40);
      expect(await store.chunks(id, 0, 9)).toEqual([chunk(1, 3), chunk(4, 1)]);
    });

    it('takes no events for a run that another process has ended, and goes on when it is resumed', async () => {
      const { id } = await create();
      await store.transition(id, 'INTERRUPT', { endedAt: AT + 5, error: { code: 'X', message: 'x' } }, chunk(1, 1));
      await expect(store.append(id, chunk(2, 1), {})).rejects.toMatchObject({ code: 'REPLAY_STATE' });
      await store.transition(id, 'RESUME', { ownerId: 'owner-2' }, chunk(2, 1));
      expect(await store.get(id)).toMatchObject({
        state: 'CONNECTING',
        endedAt: null,
        error: null,
        ownerId: 'owner-2',
      });
      await store.append(id, chunk(3, 1), {});
    });

    it('takes nothing, not even a mark, from who does not own the run any more', async () => {
      const { id } = await create();
      await store.append(id, chunk(1, 1), { sentThrough: 10 }, 'owner-1');
      await store.transition(id, 'INTERRUPT', {}, chunk(2, 1));
      await store.transition(id, 'RESUME', { ownerId: 'owner-2' }, chunk(3, 1));
      const lost = { code: 'REPLAY_STATE' };
      await expect(store.append(id, null, { sentThrough: 20 }, 'owner-1')).rejects.toMatchObject(lost);
      await expect(store.append(id, chunk(4, 1), {}, 'owner-1')).rejects.toMatchObject(lost);
      await expect(store.transition(id, 'RUN', {}, chunk(4, 1), 'owner-1')).rejects.toMatchObject(lost);
      expect(await store.sentThrough(id)).toBe(10);
      await store.append(id, chunk(4, 1), { sentThrough: 20 }, 'owner-2');
      expect(await store.transition(id, 'RUN', {}, chunk(5, 1), 'owner-2')).toBe('RUNNING');
      expect(await store.sentThrough(id)).toBe(20);
    });

    it('gives the chunks after an event, also from its middle, and those that hold what is looked for', async () => {
      const { id } = await create();
      const kinds = [
        {},
        { failures: 1 },
        { skipped: 2 },
        { unknown: 3 },
        { diverged: 4 },
        { failures: 5, diverged: 5 },
        { outcomes: 9 },
      ];
      for (const [index, kind] of kinds.entries()) await store.append(id, chunk(1 + index * 10, 10, kind), {});
      const firsts = async (...args: [number, number, 'FAILURES'?]) =>
        (await store.chunks(id, ...args)).map((one) => one.firstSeq);
      expect(await firsts(0, 2)).toEqual([1, 11]);
      expect(await firsts(10, 2)).toEqual([11, 21]);
      expect(await firsts(14, 2)).toEqual([11, 21]);
      expect(await firsts(70, 2)).toEqual([]);
      expect(await firsts(0, 9, 'FAILURES')).toEqual([11, 51]);
      expect(await firsts(20, 9, 'FAILURES')).toEqual([51]);
      for (const [only, seqs] of [
        ['SKIPPED', [21]],
        ['UNKNOWN', [31]],
        ['DIVERGED', [41, 51]],
        ['OTHER', [61]],
        ['TROUBLE', [11, 31, 41, 51, 61]],
      ] as const) {
        expect((await store.chunks(id, 0, 9, only)).map((one) => one.firstSeq)).toEqual(seqs);
      }
    });

    it('gives the chunks by the part of the record that they are about, from a time and from a chunk on', async () => {
      const { id } = await create();
      // By their events; the second is of a transaction that began early, the third holds no outcome.
      const spans = [[AT, AT + 5], [AT - 9, AT + 20], null, [AT + 6, AT + 8], [AT + 6, AT + 6], [AT + 7, AT + 30]];
      for (const [index, span] of spans.entries()) {
        const [recordedFrom, recordedTo] = span ?? [null, null];
        await store.append(id, chunk(1 + index * 10, 10, { recordedFrom: recordedFrom!, recordedTo: recordedTo! }), {});
      }
      const read = async (from: number, behind: EventChunk | null, limit = 9) =>
        (await store.chunksByRecord(id, from, behind, limit)).map((one) => one.firstSeq);
      expect(await read(AT - 100, null)).toEqual([11, 1, 31, 41, 51]);
      expect(await read(AT - 100, null, 2)).toEqual([11, 1]);
      expect(await read(AT + 6, null)).toEqual([11, 31, 41, 51]);
      expect(await read(AT + 7, null)).toEqual([11, 31, 51]);
      expect(await read(AT + 31, null)).toEqual([]);
      const all = await store.chunksByRecord(id, AT - 100, null, 9);
      for (const [index, one] of all.entries()) {
        expect(await store.chunksByRecord(id, AT - 100, one, 9)).toEqual(all.slice(index + 1));
      }
      expect(all[1]).toEqual(chunk(1, 10, { recordedFrom: AT, recordedTo: AT + 5 }));
      expect(await read(AT, null, 0)).toEqual([]);
    });

    it('gives the chunks before an event backwards, also from its middle, and those that hold what is looked for', async () => {
      const { id } = await create();
      expect(await store.chunksBefore(id, null, 9)).toEqual([]);
      for (const [index, kind] of [{}, { failures: 1 }, {}, { failures: 2 }].entries()) {
        await store.append(id, chunk(1 + index * 10, 10, kind), {});
      }
      const firsts = async (...args: [number | null, number, 'FAILURES'?]) =>
        (await store.chunksBefore(id, ...args)).map((one) => one.firstSeq);
      expect(await firsts(null, 3)).toEqual([31, 21, 11]);
      expect(await firsts(41, 2)).toEqual([31, 21]);
      expect(await firsts(99, 2)).toEqual([31, 21]);
      expect(await firsts(40, 1)).toEqual([31]);
      expect(await firsts(32, 1)).toEqual([31]);
      expect(await firsts(31, 9)).toEqual([21, 11, 1]);
      expect(await firsts(1, 9)).toEqual([]);
      expect(await firsts(null, 9, 'FAILURES')).toEqual([31, 11]);
      expect(await firsts(30, 9, 'FAILURES')).toEqual([11]);
    });

    it('lets one of two writers through where both append the same place', async () => {
      const { id } = await create();
      const results = await Promise.allSettled([store.append(id, chunk(1, 2), {}), store.append(id, chunk(1, 3), {})]);
      expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
      const refused = results.find((result) => result.status === 'rejected') as PromiseRejectedResult;
      expect(refused.reason).toBeInstanceOf(RepriseError);
      expect(await store.chunks(id, 0, 9)).toHaveLength(1);
    });
  });
}

/** What any `ReplayStore` of a database keeps; `makeStore` gives an empty one. */
export function replayStoreContract(name: string, makeStore: () => Promise<ReplayStoreUnderTest>): void {
  describe(name, () => {
    let open: ReplayStoreUnderTest;
    let store: ReplayStore;
    beforeEach(async () => {
      open = await makeStore();
      store = open.store;
    });
    afterEach(() => open.close());
    replayEventsContract('with states and events', () => store);

    const create = (ownerId = 'owner-1') => createIn(store, ownerId);

    it('stores a new run as PENDING, without any password', async () => {
      const id = randomUUID();
      const users = [{ recorded: 'app', user: 'replay', password: 'hush' }];
      const made = await store.create({
        id,
        request: { ...request, users },
        targetLabel: 'l',
        ownerId: 'o',
        createdAt: AT,
        summary,
        lossMark: 7,
      });
      expect(made).toMatchObject({
        id,
        state: 'PENDING',
        createdAt: AT,
        startedAt: null,
        endedAt: null,
        lastSeq: 0,
        lossMark: 7,
        error: null,
        targetVersion: null,
        ownerId: 'o',
        summary,
      });
      expect(made.request.window).toEqual(request.window);
      expect(made.request.users).toEqual([{ recorded: 'app', user: 'replay', password: null }]);
      expect(await store.get(id)).toEqual(made);
      expect(JSON.stringify(made, (_, value) => (typeof value === 'bigint' ? String(value) : value))).not.toMatch(
        /hush/,
      );
    });

    it('changes the request of a run, without any password', async () => {
      const { id } = await create();
      const pace = { mode: 'RECORDED', speed: 2, maxIdleMs: null } as const;
      await store.append(id, null, { request: { ...request, pace } });
      expect(await store.get(id)).toMatchObject({ request: { pace, target: { host: 'localhost' } } });
      expect((await store.get(id))?.request.target).not.toHaveProperty('password');
    });

    it('knows nothing of other ids, whatever they are', async () => {
      for (const id of [randomUUID(), 'nope']) {
        expect(await store.get(id)).toBeNull();
        expect(await store.report(id)).toBeNull();
        expect(await store.sequenceStarts(id)).toBeNull();
        expect(await store.chunks(id, 0, 5)).toEqual([]);
        expect(await store.chunksBefore(id, null, 5)).toEqual([]);
        expect(await store.chunksByRecord(id, 0, null, 5)).toEqual([]);
        const lost = { code: 'REPLAY_NOT_FOUND' };
        expect((await store.timeline(id, AT, AT + 9, 3)).map((part) => part.outcomes)).toEqual([0, 0, 0]);
        await expect(store.append(id, chunk(1, 1), {})).rejects.toMatchObject(lost);
        await expect(store.transition(id, 'CONNECT', {}, null)).rejects.toMatchObject(lost);
        await expect(store.sentThrough(id)).rejects.toMatchObject(lost);
        await expect(store.saveSequenceStarts(id, {})).rejects.toMatchObject(lost);
        await expect(
          store.saveReport(id, { statements: [], failures: [], divergences: [], thresholds: [], remarks: [] }),
        ).rejects.toMatchObject(lost);
      }
    });

    it('keeps where sequences stood when a run began, once', async () => {
      const { id } = await create();
      expect(await store.sequenceStarts(id)).toBeNull();
      const starts = { shop: 'public.orders_id_seq: 9223372036854775807', other: '' };
      await store.saveSequenceStarts(id, starts);
      expect(await store.sequenceStarts(id)).toEqual(starts);
      await store.saveSequenceStarts(id, { shop: 'moved' });
      expect(await store.sequenceStarts(id)).toEqual(starts);
      expect(await store.sequenceStarts((await create()).id)).toBeNull();
    });

    it('lists runs newest first, by pages and by state', async () => {
      const runs: Replay[] = [];
      for (let index = 0; index < 5; index += 1) runs.unshift(await create());
      const ids = runs.map(({ id }) => id);
      await store.transition(ids[1] as string, 'CONNECT', {}, null);
      const list = async (...args: Parameters<ReplayStore['list']>) => (await store.list(...args)).map((one) => one.id);
      expect(await list({}, null, 3)).toEqual(ids.slice(0, 3));
      expect(await list({}, runs[2]!.number, 3)).toEqual(ids.slice(3));
      expect(await list({ states: ['CONNECTING', 'FAILED'] }, null, 9)).toEqual([ids[1]]);
      expect(await list({ states: [] }, null, 9)).toEqual([]);
    });

    it('counts outcomes by the time of their chunk, those outside of the span in the nearest interval', async () => {
      const { id } = await create();
      for (const [index, at] of [-5, 0, 49, 50, 149, 150, 151].entries()) {
        await store.append(
          id,
          chunk(1 + index * 10, 10, { at: AT + at, outcomes: 9, failures: index, unknown: 1 }),
          {},
        );
      }
      expect(await store.timeline(id, AT, AT + 150, 3)).toEqual([
        { outcomes: 27, failures: 0 + 1 + 2, skipped: 0, unknown: 3, diverged: 0 },
        { outcomes: 9, failures: 3, skipped: 0, unknown: 1, diverged: 0 },
        { outcomes: 27, failures: 4 + 5 + 6, skipped: 0, unknown: 3, diverged: 0 },
      ]);
      expect((await store.timeline(id, AT, AT, 1))[0]?.outcomes).toBe(63);
    });

    it('keeps the report of a run, the last one saved', async () => {
      const { id } = await create();
      expect(await store.report(id)).toBeNull();
      const report: ReplayReport = {
        divergences: [],
        thresholds: [{ threshold: 'p95<50ms', actual: null, unit: 'MS', passed: false }],
        statements: [],
        failures: [
          {
            sqlstate: '23505',
            normalised: 'INSERT \0',
            count: 1,
            cascades: 0,
            expected: 0,
            firstSeq: 1,
            lastSeq: 1,
            sampleMessage: 'ü',
          },
        ],
        remarks: ['a'],
      };
      await store.saveReport(id, { ...report, remarks: [] });
      await store.saveReport(id, report, 'owner-1');
      expect(await store.report(id)).toEqual(report);
      // Who has lost the run has gathered a part of it only.
      const lost = { code: 'REPLAY_STATE' };
      await expect(store.saveReport(id, { ...report, remarks: [] }, 'another')).rejects.toMatchObject(lost);
      await store.transition(id, 'INTERRUPT', {}, null);
      await expect(store.saveReport(id, { ...report, remarks: [] }, 'owner-1')).rejects.toMatchObject(lost);
      expect(await store.report(id)).toEqual(report);
    });

    it('wakes the listeners of every process with the id of the run', async () => {
      const other = await open.other();
      const heard = new Set<string>();
      let tell = () => {};
      const all = new Promise<void>((resolve) => (tell = resolve));
      const stops = [store, other.store].map((one, index) =>
        one.onEvents((id) => {
          heard.add(`${index} ${id}`);
          if (heard.size === 2) tell();
        }),
      );
      const { id } = await create();
      let done = false;
      void all.then(() => {
        done = true;
      });
      // The listening connections may still be opening.
      for (let seq = 1; !done; seq += 1) await store.append(id, chunk(seq, 1), {});
      await all;
      expect([...heard].sort()).toEqual([`0 ${id}`, `1 ${id}`]);
      for (const stop of stops) stop();
      await other.close();
    });

    it('interrupts the runs of owners that are gone, once, and no others', async () => {
      const other = await open.other();
      await store.holdOwnership('alive');
      await other.store.holdOwnership('dies');
      const mine = await create('alive');
      const theirs = [await create('dies'), await create('dies'), await create('never held')];
      const ended = await create('dies');
      await store.transition(ended.id, 'CANCEL', {}, null);
      expect(await store.interruptOrphans(interruption)).toEqual([theirs[2]?.id]);
      await other.close();
      const third = await open.other();
      const results = await Promise.all([
        store.interruptOrphans(interruption),
        third.store.interruptOrphans(interruption),
      ]);
      expect(results.flat().sort()).toEqual([theirs[0]?.id, theirs[1]?.id].sort());
      expect(await store.get(theirs[0]?.id as string)).toMatchObject({
        state: 'INTERRUPTED',
        error: { code: 'INTERRUPTED' },
      });
      expect((await store.get(theirs[0]?.id as string))?.endedAt).not.toBeNull();
      expect((await store.get(theirs[0]?.id as string))?.lastSeq).toBe(1);
      expect((await store.chunks(theirs[0]?.id as string, 0, 10)).map((chunk) => chunk.lastSeq)).toEqual([1]);
      expect((await store.get(mine.id))?.state).toBe('PENDING');
      expect((await store.get(ended.id))?.state).toBe('CANCELLED');
      expect(await third.store.interruptOrphans(interruption)).toEqual([]);
      await third.close();
    });
  });
}

/** What an engine gives for a run that it finds interrupted. */
function interruption(lastSeq: number): EventChunk {
  return encodeEvents([{ seq: lastSeq + 1, at: 1, kind: 'STATE', state: 'INTERRUPTED', reason: 'gone' }]);
}
