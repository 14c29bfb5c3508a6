import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RepriseError } from '../../src/errors.ts';
import {
  decodeCallCursor,
  decodeEntryCursor,
  decodeSeqCursor,
  decodeTailCursor,
  encodeCallCursor,
  encodeEntryCursor,
  encodeSeqCursor,
  encodeTailCursor,
} from '../../src/journal/cursor.ts';

const key = fc.record(
  {
    timestamp: fc.maxSafeInteger(),
    position: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    sequence: fc.maxSafeNat(),
  },
  { noNullPrototype: true },
);
const tailKey = fc
  .tuple(key, fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }))
  .map(([place, arrival]) => ({ ...place, arrival }));
const sample = { timestamp: 1_700_000_000_123_456, position: 42n, sequence: 3 };

function refusal(action: () => unknown): RepriseError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(RepriseError);
    return error as RepriseError;
  }
  throw new Error('was not refused');
}

describe('cursors', () => {
  it('come back as the place they name', () => {
    fc.assert(
      fc.property(key, (place) => {
        expect(decodeEntryCursor(encodeEntryCursor(place))).toStrictEqual(place);
      }),
    );
    fc.assert(
      fc.property(tailKey, (place) => {
        expect(decodeTailCursor(encodeTailCursor(place))).toStrictEqual(place);
      }),
    );
    fc.assert(
      fc.property(key, fc.nat(), (place, copy) => {
        expect(decodeCallCursor(encodeCallCursor(place, copy))).toStrictEqual({ key: place, copy });
      }),
    );
    fc.assert(
      fc.property(fc.maxSafeNat(), (seq) => {
        expect(decodeSeqCursor(encodeSeqCursor(seq))).toBe(seq);
        expect(encodeSeqCursor(BigInt(seq))).toBe(encodeSeqCursor(seq));
      }),
    );
  });

  it('need no escaping in a URL', () => {
    expect(encodeEntryCursor(sample)).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  it('of one kind are refused for another, which is named', () => {
    const error = refusal(() => decodeEntryCursor(encodeSeqCursor(5), ['input', 'after']));
    expect(error.code).toBe('CURSOR_INVALID');
    expect(error.path).toEqual(['input', 'after']);
    expect(error.message).toMatch(/^after is a cursor of the events of a replay, not of the journal entries/);
    expect(refusal(() => decodeCallCursor(encodeEntryCursor(sample))).message).toMatch(
      /not of the calls of two replays/,
    );
    expect(refusal(() => decodeTailCursor(encodeEntryCursor(sample))).message).toMatch(/the journal entries/);
    expect(refusal(() => decodeSeqCursor(encodeTailCursor({ ...sample, arrival: 1n }))).message).toMatch(
      /the journal tail/,
    );
  });

  it.each([
    '',
    '7',
    'not a cursor!',
    'x'.repeat(10_000),
    Buffer.from('e1:1:2').toString('base64url'),
    Buffer.from('e1:1:2:3:4').toString('base64url'),
    Buffer.from('e1:1:2:x').toString('base64url'),
    Buffer.from('e1:01:2:3').toString('base64url'),
    Buffer.from('e1:1:9999999999999999999:3').toString('base64url'),
    Buffer.from('e1:9007199254740993:2:3').toString('base64url'),
    Buffer.from('constructor:1:2:3').toString('base64url'),
    `${encodeEntryCursor(sample)}A`,
  ])('that were not issued are refused (%#)', (cursor) => {
    const error = refusal(() => decodeEntryCursor(cursor));
    expect(error.code).toBe('CURSOR_INVALID');
    expect(error.message.length).toBeLessThan(300);
  });

  it('that are any other text are refused with the same code', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const decode of [decodeEntryCursor, decodeTailCursor, decodeSeqCursor]) {
          expect(refusal(() => decode(text)).code).toBe('CURSOR_INVALID');
        }
      }),
    );
  });

  it('of an event are never below zero', () => {
    expect(refusal(() => decodeSeqCursor(encodeSeqCursor(-1))).code).toBe('CURSOR_INVALID');
  });
});
