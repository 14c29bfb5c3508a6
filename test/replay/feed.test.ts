import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RepriseError } from '../../src/errors.ts';
import type { NewReplayEvent } from '../../src/replay/event.ts';
import { encodeEvents } from '../../src/replay/event-codec.ts';
import { EventFeed, type EventFeedOptions } from '../../src/replay/feed.ts';
import { Tally } from '../../src/replay/tally.ts';
import { MemoryReplayStore } from '../support/memory-replay-store.ts';
import { outcome } from './event-arbitrary.ts';

const RUN = 'run';
const notice = (message: string): NewReplayEvent => ({
  kind: 'NOTICE',
  code: 'TARGET_NOTICE',
  sessionId: null,
  message,
});

let store: MemoryReplayStore;
let errors: unknown[];

function openFeed(options: Partial<EventFeedOptions> = {}): EventFeed {
  return new EventFeed(store, RUN, { lastSeq: 0, onError: (error) => errors.push(error), ...options });
}

function emitMany(feed: EventFeed, count: number): void {
  for (let n = 0; n < count; n++) feed.emit(outcome({ ordinal: n + 1 }));
}

/** A promise and what settles it: holds a call of the store until the test lets it go. */
function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

// Time is the feed's only other input: waits of 50 ms to 30 s pass at once, and a timer left behind is seen.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
  store = new MemoryReplayStore();
  store.seed(RUN);
  errors = [];
});

afterEach(() => {
  const timers = vi.getTimerCount();
  vi.useRealTimers();
  expect(timers).toBe(0);
});

describe('event feed', () => {
  it('numbers events without gaps from the last durable one, and stamps them with the wall clock', async () => {
    const feed = openFeed();
    const before = Date.now() * 1000;
    expect([feed.emit(notice('a')), feed.emit(notice('b'))]).toEqual([1, 2]);
    await feed.close();
    const resumed = openFeed({ lastSeq: 2 });
    expect(resumed.emit(outcome())).toBe(3);
    await resumed.close();
    const events = store.events(RUN);
    expect(events.map((event) => event.seq)).toEqual([1, 2, 3]);
    for (const event of events) expect(Math.abs(event.at - before)).toBeLessThan(1_000);
  });

  it('never lets time go back, also when the clock is set back', async () => {
    const feed = openFeed();
    feed.emit(notice('before'));
    await feed.flush();
    vi.setSystemTime(Date.now() - 3_600_000);
    feed.emit(notice('between'));
    await feed.flush();
    feed.emit(notice('after'));
    await feed.close();
    const at = store.events(RUN).map((event) => event.at);
    expect(at).toEqual([...at].sort((a, b) => a - b));
  });

  it('appends after flushMs, and sets no timer while nothing waits', async () => {
    const feed = openFeed({ flushMs: 50 });
    expect(vi.getTimerCount()).toBe(0);
    feed.emit(notice('a'));
    await vi.advanceTimersByTimeAsync(49);
    expect(store.calls.append).toBe(0);
    feed.emit(notice('b'));
    await vi.advanceTimersByTimeAsync(1);
    expect(store.events(RUN)).toHaveLength(2);
    expect(feed.backlog).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    await feed.close();
  });

  it('appends at once when maxEvents wait', async () => {
    const feed = openFeed({ maxEvents: 10 });
    emitMany(feed, 10);
    await vi.advanceTimersByTimeAsync(0);
    expect(store.events(RUN)).toHaveLength(10);
    expect(vi.getTimerCount()).toBe(0);
    await feed.close();
  });

  it('has one append under way, and gathers chunks of maxEvents meanwhile', async () => {
    const held = gate();
    let underWay = 0;
    store.before = async ({ method, index }) => {
      if (method !== 'append') return;
      underWay += 1;
      expect(underWay).toBe(1);
      if (index === 0) await held.passed;
      underWay -= 1;
    };
    const feed = openFeed({ maxEvents: 10 });
    emitMany(feed, 10);
    await vi.advanceTimersByTimeAsync(0);
    emitMany(feed, 95);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(store.calls.append).toBe(1);
    expect(feed.backlog).toBe(105);
    held.open();
    await feed.flush();
    expect(feed.backlog).toBe(0);
    expect(store.calls.append).toBe(11);
    expect(store.chunkCount(RUN)).toBe(11);
    await feed.close();
  });

  it('closes a chunk of many bytes early', async () => {
    const feed = openFeed();
    for (let n = 0; n < 30; n++) feed.emit(notice(String(n).padEnd(100_000, 'x')));
    await feed.close();
    expect(store.events(RUN)).toHaveLength(30);
    expect(store.chunkCount(RUN)).toBeGreaterThan(1);
  });

  it('writes a recent summary with each flush', async () => {
    const tally = new Tally();
    const feed = openFeed();
    feed.setSummary(() => tally.summary(0));
    feed.emit(outcome());
    tally.add(outcome(), null);
    await feed.flush();
    expect((await store.get(RUN))!.summary.succeeded).toBe(1);
    await feed.close();
  });

  it('asks for the summary outside of emit, when the caller has finished counting', async () => {
    const tally = new Tally();
    const feed = openFeed({ maxEvents: 1 });
    feed.setSummary(() => tally.summary(0));
    feed.emit(outcome());
    tally.add(outcome(), null);
    await feed.flush();
    expect(store.patches[0]!.summary!.succeeded).toBe(1);
    await feed.close();
  });

  it('resolves flush only when everything emitted before is durable', async () => {
    const feed = openFeed({ maxEvents: 3 });
    for (let round = 1; round <= 5; round++) {
      emitMany(feed, round * 2);
      const flushed = feed.flush();
      const wanted = feed.lastSeq;
      emitMany(feed, 1);
      await flushed;
      expect(store.events(RUN).length).toBeGreaterThanOrEqual(wanted);
    }
    await feed.close();
  });
});

