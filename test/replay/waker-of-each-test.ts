import { afterEach, beforeEach, expect, vi } from 'vitest';
import { EventWaker } from '../../src/replay/event-waker.ts';
import { MemoryReplayStore } from '../support/memory-replay-store.ts';

interface WakerOfATest {
  store: MemoryReplayStore;
  waker: EventWaker;
  readers: { close(): void }[];
}

/**
 * A store in memory and its waker for each test, under timers that the test moves. What is put into `readers` is closed at
 * its end; then no timer and no subscription may be left.
 */
export function wakerOfEachTest(): WakerOfATest {
  // Filled before each test.
  const at = {} as WakerOfATest;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
    at.store = new MemoryReplayStore();
    at.waker = new EventWaker(at.store);
    at.readers = [];
  });

  afterEach(() => {
    for (const reader of at.readers) reader.close();
    const timers = vi.getTimerCount();
    at.waker.close();
    vi.useRealTimers();
    // With its last reader, the shared timer goes too.
    expect(timers).toBe(0);
    expect(at.store.listenerCount).toBe(0);
  });

  return at;
}
