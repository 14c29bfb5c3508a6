import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Value } from '../../src/journal/value.ts';
import { decodeParameters, encodeParameters, valueOid, valueToWire } from '../../src/journal/value-codec.ts';

const plain = { noNullPrototype: true };
const { value: anyValue } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant<Value>({ kind: 'null' }),
    fc.record({ kind: fc.constant('bool' as const), value: fc.boolean() }, plain),
    fc.record({ kind: fc.constant('int64' as const), value: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) }, plain),
    fc.record({ kind: fc.constant('float64' as const), value: fc.double() }, plain),
    fc.record(
      {
        kind: fc.constant('text' as const),
        value: fc.string({ unit: 'binary' }),
        oid: fc.option(fc.nat(), { nil: null }),
      },
      plain,
    ),
    fc.record({ kind: fc.constant('bytes' as const), value: fc.uint8Array() }, plain),
    fc.record({ kind: fc.constant('array' as const), items: fc.array(tie('value'), { maxLength: 4 }) }, plain),
  ),
}));

const text = (value: string, oid: number | null = null): Value => ({ kind: 'text', value, oid });
const bytes = (...values: number[]): Value => ({ kind: 'bytes', value: Uint8Array.from(values) });
const array = (...items: Value[]): Value => ({ kind: 'array', items });
const int = (value: bigint): Value => ({ kind: 'int64', value });
const float = (value: number): Value => ({ kind: 'float64', value });
const NULL: Value = { kind: 'null' };

describe('stored parameters', () => {
  it('come back exactly as they were', () => {
    fc.assert(
      fc.property(fc.array(anyValue, { maxLength: 6 }), (values) => {
        expect(decodeParameters(encodeParameters(values))).toStrictEqual(values);
      }),
      { numRuns: 1000 },
    );
  });

  it('are read as JSON is, short lists of texts without escapes and whatever comes close to one', () => {
    const parts = fc.constantFrom(
      '[',
      ']',
      '"',
      ',',
      'a',
      '\\"',
      '\\u0041',
      '\u0001',
      'é',
      '😀',
      ' ',
      'null',
      '""',
      '","',
    );
    const texts = fc
      .array(fc.string({ unit: 'binary', maxLength: 9 }), { maxLength: 4 })
      .map((list) => JSON.stringify(list));
    const nearly = fc.oneof(
      texts,
      fc.array(parts, { maxLength: 9 }).map((list) => `["${list.join('')}"]`),
      fc.array(parts).map((list) => list.join('')),
    );
    const expected = (json: string) => {
      try {
        const list: unknown = JSON.parse(json);
        const known = Array.isArray(list) && list.every((one) => one === null || typeof one === 'string');
        return known ? list.map((one) => (one === null ? NULL : text(one))) : 'damaged';
      } catch {
        return 'damaged';
      }
    };
    const read = (json: string) => {
      try {
        return decodeParameters(json);
      } catch {
        return 'damaged';
      }
    };
    fc.assert(
      fc.property(nearly, (json) => {
        expect(read(json)).toStrictEqual(expected(json));
      }),
      { numRuns: 3000 },
    );
  });

  it('keep NaN, the infinities, the sign of zero and integers beyond 2^53', () => {
    const values = [float(Number.NaN), float(Infinity), float(-Infinity), float(-0), float(0), int(2n ** 63n - 1n)];
    const decoded = decodeParameters(encodeParameters(values));
    expect(decoded).toStrictEqual(values);
    expect(Object.is((decoded[3] as { value: number }).value, -0)).toBe(true);
  });

  it('are compact for what a log gives', () => {
    expect(encodeParameters([text('a'), NULL, int(7n), text('x', 25)])).toBe(
      '["a",null,{"int64":"7"},{"text":"x","oid":25}]',
    );
    expect(encodeParameters([])).toBe('[]');
  });

  it.each(['', '{}', '[1]', '[{"int64":"x"}]', '[{"secret":"hunter2"}]', '[{"float64":"1"}]'])(
    'are refused when damaged (%j), without showing a value',
    (json) => {
      expect(() => decodeParameters(json)).toThrow(/^stored parameters are damaged/);
      expect(() => decodeParameters(json)).not.toThrow(/hunter2/);
    },
  );
});

describe('a value on the wire', () => {
  it.each<[Value, string]>([
    [{ kind: 'bool', value: true }, 'true'],
    [int(-(2n ** 63n)), '-9223372036854775808'],
    [float(1e21), '1e+21'],
    [float(-0), '-0'],
    [float(-Infinity), '-Infinity'],
    [text('a"b\\c'), 'a"b\\c'],
    [bytes(0, 255), '\\x00ff'],
    [array(), '{}'],
    [array(array(), array()), '{}'],
    [array(int(1n), NULL, int(3n)), '{1,NULL,3}'],
    [array(text('NULL'), text(''), text('a,b'), text('q"\\')), '{"NULL","","a,b","q\\"\\\\"}'],
    [array(array(float(1.5)), array(float(Number.NaN))), '{{1.5},{NaN}}'],
    [array(bytes(1, 171)), '{"\\\\x01ab"}'],
  ])('%# is sent as text', (value, expected) => {
    expect(valueToWire(value)).toEqual({ text: expected });
  });

  it('is null for the SQL NULL', () => {
    expect(valueToWire(NULL)).toBeNull();
  });

  it('declares the recorded type of a text and leaves all others to the server', () => {
    expect(valueOid(text('1', 23))).toBe(23);
    expect(valueOid(text('1'))).toBe(0);
    expect([NULL, int(1n), float(1), bytes(1), array(text('a', 25))].map(valueOid)).toEqual([0, 0, 0, 0, 0]);
  });
});