describe('write-ahead mark', () => {
  it('never lets a statement go beyond a durable mark', async () => {
    const feed = openFeed();
    let waits = 0;
    for (let ordinal = 1; ordinal <= 20_000; ordinal++) {
      const wait = feed.reserve(ordinal);
      if (wait !== null) {
        waits += 1;
        await wait;
      }
      expect(await store.sentThrough(RUN)).toBeGreaterThanOrEqual(ordinal);
      feed.emit(outcome({ ordinal }));
      // A walk that yields once in a while, as one that awaits its target does.
      if (ordinal % 50 === 0) await vi.advanceTimersByTimeAsync(1);
    }
    expect(waits).toBeLessThan(20);
    await feed.close();
  });

  it('lets a steady walk not wait, however long an append takes', async () => {
    store.before = async ({ method }) => {
      if (method === 'append') await new Promise((resolve) => setTimeout(resolve, 8));
    };
    const feed = openFeed();
    let ordinal = 0;
    let waits = 0;
    for (let ms = 0; ms < 2_000; ms++) {
      for (let n = 0; n < 10; n++) {
        const wait = feed.reserve(++ordinal);
        if (wait !== null) {
          // Until the mark has grown with the walk, it waits.
          if (ms > 300) waits += 1;
          while (feed.reserve(ordinal) !== null) await vi.advanceTimersByTimeAsync(1);
        }
        feed.emit(outcome({ ordinal }));
      }
      await vi.advanceTimersByTimeAsync(1);
    }
    expect(waits).toBe(0);
    const closed = feed.close();
    await vi.advanceTimersByTimeAsync(100);
    await closed;
  });

  it('reaches 8 statements ahead at first, and asks for more when half of them are used', async () => {
    const feed = openFeed();
    await feed.reserve(1);
    expect(await store.sentThrough(RUN)).toBe(9);
    for (let ordinal = 2; ordinal <= 5; ordinal++) expect(feed.reserve(ordinal)).toBeNull();
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(0);
    expect(feed.reserve(6)).toBeNull();
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(50);
    expect(await store.sentThrough(RUN)).toBe(6 + 10);
    await feed.close();
  });

  it('leaves few statements of a slow walk in doubt, also where that was fast before', async () => {
    const feed = openFeed();
    let ordinal = 0;
    while (ordinal < 500) await feed.reserve(++ordinal);
    // What it was granted when it was fast is used up first.
    while (ordinal < 3_000) {
      await feed.reserve(++ordinal);
      feed.emit(outcome({ ordinal }));
      await feed.flush();
    }
    expect((await store.sentThrough(RUN)) - ordinal).toBeLessThanOrEqual(8);
    await feed.close();
  });

  it('lets a walk not wait that comes to a burst of statements after each slow one', async () => {
    const feed = openFeed();
    let ordinal = 0;
    let waits = 0;
    for (let round = 0; round < 100; round++) {
      for (let n = 0; n < 60; n++) {
        const wait = feed.reserve(++ordinal);
        if (wait !== null && round > 3) waits += 1;
        await wait;
      }
      for (let slow = 0; slow < 3; slow++) {
        await feed.reserve(++ordinal);
        feed.emit(outcome({ ordinal }));
        await feed.flush();
      }
    }
    expect(waits).toBe(0);
    await feed.close();
  });

  it('goes with the next flush of events, without an append of its own', async () => {
    const feed = openFeed();
    await feed.reserve(1);
    feed.reserve(8);
    feed.emit(outcome());
    await feed.flush();
    expect(store.calls.append).toBe(2);
    expect(await store.sentThrough(RUN)).toBeGreaterThan(9);
    await feed.close();
    expect(store.calls.append).toBe(2);
  });

  it('grows with what is sent between flushes, up to a bound', async () => {
    const feed = openFeed();
    let ordinal = 0;
    for (let round = 0; round < 12; round++) {
      while (true) {
        const wait = feed.reserve(ordinal + 1);
        ordinal += 1;
        if (wait !== null) {
          await wait;
          break;
        }
      }
    }
    const ahead = (await store.sentThrough(RUN)) - ordinal;
    expect(ahead).toBeGreaterThan(10_000);
    expect(ahead).toBeLessThanOrEqual(16_384);
    await feed.close();
  });

  it('goes on from the mark of an interrupted run', async () => {
    const feed = openFeed({ sentThrough: 500 });
    expect(feed.reserve(500)).toBeNull();
    await feed.reserve(501);
    expect(await store.sentThrough(RUN)).toBe(501 + 8);
    await feed.close();
  });

  it('never goes back when the walk becomes slower', async () => {
    const feed = openFeed();
    let ordinal = 0;
    while ((await store.sentThrough(RUN)) < 10_000) await feed.reserve(++ordinal);
    const most = await store.sentThrough(RUN);
    let waits = 0;
    while (ordinal < most + 200) {
      const wait = feed.reserve(++ordinal);
      if (wait !== null) waits += 1;
      await wait;
      feed.emit(outcome({ ordinal }));
      await feed.flush();
      expect(await store.sentThrough(RUN)).toBeGreaterThanOrEqual(Math.max(most, ordinal));
    }
    expect(waits).toBe(0);
    await feed.close();
  });

  it('is not asked for any more when the run has ended', async () => {
    store.seed(RUN, 'RUNNING');
    const feed = openFeed();
    await feed.reserve(1);
    feed.reserve(8);
    const beyond = feed.reserve(1_000);
    const ended = feed.transition('COMPLETE', {}, null);
    await ended;
    await expect(beyond).rejects.toMatchObject({ code: 'REPLAY_STATE' });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(errors).toEqual([]);
    await feed.close();
  });

  it('keeps events that were sealed while a mark went alone', async () => {
    const held = gate();
    store.before = ({ method, index }) => (method === 'append' && index === 0 ? held.passed : undefined);
    const feed = openFeed({ maxEvents: 5 });
    const reserved = feed.reserve(1);
    await vi.advanceTimersByTimeAsync(0);
    emitMany(feed, 100);
    held.open();
    await reserved;
    await feed.close();
    expect(store.events(RUN)).toHaveLength(100);
  });
});

