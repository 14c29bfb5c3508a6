import { expect, it } from 'vitest';
import { isCascade, sqlstateName } from '../../src/target/sqlstate.ts';

it('only 25P02 is a cascade', () => {
  expect(isCascade('25P02')).toBe(true);
  expect(isCascade('25P01')).toBe(false);
  expect(isCascade(null)).toBe(false);
});

it('codes have names for people, by their class when not by themselves', () => {
  expect(sqlstateName('23505')).toBe('unique violation');
  expect(sqlstateName('22999')).toBe('data exception');
  expect(sqlstateName('ZZ999')).toBeNull();
});
