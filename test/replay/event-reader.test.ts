import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { NewReplayEvent, ReplayEvent } from '../../src/replay/event.ts';
import { encodeEvents } from '../../src/replay/event-codec.ts';
import { type EventReader, EventWaker, openEventReader } from '../../src/replay/event-reader.ts';
import type { EventChunk } from '../../src/replay/store.ts';
import { wakerOfEachTest } from './waker-of-each-test.ts';

const RUN = 'run';

const at = wakerOfEachTest();

function notices(first: number, count: number): ReplayEvent[] {
  return Array.from({ length: count }, (_, n) => {
    const notice: NewReplayEvent = { kind: 'NOTICE', code: 'TARGET_NOTICE', sessionId: null, message: 'm' };
    return { ...notice, seq: first + n, at: first + n };
  });
}

const chunk = (first: number, count: number): EventChunk => encodeEvents(notices(first, count));
const stateChunk = (seq: number, state: 'COMPLETED' | 'INTERRUPTED' | 'CONNECTING') =>
  encodeEvents([{ kind: 'STATE', seq, at: seq, state, reason: null }]);

/** Chunks of the given sizes, one after another from event 1. */
function chunks(...sizes: number[]): EventChunk[] {
  let next = 1;
  return sizes.map((size) => {
    const made = chunk(next, size);
    next += size;
    return made;
  });
}

function open(after = 0): EventReader {
  const reader = openEventReader(at.waker, RUN, after);
  at.readers.push(reader);
  return reader;
}