describe('backpressure', () => {
  it('holds the engine when 50,000 events wait, until half of them are durable', async () => {
    const held = gate();
    store.before = ({ method }) => (method === 'append' ? held.passed : undefined);
    const feed = openFeed();
    emitMany(feed, 50_000);
    expect(feed.ready()).toBeNull();
    emitMany(feed, 1);
    const ready = feed.ready();
    expect(ready).not.toBeNull();
    expect(feed.ready()).toBe(ready);
    held.open();
    await ready;
    expect(feed.backlog).toBeLessThanOrEqual(25_000);
    expect(feed.ready()).toBeNull();
    await feed.close();
    expect(store.events(RUN)).toHaveLength(50_001);
  });
});

describe('transitions', () => {
  it('write what waits, the STATE event, the patch and the state together', async () => {
    const feed = openFeed();
    feed.emit(notice('before'));
    const state = feed.transition('CONNECT', { startedAt: 7 }, 'asked');
    feed.emit(notice('after'));
    expect(await state).toBe('CONNECTING');
    expect(store.calls).toMatchObject({ append: 0, transition: 1 });
    expect(store.patches[0]!.startedAt).toBe(7);
    await feed.close();
    expect(store.events(RUN)).toMatchObject([
      { seq: 1, message: 'before' },
      { seq: 2, message: 'after' },
      { seq: 3, kind: 'STATE', state: 'CONNECTING', reason: 'asked' },
    ]);
  });

  it('come in the order in which they were asked for, and take RESUME to where it leads', async () => {
    const feed = openFeed();
    const actions = ['CONNECT', 'RUN', 'PAUSE', 'RESUME', 'INTERRUPT', 'RESUME', 'RUN', 'COMPLETE'] as const;
    const states = await Promise.all(actions.map((action) => feed.transition(action, {}, null)));
    expect(states).toEqual([
      'CONNECTING',
      'RUNNING',
      'PAUSED',
      'RUNNING',
      'INTERRUPTED',
      'CONNECTING',
      'RUNNING',
      'COMPLETED',
    ]);
    await feed.close();
    expect(store.events(RUN).map((event) => event.kind === 'STATE' && event.state)).toEqual(states);
  });

  it('that the table refuses leave no trace', async () => {
    const feed = openFeed();
    await expect(feed.transition('PAUSE', {}, null)).rejects.toMatchObject({ code: 'REPLAY_STATE' });
    feed.emit(notice('next'));
    await feed.close();
    expect(store.events(RUN)).toMatchObject([{ seq: 1, message: 'next' }]);
    expect(errors).toEqual([]);
  });

  it('that another process made impossible leave a STATE event that says so', async () => {
    const feed = openFeed();
    await feed.transition('CONNECT', {}, null);
    // Another process cancels between this feed's look and its write; it cannot know of the event.
    store.before = async ({ method, index }) => {
      if (method === 'transition' && index === 1) await store.transition(RUN, 'RUN', {}, null);
    };
    feed.emit(notice('waits'));
    await expect(feed.transition('RUN', {}, null)).rejects.toMatchObject({ code: 'REPLAY_STATE' });
    feed.emit(notice('next'));
    await feed.close();
    expect(store.events(RUN)).toMatchObject([
      { seq: 1, state: 'CONNECTING' },
      { seq: 2, message: 'waits' },
      { seq: 3, kind: 'STATE', state: 'RUNNING', reason: 'cannot run a replay that is RUNNING' },
      { seq: 4, message: 'next' },
    ]);
    expect(errors).toEqual([]);
  });
});

