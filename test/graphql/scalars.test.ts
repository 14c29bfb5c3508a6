import { GraphQLScalarType, parseValue } from 'graphql';
import { describe, expect, test } from 'vitest';
import { schema } from '../../src/graphql/schema.ts';

function scalar(name: string): GraphQLScalarType {
  const type = schema.getType(name);
  if (!(type instanceof GraphQLScalarType)) throw new Error(`${name} is no scalar`);
  return type;
}

describe('Timestamp', () => {
  const type = scalar('Timestamp');

  test('keeps microseconds both ways', () => {
    const micros = type.parseValue('2026-11-23T16:28:37.426001Z');
    expect(micros).toBe(1795451317426001);
    expect(type.serialize(micros)).toBe('2026-11-23T16:28:37.426001Z');
  });

  test('always prints six digits and UTC', () => {
    expect(type.serialize(type.parseValue('2026-11-23T17:28:37+01:00'))).toBe('2026-11-23T16:28:37.000000Z');
  });

  test.each(['2026-11-23T16:28:37', '2026-02-30T00:00:00Z', 'yesterday', 1795451317426, null])(
    'refuses %j',
    (value) => {
      expect(() => type.parseValue(value)).toThrow(expect.objectContaining({ extensions: { code: 'BAD_INPUT' } }));
    },
  );
});

describe('BigInt', () => {
  const type = scalar('BigInt');

  test('is a string beyond 2^53, and below', () => {
    expect(type.serialize(9007199254740993n)).toBe('9007199254740993');
    expect(type.serialize(7n)).toBe('7');
  });

  test('takes strings, safe numbers and int literals of any 64-bit size', () => {
    expect(type.parseValue('-9223372036854775808')).toBe(-(2n ** 63n));
    expect(type.parseValue(7)).toBe(7n);
    expect(type.parseLiteral(parseValue('9007199254740993'))).toBe(9007199254740993n);
    expect(type.parseLiteral(parseValue('"9223372036854775807"'))).toBe(2n ** 63n - 1n);
  });

  test.each(['9223372036854775808', 2 ** 53, '1.5', 'x', '', true])('refuses %j', (value) => {
    expect(() => type.parseValue(value)).toThrow(/BigInt/);
  });
});

test('Float64 says what JSON numbers cannot', () => {
  const type = scalar('Float64');
  for (const value of [1.5, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    expect(type.parseValue(JSON.parse(JSON.stringify(type.serialize(value))))).toBe(value);
  }
  expect(() => type.parseValue('1.5')).toThrow(/Float64/);
});

test('UUID is checked and made lower case', () => {
  const type = scalar('UUID');
  expect(type.parseValue('1F6B8F0E-6C1C-4D7E-9D5A-2A5F0E3C7B11')).toBe('1f6b8f0e-6c1c-4d7e-9d5a-2a5f0e3c7b11');
  expect(() => type.parseValue('1f6b8f0e')).toThrow(/UUID/);
});

test('Base64 keeps every byte', () => {
  const type = scalar('Base64');
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  expect(Buffer.from(type.parseValue(type.serialize(bytes)) as Uint8Array)).toEqual(Buffer.from(bytes));
  expect(() => type.parseValue('a')).toThrow(/Base64/);
});

test('SafeInt passes 2^31 and stops at 2^53', () => {
  const type = scalar('SafeInt');
  expect(type.parseValue(2 ** 40)).toBe(2 ** 40);
  expect(() => type.parseValue(2 ** 53)).toThrow(/SafeInt/);
});

test('Secret repeats no value when it refuses one, and is never given out', () => {
  const type = scalar('Secret');
  expect(() => type.parseValue(12345)).toThrow(/^Secret must be a string$/);
  expect(() => type.serialize('x')).toThrow();
});
