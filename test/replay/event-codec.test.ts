import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReplayEvent } from '../../src/replay/event.ts';
import { ChunkEncoder, decodeChunk, encodeEvents } from '../../src/replay/event-codec.ts';
import { eventArbitrary, outcome } from './event-arbitrary.ts';

const eventsArbitrary = fc
  .tuple(
    fc.maxSafeNat().map((seq) => Math.min(seq, Number.MAX_SAFE_INTEGER - 1_000)),
    fc.array(fc.tuple(eventArbitrary, fc.maxSafeNat()), { minLength: 1, maxLength: 40 }),
  )
  .map(([first, events]) => events.map(([event, at], n): ReplayEvent => ({ ...event, seq: first + n, at })));

describe('event codec', () => {
  it('gives back every event exactly', () => {
    fc.assert(
      fc.property(eventsArbitrary, (events) => {
        expect(decodeChunk(encodeEvents(events))).toEqual(events);
      }),
      { numRuns: 500 },
    );
  });

  it('counts what readers skip chunks by', () => {
    fc.assert(
      fc.property(eventsArbitrary, (events) => {
        const outcomes = events.filter((event) => event.kind === 'OUTCOME');
        const times = outcomes.map(({ key }) => key.timestamp);
        const { payload, ...counts } = encodeEvents(events);
        expect(payload.length).toBeGreaterThan(0);
        expect(counts).toEqual({
          firstSeq: events[0]!.seq,
          lastSeq: events.at(-1)!.seq,
          at: events.at(-1)!.at,
          outcomes: outcomes.length,
          failures: outcomes.filter((event) => event.status === 'FAILED').length,
          skipped: outcomes.filter((event) => event.status === 'SKIPPED').length,
          unknown: outcomes.filter((event) => event.status === 'UNKNOWN').length,
          diverged: outcomes.filter((event) => event.verdict === 'DIVERGED').length,
          recordedFrom: times.length === 0 ? null : Math.min(...times),
          recordedTo: times.length === 0 ? null : Math.max(...times),
        });
      }),
    );
  });

  it('starts anew after each chunk', () => {
    fc.assert(
      fc.property(fc.array(eventsArbitrary, { minLength: 1, maxLength: 4 }), (chunks) => {
        const encoder = new ChunkEncoder();
        for (const events of chunks) {
          expect(encoder.count).toBe(0);
          expect(encoder.size).toBe(0);
          for (const event of events) encoder.add(event);
          expect(encoder.count).toBe(events.length);
          const size = encoder.size;
          const chunk = encoder.finish();
          expect(chunk.payload.length).toBe(size);
          expect(chunk).toEqual(encodeEvents(events));
        }
      }),
      { numRuns: 30 },
    );
  });

  it('refuses a gap, a repetition and an empty chunk', () => {
    const encoder = new ChunkEncoder();
    expect(() => encoder.finish()).toThrow('at least one event');
    encoder.put(outcome(), 5, 0);
    expect(() => encoder.put(outcome(), 7, 0)).toThrow('event 7 does not follow event 5');
    expect(() => encoder.put(outcome(), 5, 0)).toThrow('event 5 does not follow event 5');
  });

  it('refuses a payload that was cut, went on or is of another version', () => {
    fc.assert(
      fc.property(eventsArbitrary, fc.nat(), (events, cut) => {
        const chunk = encodeEvents(events);
        const payload = chunk.payload.subarray(0, cut % chunk.payload.length);
        expect(() => decodeChunk({ ...chunk, payload })).toThrow();
        const longer = Buffer.concat([chunk.payload, Buffer.from([0])]);
        expect(() => decodeChunk({ ...chunk, payload: longer })).toThrow('is damaged');
        expect(() => decodeChunk({ ...chunk, firstSeq: chunk.firstSeq + 1 })).toThrow();
      }),
    );
    const chunk = encodeEvents([{ ...outcome(), seq: 1, at: 0 }]);
    const payload = Buffer.from(chunk.payload);
    payload[0] = 2;
    expect(() => decodeChunk({ ...chunk, payload })).toThrow('version 2, this release reads version 1');
  });

  it('never fails in another way than with an error on damaged bytes', () => {
    fc.assert(
      fc.property(eventsArbitrary, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1 }), (events, damage) => {
        const chunk = encodeEvents(events);
        const payload = Buffer.from(chunk.payload);
        for (const [place, byte] of damage) payload[place % payload.length] = byte;
        try {
          expect(decodeChunk({ ...chunk, payload })).toHaveLength(events.length);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Error);
        }
      }),
    );
  });

  it('gives back transactions that are forgotten within the chunk, and ids that only look like UUIDs', () => {
    const ids = [
      ...Array.from({ length: 9 }, (_, n) => `0190a0b0-000${n}-7000-8000-000000000001`),
      '0190A0B0-0001-7000-8000-000000000001',
      '0190a0b0-0001-7000-8000-00000000000é',
      '0190a0b0-0001-7000-8000_000000000001',
      '',
    ];
    const events = [...ids, ...ids, ...ids.flatMap((id) => [id, id])].map(
      (transactionId, n): ReplayEvent => ({ ...outcome({ transactionId, sessionId: ids[n % 5]! }), seq: n + 1, at: n }),
    );
    expect(decodeChunk(encodeEvents(events))).toEqual(events);
  });

  it('reads chunks in which a session refers to the UUID of a transaction, as they were written before', () => {
    const [a, b] = ['0190a0b0-1111-7000-8000-0000000000aa', '0190a0b0-2222-7000-8000-0000000000bb'];
    const payload = Buffer.from(
      'AQEAEQDQDwIAAAEAAZCgsBERcACAAAAAAAAAqgMB9AMAEQACAgICAQABkKCwIiJwAIAAAAAAAAC7AQNzLTEB9AMAEQACAgICAQMFAfQD' +
        'ABEAAgICAgEBBHR4LTkGAfQDABEAAgICAgEEAwH0Aw==',
      'base64',
    );
    const chunk = { ...encodeEvents([{ ...outcome(), seq: 1, at: 0 }]), lastSeq: 5, payload };
    const ids = decodeChunk(chunk).map((event) => event.kind === 'OUTCOME' && [event.transactionId, event.sessionId]);
    expect(ids).toEqual([
      [a, a],
      [b, 's-1'],
      [a, 's-1'],
      ['tx-9', 'tx-9'],
      [b, a],
    ]);
  });

  it('takes at most a hundred bytes for a statement of a transaction of its own', () => {
    const encoder = new ChunkEncoder();
    const events = 1_000;
    for (let n = 0; n < events; n++) {
      const event = outcome({
        ordinal: n + 1,
        key: { timestamp: 1_700_000_000_000_000 + n * 731, position: BigInt(n), sequence: 1 },
        transactionId: `01890000-0000-7000-8000-${String(n).padStart(12, '0')}`,
        sessionId: `session-${n % 20}`,
        durationMs: Math.PI / (n + 1),
        lagMs: Math.E * n,
        digest: 'ab'.repeat(16),
      });
      encoder.put(event, n + 1, 1_700_000_100_000_000 + n * 50);
    }
    expect(encoder.size / events).toBeLessThanOrEqual(100);
  });
});
