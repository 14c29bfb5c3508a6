import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { createPullStream, openPullStreams, type PullSource } from '../../src/replay/pull-stream.ts';

const DONE = { done: true, value: undefined };

/** A source that answers when it is told to, and notes how it is used. */
class ManualSource implements PullSource<number> {
  asked = 0;
  closed = 0;
  #pending: { resolve(item: number | null): void; reject(reason: unknown): void } | null = null;

  next(): Promise<number | null> {
    if (this.#pending !== null) throw new Error('asked again before the last answer');
    this.asked += 1;
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
    });
  }
  close(): void {
    this.closed += 1;
  }
  answer(item: number | null): void {
    this.#take().resolve(item);
  }
  fail(reason: unknown): void {
    this.#take().reject(reason);
  }
  #take() {
    const pending = this.#pending;
    if (pending === null) throw new Error('nothing was asked');
    this.#pending = null;
    return pending;
  }
}

/** A source of given items, which then ends. */
function listSource<T>(items: readonly T[]): PullSource<T> & { closed: number } {
  let at = 0;
  return {
    closed: 0,
    async next() {
      return items[at++] ?? null;
    },
    close() {
      this.closed += 1;
    },
  };
}

afterEach(() => {
  expect(openPullStreams()).toBe(0);
});

describe('pull stream', () => {
  it('gives the items in order and ends', async () => {
    const source = listSource([1, 2, 3]);
    const got: number[] = [];
    for await (const item of createPullStream(source)) got.push(item);
    expect(got).toEqual([1, 2, 3]);
    expect(source.closed).toBe(1);
  });

  it('asks the source for nothing before it is asked itself, and for one item at a time', async () => {
    const source = new ManualSource();
    const stream = createPullStream(source);
    expect(source.asked).toBe(0);
    const results = [stream.next(), stream.next(), stream.next()];
    expect(source.asked).toBe(1);
    source.answer(1);
    expect(await results[0]).toEqual({ done: false, value: 1 });
    expect(source.asked).toBe(2);
    source.answer(2);
    expect(await results[1]).toEqual({ done: false, value: 2 });
    source.answer(null);
    expect(await results[2]).toEqual(DONE);
    expect(await stream.next()).toEqual(DONE);
    expect(source.asked).toBe(3);
    expect(source.closed).toBe(1);
  });

  it('settles every pending next at once when it is returned', async () => {
    const source = new ManualSource();
    const stream = createPullStream(source);
    const pending = [stream.next(), stream.next()];
    expect(await stream.return!()).toEqual(DONE);
    expect(await Promise.all(pending)).toEqual([DONE, DONE]);
    expect(source.closed).toBe(1);
    // The late answer, or error, of the source reaches nobody.
    source.answer(1);
    expect(await stream.next()).toEqual(DONE);
    expect(await stream.return!()).toEqual(DONE);
    expect(source.closed).toBe(1);
  });

  it('survives a source that fails after it was closed', async () => {
    const source = new ManualSource();
    const stream = createPullStream(source);
    const pending = stream.next();
    await stream.return!();
    source.fail(new Error('closed under way'));
    expect(await pending).toEqual(DONE);
  });

  it('settles a pending next and rejects with what was thrown into it', async () => {
    const source = new ManualSource();
    const stream = createPullStream(source);
    const pending = stream.next();
    await expect(stream.throw!(new Error('client'))).rejects.toThrow('client');
    expect(await pending).toEqual(DONE);
    expect(source.closed).toBe(1);
  });

  it('gives an error of the source to the oldest pending next, once, and ends', async () => {
    const source = new ManualSource();
    const stream = createPullStream(source);
    const results = [stream.next(), stream.next()];
    source.fail(new Error('store is gone'));
    await expect(results[0]).rejects.toThrow('store is gone');
    expect(await results[1]).toEqual(DONE);
    expect(await stream.next()).toEqual(DONE);
    expect(source.closed).toBe(1);
  });

  it('treats a source that throws like one that rejects', async () => {
    let closed = 0;
    const stream = createPullStream<number>({
      next() {
        throw new Error('at once');
      },
      close() {
        closed += 1;
      },
    });
    await expect(stream.next()).rejects.toThrow('at once');
    expect(await stream.next()).toEqual(DONE);
    expect(closed).toBe(1);
  });

  it('closes the source when a loop over it is left', async () => {
    const source = listSource([1, 2, 3]);
    for await (const item of createPullStream(source)) if (item === 2) break;
    expect(source.closed).toBe(1);
  });

  it('may be returned by its own source', async () => {
    const stream: AsyncIterableIterator<number, undefined> = createPullStream<number>({
      async next() {
        await stream.return!();
        return 1;
      },
      close() {},
    });
    expect(await stream.next()).toEqual(DONE);
  });

  it('counts the streams that are open', async () => {
    const streams = [createPullStream(listSource([1])), createPullStream(listSource([1]))];
    expect(openPullStreams()).toBe(2);
    await streams[0]!.return!();
    await streams[0]!.return!();
    expect(openPullStreams()).toBe(1);
    await streams[1]!.next();
    await streams[1]!.next();
    expect(openPullStreams()).toBe(0);
  });

  it('keeps order, closes once and leaves nobody waiting in every interleaving', async () => {
    const plan = fc.record({
      items: fc.nat(6),
      ending: fc.constantFrom('end' as const, 'error' as const),
      calls: fc.array(fc.constantFrom('next' as const, 'next' as const, 'return' as const, 'throw' as const), {
        minLength: 1,
        maxLength: 12,
      }),
    });
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), plan, async (scheduler, { items, ending, calls }) => {
        let given = 0;
        let closed = 0;
        let underWay = 0;
        const failure = new Error('source');
        const stream = createPullStream<number>({
          async next() {
            underWay += 1;
            expect(underWay).toBe(1);
            await scheduler.schedule(Promise.resolve(), 'answer');
            underWay -= 1;
            if (given < items) return given++;
            if (ending === 'error') throw failure;
            return null;
          },
          close() {
            closed += 1;
          },
        });
        /** What each next gave, in the order of the calls. */
        const results: Promise<number | 'done' | 'error'>[] = [];
        let ended = false;
        const issue = scheduler.scheduleSequence(
          calls.map((call) => ({
            label: call,
            builder: async () => {
              if (call === 'next') {
                const result = stream.next().then(
                  (next) => (next.done === true ? ('done' as const) : next.value),
                  () => 'error' as const,
                );
                results.push(result);
                return;
              }
              ended = true;
              if (call === 'return') await stream.return!();
              else await stream.throw!(new Error('client')).catch(() => {});
            },
          })),
        );
        await scheduler.waitFor(issue.task);
        await scheduler.waitFor(Promise.all(results));
        const got = await Promise.all(results);
        const numbers = got.filter((result) => typeof result === 'number');
        expect(numbers).toEqual(numbers.map((_, place) => place));
        expect(got.filter((result) => result === 'error').length).toBeLessThanOrEqual(ending === 'error' ? 1 : 0);
        // Items, then at most one error, then done: nothing comes after the end.
        const rest = got.slice(numbers.length);
        expect(rest.slice(rest[0] === 'error' ? 1 : 0).every((result) => result === 'done')).toBe(true);
        expect(got.slice(0, numbers.length)).toEqual(numbers);
        if (!ended && got.length <= items) expect(got).toEqual(numbers);
        expect(closed).toBe(ended || rest.length > 0 ? 1 : 0);
        await stream.return!();
        expect(closed).toBe(1);
        await scheduler.waitAll();
        expect(openPullStreams()).toBe(0);
      }),
      { numRuns: 1_000 },
    );
  });
});