describe('a failing store', () => {
  it('is tried again with growing waits, and the run goes on', async () => {
    let failures = 5;
    store.before = ({ method }) => {
      if (method === 'append' && failures-- > 0) throw new Error('starting up');
    };
    const feed = openFeed();
    feed.emit(notice('a'));
    const flushed = feed.flush();
    await vi.advanceTimersByTimeAsync(100 + 200 + 400 + 800 + 1_600);
    await flushed;
    expect(store.events(RUN)).toHaveLength(1);
    expect(errors).toEqual([]);
    await feed.close();
  });

  it('that stored a chunk but lost the answer gets no second one', async () => {
    const feed = openFeed();
    store.after = ({ method, index }) => {
      if (method !== 'chunks' && index < 2) throw new Error('connection reset');
    };
    const reserved = feed.reserve(1);
    feed.emit(notice('a'));
    const state = feed.transition('CONNECT', {}, null);
    await vi.advanceTimersByTimeAsync(10_000);
    await reserved;
    expect(await state).toBe('CONNECTING');
    await feed.close();
    expect(store.events(RUN)).toMatchObject([{ message: 'a' }, { state: 'CONNECTING' }]);
  });

  it('that stored a chunk, lost the answer and gave the run to another process is not tried again', async () => {
    const feed = openFeed({ ownerId: 'owner' });
    store.after = ({ method }) => {
      if (method === 'append') throw new Error('connection reset');
    };
    feed.emit(notice('a'));
    const flushed = feed.flush().catch((error) => error);
    await vi.waitFor(() => expect(store.calls.append).toBe(1));
    store.after = () => {};
    await store.transition(RUN, 'INTERRUPT', { ownerId: 'another' }, null);
    await vi.advanceTimersByTimeAsync(100);
    expect(await flushed).toMatchObject({ code: 'REPLAY_STATE' });
    expect(errors).toHaveLength(1);
    await feed.close();
  });

  it('that stored a chunk only after it was looked for gets no second one', async () => {
    const feed = openFeed();
    const append = store.append.bind(store);
    let lost: Parameters<typeof append> | null = null;
    store.append = async (...args) => {
      if (lost === null) {
        lost = args;
        throw new Error('connection reset');
      }
      // What was taken for lost comes through while the next attempt waits for the row.
      if (store.calls.append === 0) await append(...lost);
      await append(...args);
    };
    const reserved = feed.reserve(1);
    feed.emit(notice('a'));
    const flushed = feed.flush();
    await vi.advanceTimersByTimeAsync(10_000);
    await Promise.all([reserved, flushed]);
    feed.emit(notice('b'));
    await feed.flush();
    await feed.close();
    expect(errors).toEqual([]);
    expect(store.events(RUN)).toMatchObject([{ message: 'a' }, { message: 'b' }]);
  });

  it('is given up after 30 seconds, once', async () => {
    store.before = () => {
      throw new Error('gone');
    };
    const feed = openFeed();
    feed.emit(notice('a'));
    const waiting = [feed.flush(), feed.reserve(1), feed.transition('FAIL', {}, null)];
    await vi.advanceTimersByTimeAsync(29_000);
    expect(errors).toEqual([]);
    await vi.advanceTimersByTimeAsync(2_000);
    for (const each of waiting) await expect(each).rejects.toThrow('gone');
    expect(errors).toHaveLength(1);
    await expect(feed.reserve(2)).rejects.toThrow('gone');
    await expect(feed.ready()).rejects.toThrow('gone');
    expect(feed.emit(notice('b'))).toBe(2);
    await feed.close();
    expect(errors).toHaveLength(1);
  });

  it('that comes back after it was given up gets everything, with the transition that failed', async () => {
    let gone = true;
    store.before = () => {
      if (gone) throw new Error('gone');
    };
    const feed = openFeed();
    feed.emit(notice('a'));
    const failed = feed.flush();
    await vi.advanceTimersByTimeAsync(40_000);
    await expect(failed).rejects.toThrow('gone');
    feed.emit(notice('b'));
    gone = false;
    expect(await feed.transition('FAIL', { error: { code: 'STORE_UNAVAILABLE', message: 'gone' } }, 'gone')).toBe(
      'FAILED',
    );
    await feed.close();
    expect(store.events(RUN)).toMatchObject([{ message: 'a' }, { message: 'b' }, { state: 'FAILED' }]);
    expect(errors).toHaveLength(1);
  });

  it('repeats a transition whose place in the log is fixed before anything else', async () => {
    let gone = false;
    store.before = ({ method }) => {
      if (gone && method === 'transition') throw new Error('gone');
    };
    const feed = openFeed();
    await feed.transition('CONNECT', {}, null);
    await feed.transition('RUN', {}, null);
    gone = true;
    const paused = feed.transition('PAUSE', {}, null);
    await vi.advanceTimersByTimeAsync(40_000);
    await expect(paused).rejects.toThrow('gone');
    gone = false;
    await feed.transition('FAIL', {}, null);
    await feed.close();
    expect(store.events(RUN).map((event) => event.kind === 'STATE' && event.state)).toEqual([
      'CONNECTING',
      'RUNNING',
      'PAUSED',
      'FAILED',
    ]);
  });

  it('in which another process wrote fails the run, at once or when it is looked up', async () => {
    for (const lost of [false, true]) {
      store = new MemoryReplayStore();
      store.seed(RUN);
      errors = [];
      await store.append(RUN, encodeEvents([{ ...outcome(), seq: 1, at: 0 }]), {});
      let failing = lost;
      store.before = ({ method }) => {
        if (method !== 'append' || !failing) return;
        failing = false;
        throw new Error('connection reset');
      };
      const feed = openFeed();
      feed.emit(notice('late'));
      const flushed = feed.flush();
      await vi.advanceTimersByTimeAsync(200);
      await expect(flushed).rejects.toThrow(lost ? 'another process wrote event 1' : 'events do not follow');
      expect(errors).toHaveLength(1);
      await feed.close();
    }
  });

  it('that does not know the run fails it at once', async () => {
    const feed = new EventFeed(store, 'other', { lastSeq: 0, onError: (error) => errors.push(error) });
    feed.emit(notice('a'));
    await expect(feed.flush()).rejects.toBeInstanceOf(RepriseError);
    expect(errors).toHaveLength(1);
    await feed.close();
  });

  it('loses and doubles no event, whatever fails between', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('emit' as const), count: fc.integer({ min: 1, max: 40 }) }),
      fc.record({ do: fc.constant('flush' as const) }),
      fc.record({ do: fc.constant('toggle' as const) }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 120 }) }),
    );
    const fault = fc.constantFrom('none' as const, 'none' as const, 'before' as const, 'after' as const);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.infiniteStream(fault), async (steps, faults) => {
        store = new MemoryReplayStore();
        store.seed(RUN, 'RUNNING');
        const next = () => faults.next().value;
        let planned = next();
        store.before = () => {
          planned = next();
          if (planned === 'before') throw new Error('fault');
        };
        store.after = () => {
          if (planned === 'after') throw new Error('fault');
        };
        const feed = openFeed({ maxEvents: 16, retryForMs: 1e9 });
        const expected: string[] = [];
        const transitions: Promise<unknown>[] = [];
        let paused = false;
        for (const each of steps) {
          if (each.do === 'emit') {
            for (let n = 0; n < each.count; n++) {
              feed.emit(notice(String(expected.length)));
              expected.push(String(expected.length));
            }
          } else if (each.do === 'flush') void feed.flush();
          else if (each.do === 'toggle') {
            transitions.push(feed.transition(paused ? 'RESUME' : 'PAUSE', {}, null));
            paused = !paused;
          } else await vi.advanceTimersByTimeAsync(each.ms);
        }
        const closed = feed.close();
        await vi.advanceTimersByTimeAsync(10_000_000);
        await closed;
        await Promise.all(transitions);
        const events = store.events(RUN);
        expect(events.map((event) => event.seq)).toEqual(events.map((_, n) => n + 1));
        expect(events.filter((event) => event.kind === 'NOTICE').map((event) => event.message)).toEqual(expected);
        expect(events.filter((event) => event.kind === 'STATE')).toHaveLength(transitions.length);
        expect(errors).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});
