import { expect, test } from 'vitest';
import { statementTypeCounts } from '../../src/graphql/journal-coverage.ts';

test('types come most first, whatever the order in which they were counted', () => {
  const counts = { SELECT: 2, DDL: 0, INSERT: 7, DELETE: 2 };
  const sorted = [
    { statementType: 'INSERT', entries: 7 },
    { statementType: 'DELETE', entries: 2 },
    { statementType: 'SELECT', entries: 2 },
  ];
  expect(statementTypeCounts(counts)).toEqual(sorted);
  expect(statementTypeCounts(Object.fromEntries(Object.entries(counts).reverse()))).toEqual(sorted);
});