/** Whether a promise has settled, once everything that needs no time has happened. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  const note = () => {
    done = true;
  };
  promise.then(note, note);
  await vi.advanceTimersByTimeAsync(0);
  return done;
}

const seqs = (events: readonly ReplayEvent[]) => events.map((event) => event.seq);

describe('event reader', () => {
  it('gives everything later than the cursor, in order, and then the end', async () => {
    at.store.seed(RUN, 'COMPLETED', chunks(3, 4, 2));
    const reader = open();
    const got: number[] = [];
    for (;;) {
      const { events, lastSeq, ended } = await reader.read(2, 0);
      got.push(...seqs(events));
      expect(lastSeq).toBe(got.at(-1));
      if (ended) break;
      expect(events.length).toBeGreaterThan(0);
    }
    expect(got).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await reader.read(5, 0)).toEqual({ events: [], lastSeq: 9, ended: true });
  });

  it('goes on from any cursor, with any batch size, over any chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 1_500 })), { maxLength: 12 }),
        fc.nat(),
        fc.integer({ min: 1, max: 1_000 }),
        fc.constantFrom(0, 50),
        async (sizes, cursor, maxEvents, maxWaitMs) => {
          at.store.seed(RUN, 'COMPLETED', chunks(...sizes));
          const total = sizes.reduce((sum, size) => sum + size, 0);
          const after = cursor % (total + 1);
          // A waker of its own: the runs of this property have one id and different events.
          const own = new EventWaker(at.store);
          const reader = openEventReader(own, RUN, after);
          let last = after;
          for (;;) {
            const { events, lastSeq, ended } = await reader.read(maxEvents, maxWaitMs);
            expect(events.length).toBeLessThanOrEqual(maxEvents);
            for (const event of events) expect(event.seq).toBe(++last);
            expect(lastSeq).toBe(last);
            if (ended) break;
          }
          expect(last).toBe(total);
          reader.close();
          own.close();
        },
      ),
      { numRuns: 60 },
    );
  });

  it('waits for the first event, and gives it as soon as it is durable', async () => {
    at.store.seed(RUN, 'RUNNING');
    const read = open().read(10, 0);
    expect(await settled(read)).toBe(false);
    await at.store.append(RUN, chunk(1, 2), {});
    expect(await settled(read)).toBe(true);
    expect(await read).toMatchObject({ lastSeq: 2, ended: false });
  });

  it('gathers up to maxEvents for maxWaitMs after the first event', async () => {
    at.store.seed(RUN, 'RUNNING');
    const read = open().read(5, 100);
    await vi.advanceTimersByTimeAsync(500);
    await at.store.append(RUN, chunk(1, 2), {});
    await vi.advanceTimersByTimeAsync(60);
    await at.store.append(RUN, chunk(3, 1), {});
    expect(await settled(read)).toBe(false);
    await vi.advanceTimersByTimeAsync(40);
    expect(await settled(read)).toBe(true);
    expect(seqs((await read).events)).toEqual([1, 2, 3]);
  });

  it('stops gathering when it has maxEvents, and keeps the rest for the next read', async () => {
    at.store.seed(RUN, 'RUNNING');
    const reader = open();
    const read = reader.read(3, 10_000);
    await at.store.append(RUN, chunk(1, 2), {});
    expect(await settled(read)).toBe(false);
    await at.store.append(RUN, chunk(3, 2), {});
    expect(await settled(read)).toBe(true);
    expect(seqs((await read).events)).toEqual([1, 2, 3]);
    expect(seqs((await reader.read(1, 0)).events)).toEqual([4]);
  });

  it('stops gathering when the run ends', async () => {
    at.store.seed(RUN, 'RUNNING');
    const read = open().read(10, 10_000);
    await at.store.append(RUN, chunk(1, 2), {});
    expect(await settled(read)).toBe(false);
    await at.store.transition(RUN, 'COMPLETE', {}, stateChunk(3, 'COMPLETED'));
    expect(await settled(read)).toBe(true);
    expect(await read).toMatchObject({ lastSeq: 3, ended: true });
  });

  it('gives the last events of a run that ends between its look at the chunks and at the state', async () => {
    at.store.seed(RUN, 'RUNNING', chunks(2));
    const reader = open();
    await reader.read(10, 0);
    at.store.hints = false;
    at.store.before = async ({ method }) => {
      if (method !== 'get') return;
      at.store.before = () => {};
      await at.store.transition(RUN, 'COMPLETE', {}, stateChunk(3, 'COMPLETED'));
    };
    const read = reader.read(10, 0);
    expect(await settled(read)).toBe(true);
    const { events, ended } = await read;
    expect(seqs(events)).toEqual([3]);
    expect(ended || (await reader.read(10, 0)).ended).toBe(true);
  });

  for (const method of ['chunks', 'get'] as const) {
    it(`does not miss events that become durable while it waits for the answer of ${method}`, async () => {
      at.store.seed(RUN, 'RUNNING');
      let answer = () => {};
      const answered = new Promise<void>((resolve) => {
        answer = resolve;
      });
      at.store.after = (call) => (call.method === method && call.index === 0 ? answered : undefined);
      const first = open().read(10, 0);
      expect(await settled(first)).toBe(false);
      await at.store.append(RUN, chunk(1, 1), {});
      // Another reader does not join the read that began too early.
      expect(await settled(open().read(10, 0))).toBe(true);
      answer();
      expect(await settled(first)).toBe(true);
      expect(seqs((await first).events)).toEqual([1]);
    });
  }

  it('does not take a state for the end that is older than the events', async () => {
    at.store.seed(RUN, 'INTERRUPTED', chunks(2));
    const reader = open();
    expect(await reader.read(2, 0)).toMatchObject({ lastSeq: 2 });
    expect(await reader.read(2, 0)).toMatchObject({ events: [], ended: true });
    // The hint of the resumption is lost: the state that is remembered is still INTERRUPTED.
    at.store.hints = false;
    await at.store.transition(RUN, 'RESUME', {}, stateChunk(3, 'CONNECTING'));
    const second = open(2);
    expect(seqs((await second.read(5, 0)).events)).toEqual([3]);
    expect(await settled(second.read(5, 0))).toBe(false);
  });

  it('looks by itself once a second, when hints are lost', async () => {
    at.store.seed(RUN, 'RUNNING');
    at.store.hints = false;
    const read = open().read(10, 0);
    await vi.advanceTimersByTimeAsync(100);
    await at.store.append(RUN, chunk(1, 1), {});
    await vi.advanceTimersByTimeAsync(800);
    expect(await settled(read)).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    expect(await settled(read)).toBe(true);
  });

  it('asks the store for nothing while nothing happens, but for its look', async () => {
    at.store.seed(RUN, 'RUNNING');
    const read = open().read(10, 0);
    await vi.advanceTimersByTimeAsync(999);
    expect(at.store.calls).toMatchObject({ chunks: 1, get: 1 });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(at.store.calls).toMatchObject({ chunks: 6, get: 6 });
    expect(await settled(read)).toBe(false);
  });

  it('settles a pending read at once when it is closed, also while the store is slow', async () => {
    at.store.seed(RUN, 'RUNNING');
    const waiting = open();
    const read = waiting.read(10, 0);
    expect(await settled(read)).toBe(false);
    waiting.close();
    expect(await read).toEqual({ events: [], lastSeq: 0, ended: true });

    at.store.before = () => new Promise(() => {});
    const slow = open();
    const stuck = slow.read(10, 0);
    slow.close();
    expect(await stuck).toEqual({ events: [], lastSeq: 0, ended: true });
    expect(await slow.read(1, 0)).toEqual({ events: [], lastSeq: 0, ended: true });
  });

  it('gives its place away with close, not what it had gathered', async () => {
    at.store.seed(RUN, 'RUNNING', chunks(2));
    const reader = open();
    const read = reader.read(10, 10_000);
    expect(await settled(read)).toBe(false);
    reader.close();
    expect(await read).toEqual({ events: [], lastSeq: 0, ended: true });
    expect(seqs((await open(0).read(10, 0)).events)).toEqual([1, 2]);
  });

  it('passes on an error of the store, and may be read again', async () => {
    at.store.seed(RUN, 'RUNNING', chunks(2));
    let failing = true;
    at.store.before = () => {
      if (failing) throw new Error('restarting');
    };
    const reader = open();
    await expect(reader.read(10, 0)).rejects.toThrow('restarting');
    failing = false;
    expect(seqs((await reader.read(10, 0)).events)).toEqual([1, 2]);
  });

  it('gives what it had gathered before an error of the store', async () => {
    at.store.seed(RUN, 'RUNNING', chunks(2));
    const reader = open();
    const read = reader.read(10, 5_000);
    await vi.advanceTimersByTimeAsync(0);
    at.store.before = () => {
      throw new Error('restarting');
    };
    await vi.advanceTimersByTimeAsync(1_000);
    expect(seqs((await read).events)).toEqual([1, 2]);
    await expect(reader.read(10, 0)).rejects.toThrow('restarting');
  });

  it('refuses a run that does not exist', async () => {
    const reader = openEventReader(at.waker, 'none', 0);
    at.readers.push(reader);
    await expect(reader.read(1, 0)).rejects.toMatchObject({ code: 'REPLAY_NOT_FOUND' });
  });

  it('refuses a log with a gap', async () => {
    at.store.seed(RUN, 'RUNNING', [chunk(1, 2), chunk(4, 2)]);
    const reader = open();
    await reader.read(2, 0);
    await expect(reader.read(2, 0)).rejects.toThrow('have a gap after 2');
  });

  it('refuses a second read while one is pending', async () => {
    at.store.seed(RUN, 'RUNNING');
    const reader = open();
    const first = reader.read(1, 0);
    await expect(reader.read(1, 0)).rejects.toThrow('one read at a time');
    reader.close();
    await first;
  });
});

describe('readers of one run', () => {
  it('share reads: fifty at the tail cost about one look at the store a chunk', async () => {
    at.store.seed(RUN, 'RUNNING');
    const fifty = Array.from({ length: 50 }, () => open());
    const got = fifty.map(() => 0);
    const following = fifty.map(async (reader, n) => {
      for (;;) {
        const { events, ended } = await reader.read(1_000, 0);
        got[n]! += events.length;
        if (ended) return;
      }
    });
    for (let n = 0; n < 20; n++) {
      await at.store.append(RUN, chunk(n * 100 + 1, 100), {});
      await vi.advanceTimersByTimeAsync(20);
    }
    await at.store.transition(RUN, 'COMPLETE', {}, stateChunk(2_001, 'COMPLETED'));
    await Promise.all(following);
    expect(got).toEqual(got.map(() => 2_001));
    // Per chunk: one read that finds it, one that finds nothing after it.
    expect(at.store.calls.chunks).toBeLessThanOrEqual(2 * 22);
    expect(at.store.calls.get).toBeLessThanOrEqual(2 * 22);
  });

  it('share the events of chunks read not long ago', async () => {
    at.store.seed(RUN, 'COMPLETED', chunks(1_000, 1_000));
    const first = await open().read(1_000, 0);
    const second = await open().read(1_000, 0);
    expect(second.events).toBe(first.events);
    expect(at.store.calls.chunks).toBe(1);
  });

  it('read many small chunks at a time', async () => {
    at.store.seed(RUN, 'COMPLETED', chunks(...Array.from({ length: 2_000 }, () => 1)));
    const reader = open();
    let got = 0;
    while (got < 2_000) got += (await reader.read(1_000, 0)).events.length;
    expect(at.store.calls.chunks).toBeLessThanOrEqual(40);
  });

  it('do not hold each other up: one that stalls keeps its place', async () => {
    at.store.seed(RUN, 'RUNNING');
    const stalled = open();
    const quick = open();
    for (let n = 0; n < 200; n++) {
      await at.store.append(RUN, chunk(n * 1_000 + 1, 1_000), {});
      expect((await quick.read(1_000, 0)).lastSeq).toBe((n + 1) * 1_000);
    }
    expect(seqs((await stalled.read(2, 0)).events)).toEqual([1, 2]);
  });

  it('are told of their own run only', async () => {
    at.store.seed(RUN, 'RUNNING');
    at.store.seed('other', 'RUNNING');
    const read = open().read(1, 0);
    expect(await settled(read)).toBe(false);
    const before = at.store.calls.chunks;
    await at.store.append('other', chunk(1, 1), {});
    expect(await settled(read)).toBe(false);
    expect(at.store.calls.chunks).toBe(before);
  });
});
