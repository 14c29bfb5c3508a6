import { describe, expect, it, vi } from 'vitest';
import type { ReplayEvent } from '../../src/replay/event.ts';
import { encodeEvents } from '../../src/replay/event-codec.ts';
import type { Selection } from '../../src/replay/selected-tail.ts';
import { openSelectiveReader, type SelectiveReader } from '../../src/replay/selective-reader.ts';
import type { EventChunk } from '../../src/replay/store.ts';
import { outcome } from './event-arbitrary.ts';
import { wakerOfEachTest } from './waker-of-each-test.ts';

const RUN = 'run';

const at = wakerOfEachTest();

const notice = (seq: number): ReplayEvent => ({
  kind: 'NOTICE',
  seq,
  at: seq,
  code: 'TARGET_NOTICE',
  sessionId: null,
  message: 'm',
});

/** A chunk from event `first` on: o for an outcome, f for a failed one, n for a notice. */
function chunk(first: number, kinds: string): EventChunk {
  return encodeEvents(
    [...kinds].map((kind, n) => {
      const seq = first + n;
      if (kind === 'n') return notice(seq);
      return { ...outcome({ ordinal: seq, status: kind === 'f' ? 'FAILED' : 'SUCCEEDED' }), seq, at: seq };
    }),
  );
}

function open(after = 0, selection: Selection = 'OTHER'): SelectiveReader {
  const reader = openSelectiveReader(at.waker, RUN, selection, after);
  at.readers.push(reader);
  return reader;
}

const seqs = (events: readonly ReplayEvent[]) => events.map((event) => event.seq);

