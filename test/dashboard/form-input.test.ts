import { describe, expect, test } from 'vitest';
import { errorsOf, inputOf, NEW_FORM, type ReplayForm } from '../../src/dashboard/replay/form.ts';
import { completeRequest } from '../../src/replay/complete-request.ts';
import type { ReplayInput } from '../../src/replay/request.ts';

/** What is checked is shown: SESSION ordering at the recorded pace, and as fast as possible for what that alone takes. */
const FORM: ReplayForm = {
  ...NEW_FORM,
  alias: 'staging',
  ordering: 'SESSION',
  pace: 'RECORDED',
  slowerRatio: '2',
  slowerMin: '10',
};
const WINDOW = { from: 0, to: 1 };

/** The request as the service completes it; windows are another type there. */
const completed = (form: ReplayForm) =>
  completeRequest({ ...inputOf(form, WINDOW), window: WINDOW } as unknown as ReplayInput);

describe('the form of a new replay', () => {
  test.each([
    ['speed', '0.1', '100', '0.09', '101'],
    ['maxIdle', '0', '86400000', '-1', '86400001'],
    ['statementTimeout', '0.001', '86400', '0', '86401'],
    ['connectTimeout', '0.001', '600', '0', '600.001'],
    ['runTimeout', '0.001', '2592000', '0', '2592001'],
    ['slowerRatio', '1', '1000000', '0.9', '1000001'],
    ['slowerMin', '0', '86400000', '-1', '86400001'],
    ['maxConnections', '2', '10000', '1', '10001'],
    ['inFlight', '1', '1024', '0', '1025'],
    ['scale', '1', '1000', '0', '1001'],
  ] as const)('takes of %s what the service takes, and no more', (field, least, most, less, more) => {
    const shown = field === 'inFlight' ? { ...FORM, pace: 'AS_FAST_AS_POSSIBLE' as const } : FORM;
    for (const value of [least, most]) {
      const form = { ...shown, [field]: value };
      expect(errorsOf(form)).toEqual({});
      expect(() => completed(form)).not.toThrow();
    }
    for (const value of [less, more]) {
      const form = { ...shown, [field]: value };
      expect(Object.keys(errorsOf(form))).toEqual([field]);
      expect(() => completed(form)).toThrow(/must be/);
    }
  });

  test('leaves out how many are in flight where one statement is sent at a time', () => {
    const form = { ...FORM, inFlight: '8' };
    for (const one of [form, { ...form, ordering: 'TIMESTAMP' as const }]) {
      expect(inputOf(one, WINDOW).inFlight).toBeUndefined();
      expect(() => completed(one)).not.toThrow();
    }
  });

  test('sends whole milliseconds', () => {
    expect(inputOf({ ...FORM, connectTimeout: '0.29' }, WINDOW).connectTimeoutMs).toBe(290);
  });

  test('sends a password only where its field is shown', () => {
    const typed = { ...FORM, targetKind: 'address' as const, password: 'of another host' };
    expect(inputOf(typed, WINDOW).target).toHaveProperty('password', 'of another host');
    expect(inputOf({ ...typed, targetKind: 'alias' }, WINDOW).target).toEqual({ alias: 'staging' });
    const named = { ...typed, targetKind: 'alias' as const, user: 'app' };
    expect(inputOf(named, WINDOW).target).toEqual({ alias: 'staging', user: 'app', password: 'of another host' });
    expect(inputOf({ ...named, user: ' ' }, WINDOW).target).toEqual({ alias: 'staging' });
  });

  test('names a transaction that is no id, and a name that is mapped twice or to nothing', () => {
    const row = { recorded: 'app', target: 'app_2', password: '' };
    expect(errorsOf({ ...FORM, transactions: '42' })).toHaveProperty('transactions');
    expect(errorsOf({ ...FORM, transactions: '3ad9e669-09dc-5178-b15a-82dca8ed7dff,' })).toEqual({});
    expect(errorsOf({ ...FORM, userMap: [row, { ...row, target: ' ' }] }).userMap).toMatch(/needs/);
    expect(errorsOf({ ...FORM, databaseMap: [row, row] }).databaseMap).toMatch(/twice/);
    expect(errorsOf({ ...FORM, userMap: [row, { recorded: '', target: '', password: '' }] })).toEqual({});
  });
});
