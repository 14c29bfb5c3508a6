import fc from 'fast-check';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NumberReader, originIdIn, positionIn, timestampIn } from '../../src/store/entry-numbers.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let client: Client;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new Client(database.url);
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

/** The values as PostgreSQL writes a record of them. */
async function records(type: 'int8' | 'float8', values: readonly (string | null)[]): Promise<string[]> {
  const { rows } = await client.query<{ record: string }>(
    `select (7, value, null::int8, value, 1)::text as record from unnest($1::${type}[]) with ordinality as v(value, nth) order by nth`,
    [values],
  );
  return rows.map((row) => row.record);
}

/** Reads the value in the middle and the one behind, so that what is left over or taken too much shows. */
function read<T>(record: string, of: (numbers: NumberReader) => T): T {
  const numbers = new NumberReader(record);
  expect(numbers.integer()).toBe(7);
  const first = of(numbers);
  expect(numbers.integerOrNull()).toBeNull();
  expect(of(numbers)).toEqual(first);
  expect(numbers.integer()).toBe(1);
  return first;
}

const MOST = 2n ** 63n - 1n;

it('integers of PostgreSQL are read exactly, the largest and smallest too', async () => {
  const edges = [
    0n,
    1n,
    999_999_999n,
    1_000_000_000n,
    2n ** 31n,
    10n ** 15n,
    2n ** 53n - 1n,
    2n ** 53n,
    2n ** 53n + 1n,
  ];
  const random = fc.sample(fc.bigInt(-MOST, MOST), 500);
  const values = [...edges, ...edges.map((value) => -value), MOST, -MOST - 1n, ...random];
  const texts = await records('int8', values.map(String));
  expect(texts.map((record) => read(record, (numbers) => numbers.bigint()))).toEqual(values);
  expect(texts.map((record) => read(record, (numbers) => numbers.text()))).toEqual(values.map(String));
  expect(texts.map((record) => read(record, (numbers) => numbers.integer()))).toEqual(
    values.map((value) => Number(String(value))),
  );
});

it('doubles of PostgreSQL are read exactly: fractions, exponents, signs, NaN and the infinities', async () => {
  const edges = [0, -0, 0.048, 7.5, 1234.567, 1e15, 1e-5, 0.0001, 1e22, 5e-324, 123456789012345.6, -0.25];
  const others = [Number.MAX_VALUE, Number.MAX_SAFE_INTEGER, Number.NaN, Infinity, -Infinity, 0.1 + 0.2];
  const decimals = fc.sample(fc.tuple(fc.nat(999_999_999), fc.nat(9)), 500).map(([value, by]) => value / 10 ** by);
  const values = [...edges, ...others, ...fc.sample(fc.double(), 500), ...decimals];
  const texts = await records(
    'float8',
    values.map((value) => (Object.is(value, -0) ? '-0' : String(value))),
  );
  expect(texts.map((record) => read(record, (numbers) => numbers.floatOrNull()))).toEqual(values);
});

it('nulls are read wherever they stand', async () => {
  const { rows } = await client.query<{ record: string }>(
    'select (null::int8, null::float8, 5, null::int8)::text as record',
  );
  const numbers = new NumberReader(rows[0]?.record as string);
  expect([numbers.integerOrNull(), numbers.floatOrNull(), numbers.integer(), numbers.integerOrNull()]).toEqual([
    null,
    null,
    5,
    null,
  ]);
});

it('the first three numbers are found without reading the others', () => {
  const record = `(12,${MOST},1795428000000074,3,,0.25)`;
  expect([originIdIn(record), positionIn(record), timestampIn(record)]).toEqual([12, `${MOST}`, 1795428000000074]);
});