describe('a selective reader', () => {
  it('gives what is no outcome, each once, and how far the run has come', async () => {
    at.store.seed(RUN, 'RUNNING', [chunk(1, 'non'), chunk(4, 'ooo'), chunk(7, 'oon'), chunk(10, 'oo')]);
    const reader = open();
    expect(await reader.read()).toMatchObject({ lastSeq: 11, ended: false });
    await at.store.append(RUN, chunk(12, 'on'), {});
    const { events, lastSeq } = await reader.read();
    expect([seqs(events), lastSeq]).toEqual([[13], 13]);
    expect(await reader.read()).toEqual({ events: [], lastSeq: 13, complete: true, ended: false });
  });

  it('of trouble gives failures, too, and leaves out what went well beside them', async () => {
    at.store.seed(RUN, 'COMPLETED', [chunk(1, 'no'), chunk(3, 'ooo'), chunk(6, 'ofo'), chunk(9, 'oo')]);
    const { events, lastSeq, ended } = await open(0, 'TROUBLE').read();
    expect([seqs(events), lastSeq, ended]).toEqual([[1, 7], 10, true]);
  });

  it('begins in the middle of a chunk, and further behind than what another reader has left', async () => {
    at.store.seed(RUN, 'COMPLETED', [chunk(1, 'nnn'), chunk(4, 'ono')]);
    expect(seqs((await open(4).read()).events)).toEqual([5]);
    const late = await open(1).read();
    expect([seqs(late.events), late.lastSeq, late.ended]).toEqual([[2, 3, 5], 6, true]);
  });

  it('gives the end with the last of it, over more chunks than one look takes', async () => {
    at.store.seed(
      RUN,
      'COMPLETED',
      Array.from({ length: 40 }, (_, n) => chunk(1 + 2 * n, 'no')),
    );
    const reader = open();
    const got: number[] = [];
    for (let n = 0; n < 10; n++) {
      const { events, lastSeq, ended } = await reader.read();
      got.push(...seqs(events));
      if (!ended) continue;
      expect(lastSeq).toBe(80);
      break;
    }
    expect(got).toEqual(Array.from({ length: 40 }, (_, n) => 1 + 2 * n));
  });

  it('gives every event of a talkative run to who is behind, also those that the others no longer hold', async () => {
    const all = Array.from({ length: 12 }, (_, n) => chunk(1 + 400 * n, 'n'.repeat(400)));
    at.store.seed(RUN, 'RUNNING', all.slice(0, 1));
    const [first, behind] = [open(), open()];
    let given = 0;
    for (const one of all.slice(1)) {
      given += (await first.read()).events.length;
      await at.store.append(RUN, one, {});
    }
    expect(given + (await first.read()).events.length).toBe(4_800);
    const got: number[] = [];
    for (let complete = false; !complete; ) {
      const batch = await behind.read();
      got.push(...seqs(batch.events));
      complete = batch.complete;
    }
    expect(got).toEqual(Array.from({ length: 4_800 }, (_, n) => n + 1));
  });

  it('that is further on than another never goes back', async () => {
    at.store.seed(
      RUN,
      'RUNNING',
      Array.from({ length: 30 }, (_, n) => chunk(1 + 100 * n, 'n'.repeat(100))),
    );
    await open().read();
    const ahead = open(2_950);
    const got: number[] = [];
    for (let n = 0; n < 5; n++) {
      const { events, lastSeq } = await ahead.read();
      got.push(...seqs(events));
      expect(lastSeq).toBe(3_000);
    }
    expect(got).toEqual(Array.from({ length: 50 }, (_, n) => 2_951 + n));
  });

  it('that has been told of more than the look of the others knows stays where it is', async () => {
    at.store.hints = false;
    at.store.seed(RUN, 'RUNNING', [chunk(1, 'n')]);
    await open().read();
    await at.store.append(RUN, chunk(2, 'nno'), {});
    const ahead = open(3);
    expect((await ahead.read()).lastSeq).toBeGreaterThanOrEqual(3);
    at.store.hints = true;
    await at.store.append(RUN, chunk(5, 'n'), {});
    const { events, lastSeq } = await ahead.read();
    expect([seqs(events), lastSeq]).toEqual([[5], 5]);
  });

  it('costs one look at the run and its chunks a hint, however many read', async () => {
    at.store.seed(RUN, 'RUNNING', [chunk(1, 'no')]);
    const many = Array.from({ length: 50 }, () => open());
    for (let n = 1; n <= 3; n++) {
      const before = { ...at.store.calls };
      await Promise.all(many.map((reader) => reader.read()));
      expect(at.store.calls.get - before.get).toBe(1);
      expect(at.store.calls.chunks - before.chunks).toBe(1);
      await at.store.append(RUN, chunk(1 + 2 * n, 'oo'), {});
    }
  });

  it('waits for a hint or for its time, and a hint that came before is not missed', async () => {
    at.store.seed(RUN, 'RUNNING');
    const reader = open();
    await reader.read();
    const woken = reader.wait(500);
    await at.store.append(RUN, chunk(1, 'o'), {});
    expect(await woken).toBe(true);
    await reader.read();
    await at.store.append(RUN, chunk(2, 'o'), {});
    expect(await reader.wait(500)).toBe(true);
    await reader.read();
    const waited = reader.wait(500);
    await vi.advanceTimersByTimeAsync(500);
    expect(await waited).toBe(false);
    const closed = reader.wait(500);
    reader.close();
    expect(await closed).toBe(false);
  });

  it('waits for the end of the run past hints of what goes on, with few looks for all that wait', async () => {
    at.store.seed(RUN, 'RUNNING', []);
    const readers = Array.from({ length: 50 }, () => open());
    for (const reader of readers) await reader.read();
    let looks = 0;
    at.store.before = ({ method }) => {
      if (method === 'get') looks += 1;
    };
    const ends = readers.map((reader) => reader.waitForEnd(10_000));
    const told = vi.fn();
    for (const end of ends) void end.then(told);
    for (let n = 1; n <= 20; n++) {
      await at.store.append(RUN, chunk(n, 'o'), {});
      await vi.advanceTimersByTimeAsync(50);
    }
    expect(told).not.toHaveBeenCalled();
    expect(looks).toBeLessThanOrEqual(10);
    await at.store.transition(RUN, 'COMPLETE', {}, chunk(21, 'n'));
    await vi.advanceTimersByTimeAsync(200);
    expect(new Set(await Promise.all(ends))).toEqual(new Set([true]));
    expect(await readers[0]!.read()).toMatchObject({ lastSeq: 21, ended: true });
    // Of a run that had ended by then there is no hint any more.
    const again = readers[1]!.waitForEnd(10_000);
    await vi.advanceTimersByTimeAsync(200);
    expect(await again).toBe(true);
  });

  it('waits for the end no longer than it is told to, and not when it is closed', async () => {
    at.store.seed(RUN, 'RUNNING', []);
    const reader = open();
    await reader.read();
    const waited = reader.waitForEnd(500);
    await vi.advanceTimersByTimeAsync(500);
    expect(await waited).toBe(false);
    const closed = reader.waitForEnd(500);
    reader.close();
    expect(await closed).toBe(false);
    expect(await reader.waitForEnd(500)).toBe(false);
  });

  it('waits no longer where the run is gone or the store fails: the read says which', async () => {
    at.store.seed(RUN, 'RUNNING', []);
    const reader = open();
    await reader.read();
    at.store.before = ({ method }) => {
      if (method === 'get') throw new Error('away');
    };
    const ended = reader.waitForEnd(10_000);
    await at.store.append(RUN, chunk(1, 'o'), {}).catch(() => {});
    await vi.advanceTimersByTimeAsync(200);
    expect(await ended).toBe(true);
    await expect(reader.read()).rejects.toThrow('away');
  });

  it('asks again after a failure of the store', async () => {
    at.store.seed(RUN, 'COMPLETED', [chunk(1, 'n')]);
    const reader = open();
    at.store.before = ({ method, index }) => {
      if (method === 'chunks' && index === 0) throw new Error('away');
    };
    await expect(reader.read()).rejects.toThrow('away');
    expect(await reader.read()).toMatchObject({ lastSeq: 1, ended: true });
  });

  it('of a run that is not there says so', async () => {
    await expect(open().read()).rejects.toMatchObject({ code: 'REPLAY_NOT_FOUND' });
  });
});
