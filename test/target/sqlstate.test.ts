import { expect, it } from 'vitest';
import { isCascade, isConnectionLoss, isRetryable, sqlstateName } from '../../src/target/sqlstate.ts';

it('only 25P02 is a cascade', () => {
  expect(isCascade('25P02')).toBe(true);
  expect(isCascade('25P01')).toBe(false);
  expect(isCascade(null)).toBe(false);
});

it('the connection is lost with class 08 and with a server that goes down, not with a malformed message', () => {
  for (const lost of ['08000', '08003', '08006', '57P01', '57P02', '57P03']) expect(isConnectionLoss(lost)).toBe(true);
  for (const alive of ['08P01', '57014', '57P05', '40001', null]) expect(isConnectionLoss(alive)).toBe(false);
});

it('serialization failures and deadlocks may be tried again', () => {
  expect(['40001', '40P01', '40002', '55P03', null].map(isRetryable)).toEqual([true, true, false, false, false]);
});

it('codes have names for people, by their class when not by themselves', () => {
  expect(sqlstateName('23505')).toBe('unique violation');
  expect(sqlstateName('22999')).toBe('data exception');
  expect(sqlstateName('ZZ999')).toBeNull();
});
