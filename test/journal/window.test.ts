import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RepriseError } from '../../src/errors.ts';
import { checkFilter, checkWindow, formatMicros, parseMicros } from '../../src/journal/window.ts';

function refusal(text: string, path: string[] = []): RepriseError {
  try {
    parseMicros(text, path);
  } catch (error) {
    expect(error).toBeInstanceOf(RepriseError);
    expect((error as RepriseError).code).toBe('BAD_INPUT');
    return error as RepriseError;
  }
  throw new Error(`${text} was not refused`);
}

describe('timestamps', () => {
  it('keep every microsecond through text and back', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (micros) => {
        const text = formatMicros(micros);
        expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
        expect(parseMicros(text)).toBe(micros);
      }),
      { numRuns: 2000 },
    );
  });

  it('sort as text as they sort in time', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.maxSafeInteger(), (a, b) => {
        expect(formatMicros(a) < formatMicros(b)).toBe(a < b);
      }),
    );
  });

  it.each([
    ['2026-11-23T16:28:37.426Z', '2026-11-23T16:28:37.426000Z'],
    ['2026-11-23T16:28:37.426001Z', '2026-11-23T16:28:37.426001Z'],
    ['2026-11-23T16:28:37.4260019999999Z', '2026-11-23T16:28:37.426001Z'],
    ['2026-11-23 16:28:37+01', '2026-11-23T15:28:37.000000Z'],
    ['2026-11-23t16:28z', '2026-11-23T16:28:00.000000Z'],
    ['2026-11-23 16:28:37.5 UTC', '2026-11-23T16:28:37.500000Z'],
    ['2026-11-23T23:30:00-05:30', '2026-11-24T05:00:00.000000Z'],
    ['2026-11-23T00:15:00+0545', '2026-11-22T18:30:00.000000Z'],
    ['2026-11-23T16:28:37-00:00', '2026-11-23T16:28:37.000000Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000000Z'],
    ['1969-12-31T23:59:59.999999Z', '1969-12-31T23:59:59.999999Z'],
    [' 2026-11-23T16:28:37Z ', '2026-11-23T16:28:37.000000Z'],
  ])('read %j', (text, expected) => {
    expect(formatMicros(parseMicros(text))).toBe(expected);
  });

  it.each([
    '2026-02-29T00:00:00Z',
    '2026-02-31T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-10T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-01T25:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T12:60:00Z',
    '2016-12-31T23:59:60Z',
  ])('refuse the day or time %j that does not exist', (text) => {
    expect(refusal(text).message).toMatch(/does not exist/);
  });

  it.each(['2026-01-01T00:00:00+16:00', '2026-01-01T00:00:00-99'])('refuse the zone of %j', (text) => {
    expect(refusal(text).message).toMatch(/zone that does not exist/);
  });

  it.each([
    '',
    'yesterday',
    '2026-01-01',
    '2026-01-01T00:00:00',
    '1700000000',
    '2026-01-01T00:00:00+00:60',
    '2026-01-01T00:00:00.Z',
  ])('refuse %j with an example of what to write', (text) => {
    expect(refusal(text).message).toMatch(/write it like 2026-11-23T16:28:37.426Z/);
  });

  it.each(['0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z'])(
    'refuse %j, whose microseconds a number cannot hold',
    (text) => {
      expect(refusal(text).message).toMatch(/lies outside/);
    },
  );

  it('name the field at fault and show no more than its beginning', () => {
    const error = refusal('x'.repeat(10_000), ['input', 'window', 'from']);
    expect(error.message).toMatch(/^from "xxx/);
    expect(error.message.length).toBeLessThan(200);
    expect(error.path).toEqual(['input', 'window', 'from']);
  });
});

describe('a window', () => {
  it('may be a single moment', () => {
    expect(checkWindow({ from: 5, to: 5 })).toEqual({ from: 5, to: 5 });
  });

  it('is refused when it is inverted, naming both ends', () => {
    expect(() => checkWindow({ from: 2_000_000, to: 1_000_000 })).toThrow(
      'window.from (1970-01-01T00:00:02.000000Z) is later than window.to (1970-01-01T00:00:01.000000Z): swap them',
    );
  });
});

it('a filter asks for no duration that there is not, as a literal of 1e400 does', () => {
  for (const minDurationMs of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    const refused = { code: 'BAD_INPUT', path: ['filter', 'minDurationMs'] };
    expect(() => checkFilter({ minDurationMs })).toThrow(expect.objectContaining(refused));
  }
});
